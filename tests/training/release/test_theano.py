"""Our networks against the authors' formulae (Newmu/dcgan_code), computed without torch.

The formulae stand here in float64 and as sums over kernel positions; the parameters are the
authors' of 2015, taken as the files have them: nothing is transposed or rotated.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from torch import Tensor, nn

from dcgan.latents import operations
from dcgan.models.checkpoint import Checkpoint, CheckpointError
from dcgan.models.networks import Discriminator, Generator
from training.core.batch_norm import STATISTICS_SAMPLES, STATISTICS_SEED, fix_statistics
from training.release.theano import import_theano, read_networks

torch.set_num_threads(1)  # small networks on shared cores

Array = np.ndarray
Parameters = list[Array]
Networks = tuple[Generator, Discriminator]
Moments = tuple[Array, Array]
Statistics = Callable[[Array], Moments]


def of_the_batch(x: Array) -> Moments:
    """Means and (biased) variances of each map, or of each unit of a dense layer."""
    axes = (0, 2, 3)[: x.ndim - 1]
    return x.mean(axes), x.var(axes)


def batchnorm(x: Array, gain: Array, bias: Array, moments: Moments) -> Array:
    each = (slice(None),) + (None,) * (x.ndim - 2)
    mean, variance = moments
    return (x - mean[each]) / np.sqrt(variance[each] + 1e-8) * gain[each] + bias[each]


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def lrelu(x: Array) -> Array:
    return np.where(x > 0, x, 0.2 * x)


def taps(kernel: Array) -> Iterator[tuple[Any, Array]]:
    """What a position (i, j) of a 5x5 kernel sees of the padded input, and its weights.

    In a true convolution with stride 2, output y reads row 2 y + 4 - i.
    """
    for i in range(5):
        for j in range(5):
            rows, columns = (slice(4 - k, -k or None, 2) for k in (i, j))
            yield (..., rows, columns), kernel[:, :, i, j]


def conv(x: Array, kernel: Array) -> Array:
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)))
    parts = (np.einsum("nihw,oi->nohw", padded[at], w, optimize=True) for at, w in taps(kernel))
    return np.sum(list(parts), axis=0)


def deconv(x: Array, kernel: Array) -> Array:
    """The gradient of <conv(picture), x> with respect to the picture."""
    count, _, height, width = x.shape
    padded = np.zeros((count, kernel.shape[1], 2 * height + 4, 2 * width + 4))
    for at, w in taps(kernel):
        padded[at] += np.einsum("nohw,oi->nihw", x, w, optimize=True)
    return padded[:, :, 2:-2, 2:-2]


def gen(z: Array, parameters: Parameters, statistics: Statistics = of_the_batch) -> Array:
    """The authors' generator; `statistics` gives the moments to normalise each layer with."""
    w, g, b, w2, g2, b2, w3, g3, b3, wx = parameters
    h = z @ w
    h = relu(batchnorm(h, g, b, statistics(h))).reshape(-1, 256, 4, 4)
    h = deconv(h, w2)
    h = relu(batchnorm(h, g2, b2, statistics(h)))
    h = deconv(h, w3)
    h = relu(batchnorm(h, g3, b3, statistics(h)))
    return np.tanh(deconv(h, wx))


def discrim(x: Array, parameters: Parameters, statistics: Statistics = of_the_batch) -> Array:
    """The authors' discriminator before its sigmoid."""
    w, w2, g2, b2, w3, g3, b3, wy = parameters
    h = lrelu(conv(x, w))
    h = conv(h, w2)
    h = lrelu(batchnorm(h, g2, b2, statistics(h)))
    h = conv(h, w3)
    h = lrelu(batchnorm(h, g3, b3, statistics(h)))
    return (h.reshape(len(h), -1) @ wy)[:, 0]


class Recorder:
    """`of_the_batch`, and keeps what it saw, with the unbiased variances that torch averages."""

    def __init__(self) -> None:
        self.unbiased: list[Moments] = []

    def __call__(self, x: Array) -> Moments:
        mean, variance = of_the_batch(x)
        count = x.size // x.shape[1]
        self.unbiased.append((mean, variance * count / (count - 1)))
        return mean, variance


