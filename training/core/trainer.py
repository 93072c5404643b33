"""One step of the adversarial game (section 4), through Accelerate.

D is updated on a real and a generated batch, each normalised with its own batch statistics; then G
is updated through the new D on the same generated batch. An image counts as seen once both networks
have been updated with its batch. Deviation: the generated batch is sampled once a step and used for
both updates (the authors sample anew for G), which saves one forward pass of G. D's parameters do
not require gradients during G's update, because those gradients would be discarded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Adam, Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dcgan.config import ModelConfig
from dcgan.media import images
from dcgan.models.checkpoint import Checkpoint, CheckpointError
from dcgan.models.networks import Discriminator, Generator
from training.core.batch_norm import fix_statistics
from training.core.matmul_convolution import use_matrix_products
from training.data.augmentation import DRAWS_PER_IMAGE, augment
from training.data.datasets import Images
from training.data.sampler import BatchSampler, Prefetcher, random_generator
from training.recipes import Recipe

WARM_UP_STEPS = 200
"""Steps of linear learning rate warm-up after --init, where Adam's moments start at zero."""

NetworkFactory = Callable[[ModelConfig], tuple[Generator, Discriminator]]
"""Function that builds G and D; also called for every copy of G that is exported."""


def make_networks(config: ModelConfig) -> tuple[Generator, Discriminator]:
    """Return a new G and D with random weights."""
    return Generator(config), Discriminator(config)


