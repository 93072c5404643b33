"""z's against independent sources: Random123, Philox in plain integers, scipy, other formulae."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dcgan.config import PAPER, Prior
from dcgan.latents import operations
from dcgan.latents.operations import (
    check_latent,
    draw_latent,
    draw_latents,
    evaluate_latent,
    interpolate_keyframes,
    layer_gains,
    lerp,
    philox_words,
    slerp,
)
from dcgan.latents.spec import (
    At,
    Draw,
    Gain,
    Move,
    Noise,
    Scale,
    Slerp,
    SpecError,
    Sum,
    Turn,
    Z,
    parse,
)
from tests.vectors import make

STORED = json.loads(make.FILE.read_text())
RANDOM123 = [  # counter, key, output: kat_vectors of Random123, philox4x64 with 10 rounds
    (
        "0000000000000000 0000000000000000 0000000000000000 0000000000000000",
        "0000000000000000 0000000000000000",
        "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b",
    ),
    (
        "ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff",
        "ffffffffffffffff ffffffffffffffff",
        "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0",
    ),
    (
        "243f6a8885a308d3 13198a2e03707344 a4093822299f31d0 082efa98ec4e6c89",
        "452821e638d01377 be5466cf34e90c6c",
        "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6",
    ),
]


def numbers(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


def philox(counter: list[int], key: list[int]) -> list[int]:
    """One block of Philox4x64-10 in plain integers (Salmon et al. 2011), as JavaScript has it."""
    a, b, c, d = counter
    k, m = key
    for _ in range(10):
        p, q = a * 0xD2E7470EE14C6C93, c * 0xCA5A826395121157
        a, b, c, d = (q >> 64) ^ b ^ k, q % 2**64, (p >> 64) ^ d ^ m, p % 2**64
        k, m = (k + 0x9E3779B97F4A7C15) % 2**64, (m + 0xBB67AE8584CAA73B) % 2**64
    return [a, b, c, d]


@pytest.mark.parametrize(("counter", "key", "output"), RANDOM123)
def test_numpys_philox_gives_the_published_answers(counter: str, key: str, output: str) -> None:
    before = sum(n << 64 * i for i, n in enumerate(numbers(counter))) - 1
    bits = np.random.Philox(counter=before % 2**256, key=np.array(numbers(key), np.uint64))
    assert bits.random_raw(4).tolist() == numbers(output)
    assert philox(numbers(counter), numbers(key)) == numbers(output)


@pytest.mark.parametrize("stream", [operations.DRAW_STREAM, operations.NOISE_STREAM])
@pytest.mark.parametrize(("seed", "index"), [(0, 0), (3, 5), (2**53 - 1, 2**32 - 1)])
def test_words_are_the_blocks_that_the_docstring_names(seed: int, index: int, stream: int) -> None:
    blocks = [philox([block, index, 0, 0], [seed, stream]) for block in (1, 2, 3)]
    assert (
        philox_words(seed, index, 10, stream).tolist()
        == [w for block in blocks for w in block][:10]
    )


def close(stored: Any, computed: Any) -> bool:
    if isinstance(stored, dict):
        return stored.keys() == computed.keys() and all(
            close(stored[key], computed[key]) for key in stored
        )
    if isinstance(stored, list):
        return len(stored) == len(computed) and all(map(close, stored, computed))
    if isinstance(stored, float):
        return math.isclose(stored, computed, rel_tol=1e-12, abs_tol=1e-12)
    return stored == computed


@pytest.mark.parametrize("section", STORED)
def test_the_shared_vectors_are_what_the_code_computes(section: str) -> None:
    computed = json.loads(json.dumps(make.vectors()))
    assert STORED.keys() == computed.keys()
    assert close(STORED[section], computed[section]), "run python -m tests.vectors.make"


@pytest.mark.parametrize(
    ("prior", "cdf"), [("uniform", stats.uniform(-1, 2)), ("normal", stats.norm)]
)
def test_draws_follow_the_prior(prior: Prior, cdf: Any) -> None:
    z = draw_latents(0, 0, 500, 100, prior)
    assert stats.kstest(z.ravel(), cdf.cdf).pvalue > 0.01
    assert abs(np.corrcoef(z[:, 0::2].ravel(), z[:, 1::2].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(z[:-1].ravel(), z[1:].ravel())[0, 1]) < 0.02
    if prior == "uniform":
        assert z.min() >= -1
        assert z.max() < 1
        assert np.linalg.norm(z, axis=1).mean() == pytest.approx(5.77, abs=0.05)


@pytest.mark.parametrize("prior", ["uniform", "normal"])
def test_a_draw_does_not_depend_on_its_company(prior: Prior) -> None:
    z = draw_latents(4, 10, 3, 7, prior)
    assert z.shape == (3, 7)
    assert z.dtype == np.float64
    assert (z[2] == draw_latent(4, 12, 7, prior)).all()
    assert (z[2, :4] == draw_latent(4, 12, 4, prior)).all()
    with pytest.raises(ValueError, match="read-only"):
        draw_latent(4, 12, 7, prior)[0] = 0  # others are given the same one
    assert draw_latents(4, 10, 0, 7, prior).shape == (0, 7)
    others = (
        draw_latent(5, 12, 7, prior),
        draw_latent(4, 13, 7, prior),
        draw_latent(4, 12, 7, prior, operations.NOISE_STREAM),
    )
    assert not any(np.isclose(z[2], other).any() for other in others)


def test_a_normal_draw_is_finite_where_the_uniform_one_is_at_its_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends = np.array([0, 0, 2**64 - 1, 2**64 - 1], np.uint64)
    monkeypatch.setattr(operations, "philox_words", lambda *_: ends)
    assert draw_latent(0, 0, 4, "uniform").tolist() == [-1, -1, 1 - 2**-52, 1 - 2**-52]
    assert np.isfinite(draw_latent(0, 0, 4, "normal")).all()


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (10**20, 0), (0, 2**32), (0.5, 0)])
def test_a_draw_out_of_bounds_is_refused(seed: Any, index: int) -> None:
    with pytest.raises(SpecError, match="must be a whole number from 0 to"):
        draw_latents(seed, index, 1, 4, "uniform")


vectors = st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(np.array)


@settings(deadline=None)
@given(st.floats(0, 1), vectors, vectors)
def test_slerp_turns_evenly_and_scales_evenly(t: float, a: np.ndarray, b: np.ndarray) -> None:
    norms = np.linalg.norm(a), np.linalg.norm(b)
    z = slerp(t, a, b)
    sine = np.linalg.norm(np.cross(a, b)) / (norms[0] * norms[1] or 1)
    if min(norms) < 1e-3 or sine < 1e-3:
        assert np.isfinite(z).all()
        return
    assert np.linalg.norm(z) == pytest.approx((1 - t) * norms[0] + t * norms[1])
    # Gram-Schmidt: rotate a towards b by t times the angle between them
    along = a / norms[0]
    across = b - (b @ along) * along
    across /= np.linalg.norm(across)
    angle = t * math.atan2(b @ across, b @ along)
    direction = math.cos(angle) * along + math.sin(angle) * across
    np.testing.assert_allclose(z / np.linalg.norm(z), direction, atol=1e-9)


@pytest.mark.parametrize("between", [lerp, slerp])
def test_interpolation_gives_its_ends_exactly(between: Any) -> None:
    a, b = draw_latents(0, 0, 2, 100, "normal")
    assert (between(0, a, b) == a).all()
    assert (between(1, a, b) == b).all()


@pytest.mark.parametrize("factor", [1, 2.5, -1, 0])
def test_slerp_is_lerp_where_there_is_no_single_arc(factor: float) -> None:
    a = draw_latent(0, 0, 100, "uniform")
    np.testing.assert_allclose(slerp(0.3, a, factor * a), lerp(0.3, a, factor * a), atol=1e-12)
    np.testing.assert_allclose(slerp(0.3, factor * a, a), lerp(0.3, factor * a, a), atol=1e-12)


KEYFRAMES = [Draw(3, index) for index in range(3)]


def place(z: Z) -> np.ndarray:
    return evaluate_latent(z, 4, "uniform", {})


@pytest.mark.parametrize(("spherical", "between"), [(True, slerp), (False, lerp)])
def test_an_open_walk_visits_every_keyframe(spherical: bool, between: Any) -> None:
    path = [
        place(z) for z in interpolate_keyframes(KEYFRAMES, 9, closed=False, spherical=spherical)
    ]
    ends = [place(keyframe) for keyframe in KEYFRAMES]
    np.testing.assert_allclose(path[::4], ends, atol=1e-12)
    np.testing.assert_allclose(path[5], between(0.25, *ends[1:]), atol=1e-12)


def test_a_closed_walk_comes_home_without_repeating_itself() -> None:
    path = [place(z) for z in interpolate_keyframes(KEYFRAMES, 12, closed=True, spherical=False)]
    first, last = place(KEYFRAMES[0]), place(KEYFRAMES[2])
    np.testing.assert_allclose(path[0], first)
    np.testing.assert_allclose(path[11], last + 0.75 * (first - last), atol=1e-6)


def test_a_walk_needs_two_keyframes_and_a_step() -> None:
    with pytest.raises(ValueError, match="at least 2 keyframes"):
        interpolate_keyframes(KEYFRAMES[:1], 5, closed=True, spherical=False)
    with pytest.raises(ValueError, match="1 step"):
        interpolate_keyframes(KEYFRAMES, 0, closed=True, spherical=False)


def test_trees_are_the_sums_they_say() -> None:
    def value(z: Any) -> np.ndarray:
        return evaluate_latent(z, 8, "normal", {"smile": np.arange(8.0)})

    a, b, c = (Draw(1, i) for i in range(3))
    za, zb, zc = draw_latents(1, 0, 3, 8, "normal")
    assert (value(a) == za).all()
    np.testing.assert_allclose(value(Sum(((1, a), (-2, b)))), za - 2 * zb)
    np.testing.assert_allclose(value(Turn(0.5, a, b, c)), zc + 0.5 * (zb - za))
    np.testing.assert_allclose(value(Scale(-3, a)), -3 * za)
    np.testing.assert_allclose(value(Slerp(0.5, a, b)), slerp(0.5, za, zb))
    steps = (("smile", 2), ("smile", 0.5))
    np.testing.assert_allclose(value(Move(steps, a)), za + 2.5 * np.arange(8))


def test_a_z_by_its_values_is_within_half_a_step() -> None:
    [z] = draw_latents(1, 0, 1, 100, "normal")
    again = parse(f"v1:faces@0123abcd:{At(tuple(z))}").z
    assert np.abs(evaluate_latent(again, 100, "normal", {}) - z).max() <= 0.5 / 4096
    with pytest.raises(SpecError, match="has 99 values, not the 100"):
        evaluate_latent(Scale(1, again), 99, "normal", {})
    with pytest.raises(SpecError, match="has 99 values, not the 100"):
        check_latent(Scale(1, again), 99, {})


def test_noise_is_uniform_whatever_the_prior() -> None:
    still = Scale(0, Draw(0, 0))
    noise = [evaluate_latent(Noise(0.25, 0, i, still), 100, "normal", {}) for i in range(100)]
    assert stats.kstest(np.ravel(noise), stats.uniform(-0.25, 0.5).cdf).pvalue > 0.01


@pytest.mark.parametrize(("known", "says"), [(("b", "a"), "it has: a, b"), ((), "it has: none")])
def test_an_unknown_direction_is_refused(known: tuple[str, ...], says: str) -> None:
    directions = {name: np.zeros(4) for name in known}
    with pytest.raises(SpecError, match=f"no direction called 'smile'; {says}"):
        evaluate_latent(Move((("smile", 1),), Draw(0, 0)), 4, "uniform", directions)


def test_gains_without_a_mask_are_one_factor_a_map() -> None:
    found = layer_gains([Gain(2, 0, (0, 511)), Gain(1, 2, (3,))], PAPER.layer_shapes)
    assert found.keys() == {1, 2}
    assert found[2].shape == (512, 1, 1)
    assert found[2].dtype == np.float32
    assert np.flatnonzero(found[2] == 0).tolist() == [0, 511]
    assert found[2].sum() == 510
    assert found[1][3] == 2
    assert layer_gains([], PAPER.layer_shapes) == {}


def test_a_mask_bounds_a_gain_and_overlapping_gains_multiply() -> None:
    region = np.zeros((3, 5), bool)
    region[1:, 2:4] = True
    mask = np.packbits(region).tobytes()
    edits = [Gain(1, 2, (0, 1)), Gain(1, 0.25, (1,), mask), Gain(1, 2, (0,), mask)]
    [factor] = layer_gains(edits, [(3, 3, 5)]).values()
    assert factor.shape == (3, 3, 5)
    assert (factor[0] == np.where(region, 3, 2)).all(), "2 * 2 is limited to 3"
    assert (factor[1] == np.where(region, 0.5, 2)).all()
    assert (factor[2] == 1).all()


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (Gain(3, 0, (0,)), "layers go from 1 to 2, so there is no layer 3"),
        (Gain(2, 0, (1, 4)), "layer 2 has feature maps 0 to 3, so there is no map 4"),
        (Gain(2, 0, (1,), b"1"), r"layer 2 \(3 x 5\) must have 2 bytes, one bit per cell, not 1"),
    ],
)
def test_an_edit_that_the_network_has_no_place_for_is_refused(edit: Gain, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        layer_gains([edit], [(8, 1, 1), (4, 3, 5)])