def stored_in(network: nn.Module) -> Statistics:
    """The fixed statistics of one of our networks, a layer a call."""
    norms = iter(m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d))

    def statistics(_: Array) -> Moments:
        norm = next(norms)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        return numbers(norm.running_mean), numbers(norm.running_var)

    return statistics


def numbers(tensor: Tensor) -> Array:
    return tensor.detach().double().numpy()


def assert_close(found: Tensor, expected: Array, at_most: float) -> None:
    np.testing.assert_allclose(numbers(found), expected, rtol=0, atol=at_most)


def both(checkpoint: Checkpoint) -> Networks:
    return checkpoint.generator(), checkpoint.discriminator()


def halved(parameters: Parameters) -> Parameters:
    """As a checkpoint stores them: weights in half precision, batch normalisation as it is."""
    return [p.astype(np.float16).astype(float) if p.ndim > 1 else p for p in parameters]


@pytest.fixture(scope="module")
def source(shared: Path) -> Path:
    return shared / "reference" / "svhn_unsup_all_conv_dcgan_100z_gaussian_lr_0.0005_64mb"


@pytest.fixture(scope="module")
def parameters(source: Path) -> tuple[Parameters, Parameters]:
    """The authors', of G and of D."""
    g, d = (sorted(source.glob(f"200_{name}_params.jl_*.npy")) for name in ("gen", "discrim"))
    return [np.load(p).astype(float) for p in g], [np.load(p).astype(float) for p in d]


@pytest.fixture
def networks(source: Path) -> Networks:
    return read_networks(source)


@pytest.fixture(scope="module")
def exported(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return import_theano(source, tmp_path_factory.mktemp("svhn"))


@pytest.fixture(scope="module")
def z() -> Tensor:
    return torch.from_numpy(operations.draw_latents(0, 0, 16, 100, "normal").astype(np.float32))


def test_the_oracles_convolution_is_scipys_and_its_gradient_is_the_adjoint() -> None:
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, 3, 8, 8)), rng.normal(size=(4, 3, 5, 5))
    expected = [
        [sum(convolve2d(c, k, "same")[::2, ::2] for c, k in zip(n, o, strict=True)) for o in kernel]
        for n in x
    ]
    np.testing.assert_allclose(conv(x, kernel), expected, atol=1e-12)
    y = rng.normal(size=(2, 4, 4, 4))
    assert np.vdot(conv(x, kernel), y) == pytest.approx(np.vdot(x, deconv(y, kernel)))


def test_pictures_and_scores_on_batch_statistics_are_the_authors(
    networks: Networks, parameters: tuple[Parameters, Parameters], z: Tensor
) -> None:
    pictures = networks[0](z)
    assert_close(pictures, gen(numbers(z), parameters[0]), 1e-4)
    scores = discrim(numbers(pictures), parameters[1])
    assert scores.std() > 1
    assert_close(networks[1](pictures), scores, 1e-4)


def test_pictures_and_scores_on_fixed_statistics_are_the_authors(
    networks: Networks,
    exported: Checkpoint,
    parameters: tuple[Parameters, Parameters],
    z: Tensor,
) -> None:
    for network, stored in zip(networks, both(exported), strict=True):
        network.load_state_dict({**network.state_dict(), **dict(stored.named_buffers())})
        network.eval()
    pictures = networks[0](z)
    assert_close(pictures, gen(numbers(z), parameters[0], stored_in(networks[0])), 1e-4)
    scores = discrim(numbers(pictures), parameters[1], stored_in(networks[1]))
    assert_close(networks[1](pictures), scores, 1e-4)


def test_the_checkpoint_differs_by_the_rounding_of_its_weights_only(
    exported: Checkpoint, parameters: tuple[Parameters, Parameters], z: Tensor
) -> None:
    generator, discriminator = both(exported)
    pictures = generator(z)
    drawn = gen(numbers(z), halved(parameters[0]), stored_in(generator))
    assert_close(pictures, drawn, 1e-4)
    scored = discrim(numbers(pictures), halved(parameters[1]), stored_in(discriminator))
    assert_close(discriminator(pictures), scored, 1e-4)