class Trainer:
    """Networks, optimisers, the moving average of G, and the step counter.

    All randomness after the initial weights is derived from (seed, step).
    """

    def __init__(
        self,
        recipe: Recipe,
        pictures: Images,
        accelerator: Accelerator,
        networks: NetworkFactory = make_networks,
    ) -> None:
        """Build the networks and optimisers.

        networks: factory of G and D, for experiments that modify the recipe's architecture.

        Raises DataError if the images do not fill a batch.
        """
        self.recipe, self.accelerator, self._make = recipe, accelerator, networks
        self.batches = BatchSampler(
            pictures.train,
            recipe.batch_size,
            recipe.seed,
            recipe.mirror,
            labels=pictures.labels,
            process=accelerator.process_index,
            processes=accelerator.num_processes,
        )
        torch.manual_seed(recipe.seed)  # for the initial weights only
        self.generator, self.discriminator = networks(recipe.model)
        self.average = AveragedModel(self.generator, multi_avg_fn=_rising_average(recipe.average))
        for network in self.networks().values():
            network.to(accelerator.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  (a keyword-only overload)
        if accelerator.device.type == "cpu" and accelerator.mixed_precision == "bf16":
            use_matrix_products(self.generator)
            use_matrix_products(self.discriminator)
        self._ahead: Prefetcher[tuple[Tensor, Tensor | None]] | None = None
        self._generate = self._prepare(self.generator)
        self._discriminate = self._prepare(self.discriminator)
        self.optimisers: dict[str, Optimizer] = {
            name: accelerator.prepare(
                Adam(
                    network.parameters(),
                    recipe.learning_rate,
                    betas=(recipe.beta1, 0.999),
                    weight_decay=recipe.l2,
                    fused=True,
                )
            )
            for name, network in (("adam_g", self.generator), ("adam_d", self.discriminator))
        }
        self.step = 0
        self.attempt = 0
        """Number of rollbacks so far; part of the seed of the latents, so that a retry differs."""
        self.images_before: int | None = None
        """Images seen by the weights given to --init; None for random initial weights."""
        self.weights_before: str | None = None
        """Hash of the weights given to --init."""

    def _prepare(self, network: nn.Module) -> nn.Module:
        """Wrap a network for training: SyncBatchNorm, torch.compile, mixed precision and DDP."""
        if self._synchronised:
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        if self.recipe.compile:
            network.compile(dynamic=False)  # in place: parameters keep their names
        prepared = self.accelerator.prepare(network)
        if isinstance(prepared, DistributedDataParallel):
            # D runs forward twice before a backward; broadcasting buffers in between would modify
            # them in place. Each process keeps its own running statistics instead.
            prepared.forward_sync_buffers = False
        return prepared

    def networks(self) -> dict[str, nn.Module]:
        """Return the modules that a state has to save, by name."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
        }

    @property
    def _synchronised(self) -> bool:
        return self.recipe.sync_norm and self.accelerator.num_processes > 1

    @property
    def steps_per_batch(self) -> int:
        """Steps until both networks have been updated with a batch."""
        return 2 if self.recipe.updates == "alternating" else 1

    @property
    def images_seen(self) -> int:
        """Images seen so far, including those seen by the initial weights."""
        batches = self.step // self.steps_per_batch
        return (self.images_before or 0) + batches * self.recipe.batch_size

    @property
    def ended_epoch(self) -> int | None:
        """Number of the epoch (from 1) that the last step completed; None within an epoch."""
        epoch, rest = divmod(self.step, self.steps_per_batch * self.batches.steps_per_epoch)
        return None if rest else epoch

    def start_from(self, weights: Checkpoint) -> None:
        """Initialise the networks from a checkpoint, with fresh optimisers.

        The images that the checkpoint has seen are added to `images_seen`. Raises CheckpointError
        if its architecture is not the recipe's.
        """
        if weights.config != self.recipe.model:
            raise CheckpointError(
                f"{weights.folder} holds another network than the recipe's; compare its "
                "config.json with the output of --dry-run"
            )
        generator = weights.generator().state_dict()
        self.generator.load_state_dict(generator)
        self.average.module.load_state_dict(generator)
        self.discriminator.load_state_dict(weights.discriminator().state_dict())
        self.images_before = int(weights.metadata.get("images_seen", 0))
        self.weights_before = weights.hash

    def train_step(self) -> dict[str, Tensor]:
        """Update D and G, or only one of them if the recipe alternates.

        Returns scalar tensors: loss_d, loss_g, and D's mean probabilities d_real and d_fake.
        """
        recipe, step = self.recipe, self.step
        self._warm_up()
        batch = self._ahead.at if self._ahead else self._batch
        real, labels = batch(step // self.steps_per_batch)
        real = real.contiguous(memory_format=torch.channels_last)
        fake = self._generate(self._draw_latents(step), labels)
        turn = step % self.steps_per_batch
        losses: dict[str, Tensor] = {}
        if turn == 0:
            on_real = self._discriminate(self._augment(real, "real"), labels)
            on_fake = self._discriminate(self._augment(fake.detach(), "fake"), labels)
            loss = _bce(on_real, 1.0) + _bce(on_fake, 0.0)
            self._update("adam_d", loss)
            losses["loss_d"] = loss.detach()
            losses["d_real"] = on_real.detach().sigmoid().mean()
            losses["d_fake"] = on_fake.detach().sigmoid().mean()
        if turn == self.steps_per_batch - 1:
            self.discriminator.requires_grad_(False)
            loss = _bce(self.discriminator(self._augment(fake, "fake for G"), labels), 1.0)
            self._update("adam_g", loss)
            self.discriminator.requires_grad_(True)
            if recipe.average:
                self.average.update_parameters(self.generator)
            losses["loss_g"] = loss.detach()
        self.step += 1
        return losses

    @contextmanager
    def prefetching(self) -> Iterator[None]:
        """Prefetch batches in a thread within this context, if the recipe asks for it."""
        if not self.recipe.prefetch:
            yield
            return
        with Prefetcher(self._batch) as ahead:
            self._ahead = ahead
            try:
                yield
            finally:
                self._ahead = None

    def generator_to_inspect(self) -> Generator:
        """Return a G that one process can run alone.

        With SyncBatchNorm a forward pass of G waits for all processes, so that a copy is returned.
        """
        return self._copy_generator(self.generator) if self._synchronised else self.generator

    def export_generator(self, averaged: bool = True) -> Generator:
        """Return a copy of G in eval mode with fixed batch normalisation statistics.

        The statistics are estimated in the training precision. averaged: copy the moving average
        of G, if the recipe keeps one.
        """
        source = self.average.module if averaged and self.recipe.average else self.generator
        with self.accelerator.autocast():
            return fix_statistics(self._copy_generator(source))

    def _copy_generator(self, source: nn.Module) -> Generator:
        generator, _ = self._make(self.recipe.model)
        generator.load_state_dict(source.state_dict())
        generator.to(self.accelerator.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  (a keyword-only overload)
        return generator

    def _batch(self, number: int) -> tuple[Tensor, Tensor | None]:
        """Return this process's part of a real batch and its class labels (None: no classes)."""
        pictures, classes = self.batches.at(number)
        real = self._tensor(images.from_uint8(pictures, self.recipe.model.output))
        return real, None if classes is None else self._tensor(classes)

    def _draw_latents(self, step: int) -> Tensor:
        """Return this process's part of the latents of a step."""
        config = self.recipe.model
        purpose = f"z {self.attempt}" if self.attempt else "z"
        generator = random_generator(self.recipe.seed, purpose, step)
        shape = self.recipe.batch_size, config.z_size
        if config.prior == "uniform":
            z = generator.uniform(-1, 1, shape)
        else:
            z = generator.standard_normal(shape)
        part = z[self.accelerator.process_index :: self.accelerator.num_processes]
        return self._tensor(part.astype(np.float32))

    def _augment(self, pictures: Tensor, purpose: str) -> Tensor:
        """Augment this process's part of a batch; `purpose` selects the random stream."""
        policy, config = self.recipe.augmentation, self.recipe.model
        if not policy:
            return pictures
        generator = random_generator(self.recipe.seed, f"augmentation of {purpose}", self.step)
        draws = generator.random((self.recipe.batch_size, DRAWS_PER_IMAGE))
        part = draws[self.accelerator.process_index :: self.accelerator.num_processes]
        return augment(pictures, policy, part, 1.0 if config.output == "tanh" else 0.5)

    def _tensor(self, array: np.ndarray) -> Tensor:
        tensor, device = torch.from_numpy(array), self.accelerator.device
        if self.recipe.prefetch and device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(device, non_blocking=True)

    def _update(self, name: str, loss: Tensor) -> None:
        optimiser = self.optimisers[name]
        optimiser.zero_grad()
        self.accelerator.backward(loss)
        optimiser.step()

    def _warm_up(self) -> None:
        if self.images_before is not None and self.step < WARM_UP_STEPS:
            for optimiser in self.optimisers.values():
                for group in optimiser.param_groups:
                    group["lr"] = self.recipe.learning_rate * (self.step + 1) / WARM_UP_STEPS


def best_precision() -> str:
    """Return "bf16" if the hardware computes in bfloat16, otherwise "no" (float32)."""
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "no"
    abilities = torch.cpu.get_capabilities()  # avx512_bf16, amx_bf16 and the like
    return "bf16" if any(has and "bf16" in name for name, has in abilities.items()) else "no"


def _bce(logits: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def _rising_average(decay: float) -> Callable[..., None]:
    """Return a multi-tensor EMA update whose decay rises to `decay`.

    With a constant decay the average of the first epochs would consist mostly of the initial
    weights.
    """

    def average(averaged: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        now = min(decay, (1 + int(count)) / (10 + int(count)))
        get_ema_multi_avg_fn(now)(averaged, current, count)

    return average
