"""One step of the adversarial game (section 4), through Accelerate.

D learns from a real and a generated batch, each with its own batch statistics, then G through the
updated D from the same generated batch. An image counts as seen once it has been through both.
Deviation: the generated batch is drawn once a step and used by both (the authors draw anew for G);
the picture costs one pass of G instead of two. D's weights get no gradient in G's step, where they
would be thrown away.
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
"""Steps over which the learning rate rises after --init: the optimisers start empty."""

NetworkFactory = Callable[[ModelConfig], tuple[Generator, Discriminator]]
"""What makes the two players; called anew for every copy that is exported."""


def make_networks(config: ModelConfig) -> tuple[Generator, Discriminator]:
    return Generator(config), Discriminator(config)


class Trainer:
    """Networks, optimisers and averages, and what they have seen."""

    def __init__(
        self,
        recipe: Recipe,
        pictures: Images,
        accelerator: Accelerator,
        networks: NetworkFactory = make_networks,
    ) -> None:
        """networks: what is played with in place of the recipe's own, by experiments.

        Raises DataError where the pictures do not fill a batch.
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
        torch.manual_seed(recipe.seed)  # the initial weights; all else is a function of the step
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
        """How often the run has gone back to go another way: other z's are drawn each time."""
        self.images_before: int | None = None
        """Images seen by the weights that these started from; None: they started from noise."""
        self.weights_before: str | None = None
        """The hash of those weights."""

    def _prepare(self, network: nn.Module) -> nn.Module:
        """As it is trained: in mixed precision, gradients averaged over the processes."""
        if self._synchronised:
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        if self.recipe.compile:
            network.compile(dynamic=False)  # in place: parameters keep their names
        prepared = self.accelerator.prepare(network)
        if isinstance(prepared, DistributedDataParallel):
            # each process keeps its own running statistics: D passes twice before a backward
            prepared.forward_sync_buffers = False
        return prepared

    def networks(self) -> dict[str, nn.Module]:
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
        """Steps that take a batch through both networks."""
        return 2 if self.recipe.updates == "alternating" else 1

    @property
    def images_seen(self) -> int:
        batches = self.step // self.steps_per_batch
        return (self.images_before or 0) + batches * self.recipe.batch_size

    @property
    def ended_epoch(self) -> int | None:
        """The number of the epoch, from 1, that the last step has ended; None within one."""
        epoch, rest = divmod(self.step, self.steps_per_batch * self.batches.steps_per_epoch)
        return None if rest else epoch

    def start_from(self, weights: Checkpoint) -> None:
        """--init: shipped weights, fresh optimisers; their images count as seen.

        Raises CheckpointError for the weights of another network.
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
        """A step of D and of G, or of the one whose turn it is; returns losses and D's answers."""
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
        """Within it the steps' batches are gathered ahead, where the recipe says so."""
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
        """G, or a copy where G's passes wait for the other processes, to be looked at by one."""
        return self._copy_generator(self.generator) if self._synchronised else self.generator

    def export_generator(self, averaged: bool = True) -> Generator:
        """A copy of G in eval mode, with statistics fixed in the precision that it is trained in.

        averaged: of the averaged G, where the recipe averages.
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
        """This process's part of a batch, and its classes."""
        pictures, classes = self.batches.at(number)
        real = self._tensor(images.from_uint8(pictures, self.recipe.model.output))
        return real, None if classes is None else self._tensor(classes)

    def _draw_latents(self, step: int) -> Tensor:
        """This process's part of the step's z's."""
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
        """What D sees of this process's part of a batch; each purpose has its own random draws."""
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
    """bfloat16 where the hardware computes in it, float32 ("no" mixed precision) elsewhere."""
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "no"
    abilities = torch.cpu.get_capabilities()  # avx512_bf16, amx_bf16 and the like
    return "bf16" if any(has and "bf16" in name for name, has in abilities.items()) else "no"


def _bce(logits: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def _rising_average(decay: float) -> Callable[..., None]:
    """An exponential average whose decay rises to `decay`, so that early pictures mean something.

    With a constant one the first epochs' average would still be mostly the initial weights.
    """

    def average(averaged: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        now = min(decay, (1 + int(count)) / (10 + int(count)))
        get_ema_multi_avg_fn(now)(averaged, current, count)

    return average