def test_half_precision_is_not_seen_in_pictures_or_scores(
    exported: Checkpoint, parameters: tuple[Parameters, Parameters], z: Tensor
) -> None:
    """Rounding moves each weight by at most 2**-11 of itself.

    Pictures may move by half a grey level of 2 / 255 (measured: a sixth of one). A score, which is
    a small difference of large sums, may move by 1% of the scores' spread (measured: 0.5%).
    """
    generator, discriminator = both(exported)
    pictures = generator(z)
    assert_close(pictures, gen(numbers(z), parameters[0], stored_in(generator)), 1 / 255)
    scores = discrim(numbers(pictures), parameters[1], stored_in(discriminator))
    assert_close(discriminator(pictures), scores, 0.01 * scores.std())


def test_fixed_statistics_are_averages_over_batches(
    networks: Networks, parameters: tuple[Parameters, Parameters]
) -> None:
    z = (
        operations.draw_latents(STATISTICS_SEED, 0, 32, 100, "normal")
        .astype(np.float32)
        .astype(float)
    )
    batches = [Recorder(), Recorder()]
    for recorder, part in zip(batches, np.split(z, 2), strict=True):
        gen(part, parameters[0], recorder)
    fixed = stored_in(fix_statistics(networks[0], 32, 16))
    for moments in zip(*(b.unbiased for b in batches), strict=True):
        np.testing.assert_allclose(fixed(z), np.mean(moments, axis=0), rtol=1e-4, atol=1e-5)


def test_the_checkpoints_statistics_are_those_of_thousands_of_pictures(
    exported: Checkpoint, parameters: tuple[Parameters, Parameters]
) -> None:
    assert STATISTICS_SAMPLES >= 2000
    generator, discriminator = both(exported)
    z = operations.draw_latents(STATISTICS_SEED, 0, STATISTICS_SAMPLES, 100, "normal").astype(
        np.float32
    )
    recorder = Recorder()
    for part in np.split(z.astype(float) @ parameters[0][0], STATISTICS_SAMPLES // 128):
        recorder(part)
    expected = np.mean(recorder.unbiased, axis=0)
    np.testing.assert_allclose(stored_in(generator)(z), expected, rtol=1e-4, atol=1e-5)

    some = Recorder()
    discrim(numbers(generator(torch.from_numpy(z[:128]))), parameters[1], some)
    fixed = stored_in(discriminator)
    for mean, variance in some.unbiased:
        all_mean, all_variance = fixed(z)
        assert (abs(mean - all_mean) < 0.3 * np.sqrt(all_variance)).all()
        np.testing.assert_allclose(variance, all_variance, rtol=0.5)


def test_the_card_says_where_the_weights_come_from(exported: Checkpoint) -> None:
    assert exported.metadata["license"] == "mit"
    for words in ("github.com/Newmu/dcgan_code", "Copyright (c) 2015 Alec Radford", "4,096 z"):
        assert words in exported.card


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: path.unlink(), "there is no .*jl_05.npy: give the folder with the authors'"),
        (lambda path: path.write_bytes(path.read_bytes()[:-4]), "jl_05.npy can't be read"),
        (lambda path: path.write_bytes(b"PK"), "jl_05.npy can't be read"),
        (lambda path: np.save(path, np.array([{}]), allow_pickle=True), "jl_05.npy can't be read"),
        (lambda path: np.save(path, np.ones((128, 256, 5, 5))), r"has \(256, 128, 5, 5\) there"),
    ],
    ids=["missing", "truncated", "not numpy", "pickled", "wrong shape"],
)
def test_a_bad_file_is_named(
    source: Path, tmp_path: Path, damage: Callable[[Path], object], says: str
) -> None:
    folder = shutil.copytree(source, tmp_path / "source", copy_function=shutil.copyfile)
    damage(folder / "200_discrim_params.jl_05.npy")
    with pytest.raises(CheckpointError, match=says):
        import_theano(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_dense_weight_must_lie_as_in_theano(source: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(source, tmp_path / "source", copy_function=shutil.copyfile)
    np.save(folder / "200_gen_params.jl_01.npy", np.ones((4096, 100), np.float32))
    with pytest.raises(CheckpointError, match=re.escape("(4096, 100), but the authors' SVHN")):
        import_theano(folder, tmp_path / "out")
