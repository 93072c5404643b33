"""What Python and JavaScript must compute alike: parse.js and latent.js in a real Chromium."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, get_args

import numpy as np
import pytest
from playwright.sync_api import Browser

from dcgan.config import Prior
from dcgan.latents import operations
from dcgan.latents.spec import (
    At,
    Draw,
    Gain,
    Lerp,
    Mean,
    Move,
    Noise,
    PictureSpec,
    Scale,
    Slerp,
    SpecError,
    Sum,
    Turn,
    Z,
    parse,
)
from dcgan.latents.spec_fields import DecimalField
from dcgan.paths import WEB
from tests.vectors import make

VECTORS = json.loads(make.FILE.read_text())
DIRECTIONS = {case["name"]: case["z"] for case in VECTORS["directions"]}
SIZE = len(DIRECTIONS["z"])
SCRIPT = """async (given) => {
  const { parse, print, SpecError } = await import("/core/parse.js");
  const { words, draw, evaluate, gains } = await import("/core/latent.js");
  const { number } = await import("/core/spec.js");
  const said = (call) => {
    try {
      return [true, call()];
    } catch (error) {
      if (error instanceof SpecError) return [false, error.message];
      throw error;
    }
  };
  return (%s)(given);
}"""

Run = Callable[..., Any]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def run(browser: Browser) -> Iterator[Run]:
    """Calls a JavaScript function, which sees the modules, with a value.

    `said(call)` there gives [true, its value] or [false, its SpecError's sentence].
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(WEB))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/core/parse.js")
        yield lambda function, given=None: page.evaluate(SCRIPT % function, given)
        page.close()
        server.shutdown()


def said(call: Callable[[], object]) -> list[object]:
    try:
        return [True, call()]
    except SpecError as error:
        return [False, str(error)]


def cases(section: str, *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(case[key] for key in keys) for case in VECTORS[section]]


EVALUATED = "({ text, ...model }) => Array.from(evaluate(parse(text).z, model))"


def model(text: str, prior: Prior, size: int = SIZE) -> dict[str, Any]:
    return {"text": text, "prior": prior, "size": size, "directions": DIRECTIONS}


def assert_close(found: list[float], expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", VECTORS["words"])
def test_words(run: Run, case: dict[str, Any]) -> None:
    found = run(
        """({ seed, index, stream, words: { length } }) =>
          Array.from(words(seed, index, length, stream), (word) => word.toString(16))""",
        case,
    )
    assert [word.zfill(16) for word in found] == case["words"]


@pytest.mark.parametrize(("text", "prior", "z"), cases("latents", "text", "prior", "z"))
def test_latents(run: Run, text: str, prior: Prior, z: list[float]) -> None:
    assert_close(run(EVALUATED, model(text, prior)), z)


@pytest.mark.parametrize(("name", "z"), cases("directions", "name", "z"))
def test_directions(run: Run, name: str, z: list[float]) -> None:
    text = f"{make.HEAD}move({name},1,scale(0,z(1,0)))"
    assert run(EVALUATED, model(text, "uniform")) == z


GAINS = """({ text, shapes }) => said(() => Array.from(
  gains(parse(text).gains, shapes),
  ([layer, { shape, factors }]) => ({ layer, shape, factors: Array.from(factors) }),
))"""


@pytest.mark.parametrize("case", VECTORS["gains"])
def test_gains(run: Run, case: dict[str, Any]) -> None:
    given = {"text": case["text"], "shapes": case["layer_shapes"]}
    assert run(GAINS, given) == [True, case["gains"]]


@pytest.mark.parametrize(
    "edit", ["gain(4,0,0)", "gain(2,0,1.3)", "gain(2,0,1,qg)", "gain(1,0,0):gain(9,0,0)"]
)
def test_an_edit_that_the_network_has_no_place_for_is_refused_alike(run: Run, edit: str) -> None:
    text = f"{make.HEAD}z(1,0):{edit}"
    expected = said(lambda: operations.layer_gains(parse(text).gains, make.LAYER_SHAPES))
    assert expected[0] is False
    assert run(GAINS, {"text": text, "shapes": make.LAYER_SHAPES}) == expected


@pytest.mark.parametrize("known", [DIRECTIONS, {}])
@pytest.mark.parametrize("name", ["frown", "constructor"])
def test_an_unknown_direction_is_refused_alike(run: Run, known: dict[str, Any], name: str) -> None:
    text = f"{make.HEAD}move({name},1,z(1,0))"
    expected = said(lambda: operations.evaluate_latent(parse(text).z, SIZE, "uniform", known))
    assert expected[0] is False
    given = {**model(text, "uniform"), "directions": known}
    assert run(f"(given) => said(() => ({EVALUATED})(given))", given) == expected


@pytest.mark.parametrize(("value", "text"), cases("numbers", "number", "text"))
def test_numbers(run: Run, value: float, text: str) -> None:
    assert run("(value) => number(value)", value) == text
    scale = f"{make.HEAD}scale({text},z(1,0))"
    given = [scale, DecimalField(-100, 100).check("it", value)]
    assert run("([text, factor]) => Object.is(parse(text).z.factor, factor)", given)


def test_another_number_of_values_is_refused_alike(run: Run) -> None:
    text = f"{make.HEAD}scale(1,at(AAA))"
    expected = said(lambda: operations.evaluate_latent(parse(text).z, SIZE, "uniform", {}))
    assert expected == [False, "this model's z has 7 values, not the 1 of this at(...)"]
    assert run(f"(given) => said(() => ({EVALUATED})(given))", model(text, "uniform")) == expected


PRINTED = "(text) => said(() => print(parse(text)))"


@pytest.mark.parametrize(("text", "canonical"), cases("canonical", "text", "canonical"))
def test_canonical(run: Run, text: str, canonical: str) -> None:
    assert run(PRINTED, text) == [True, canonical]
    assert run(PRINTED, canonical) == [True, canonical]


@pytest.mark.parametrize(("text", "says"), cases("invalid", "text", "says"))
def test_invalid(run: Run, text: str, says: str) -> None:
    read, sentence = run(PRINTED, text)
    assert not read
    assert says in sentence
    assert without_value(sentence) == without_value(str(said(lambda: parse(text))[1]))


def without_value(sentence: str) -> str:
    """A sentence up to the value at its end, which Python and JavaScript may show differently."""
    return re.split(", not |found '", sentence)[0]


def test_a_tree_is_what_the_modules_say(run: Run) -> None:
    text = "v1:a/b@0123abcd:move(c,1.5,d,-1,z(1,2)):gain(2,0.5,1.7-9,_w):gain(1,0,3):class(3)"
    gain = "({ mask, ...gain }) => ({ ...gain, mask: mask && Array.from(mask) })"
    tree = f"(text) => (({{ gains, ...rest }}) => ({{ ...rest, gains: gains.map({gain}) }}))"
    assert run(f"{tree}(parse(text))", text) == {
        "model": "a/b",
        "weights": "0123abcd",
        "z": {
            "name": "move",
            "steps": [["c", 1.5], ["d", -1]],
            "z": {"name": "z", "seed": 1, "index": 2},
        },
        "gains": [
            {"name": "gain", "layer": 2, "gain": 0.5, "maps": [1, 7, 8, 9], "mask": [255]},
            {"name": "gain", "layer": 1, "gain": 0, "maps": [3], "mask": None},
        ],
        "label": 3,
    }
    assert run("(text) => parse(text).label", make.HEAD + "z(1,0)") is None


def test_a_tree_too_long_for_a_text_is_refused_alike(run: Run) -> None:
    text = make.HEAD + "z(1,0):gain(1,0,0," + "A" * 2731 + ")"
    spec = parse(text)
    expected = said(
        lambda: PictureSpec(spec.model, spec.weights, spec.z, (*spec.gains, *spec.gains))
    )
    twice = """(text) => said(() => {
      const spec = parse(text);
      return print({ ...spec, gains: [...spec.gains, ...spec.gains] });
    })"""
    assert run(twice, text) == expected


def test_a_draw_that_is_remembered_is_not_changed_by_who_asked(run: Run) -> None:
    again = """() => {
      const first = draw(1, 0, 5, "normal");
      const values = Array.from(first);
      first.fill(9);
      for (let index = 0; index < 600; index++) draw(2, index, 5, "normal");
      return [values, draw(1, 0, 5, "normal"), draw(1, 0, 5, "normal"), draw(1, 0, 5, "uniform")]
        .map((z) => Array.from(z));
    }"""
    values, later, cached, uniform = run(again)
    assert values == later == cached
    assert_close(values, operations.draw_latent(1, 0, 5, "normal"))
    assert_close(uniform, operations.draw_latent(1, 0, 5, "uniform"))


def random_z(rng: random.Random, depth: int) -> Z:
    """A z whose numbers stay small, so that 1e-12 is still far above what rounding does."""

    def part() -> Z:
        return random_z(rng, depth - 1)

    def factor() -> float:
        return rng.choice([rng.uniform(-3, 3), rng.randint(-3, 3)])

    seed, index = rng.choice([rng.randrange(9), rng.randrange(2**53)]), rng.randrange(2**32)
    if depth == 0:
        point = At(tuple(rng.uniform(-8, 8) for _ in range(SIZE)))
        return rng.choice([Draw(seed, index), point])
    several = range(rng.randint(2, 3))
    return rng.choice(
        [
            lambda: Mean(tuple(part() for _ in several)),
            lambda: Sum(tuple((factor(), part()) for _ in several)),
            lambda: Lerp(rng.random(), part(), part()),
            lambda: Slerp(rng.choice([0, 1, rng.random()]), part(), part()),
            lambda: Noise(rng.uniform(0, 2), seed, index, part()),
            lambda: Move(tuple((rng.choice([*DIRECTIONS]), factor()) for _ in several), part()),
            lambda: Turn(factor(), part(), part(), part()),
            lambda: Scale(factor(), part()),
        ]
    )()


def random_gain(rng: random.Random) -> Gain:
    maps = tuple(rng.randrange(40) for _ in range(rng.randint(1, 30)))
    mask = rng.choice([None, rng.randbytes(rng.randint(1, 9))])
    return Gain(rng.randint(1, 64), rng.uniform(0, 3), maps, mask)


def random_texts(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return [
        str(
            PictureSpec(
                rng.choice(["faces", "faces/seen-30k"]),
                f"{rng.randrange(2**32):08x}",
                random_z(rng, depth=rng.randint(0, 3)),
                tuple(random_gain(rng) for _ in range(rng.randint(0, 2))),
                rng.choice([None, rng.randrange(10_000)]),
            )
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("prior", get_args(Prior))
def test_random_trees_are_evaluated_alike(run: Run, prior: Prior) -> None:
    texts = random_texts(1, 300)
    found = run(f"(given) => given.map({EVALUATED})", [model(text, prior) for text in texts])
    directions = {name: np.array(z) for name, z in DIRECTIONS.items()}
    for text, z in zip(texts, found, strict=True):
        assert_close(z, operations.evaluate_latent(parse(text).z, SIZE, prior, directions))


def test_random_texts_are_printed_as_they_are(run: Run) -> None:
    texts = random_texts(2, 300)
    spaced = [re.sub("([(),:@])", " \\1\n", text) for text in texts]
    expected = [[True, text] for text in texts]
    assert run(f"(texts) => texts.map({PRINTED})", texts) == expected
    assert run(f"(texts) => texts.map({PRINTED})", spaced) == expected


def test_damaged_texts_are_read_or_refused_alike(run: Run) -> None:
    rng = random.Random(3)
    damaged = []
    for text in random_texts(3, 300) * 4:
        start = rng.randrange(len(text))
        change = "".join(rng.choices("z(1,.):@-90é;", k=rng.randint(0, 3)))
        damaged.append(text[:start] + change + text[start + rng.randint(0, 3) :])
    found = run(f"(texts) => texts.map({PRINTED})", damaged)
    expected = [said(lambda text=text: str(parse(text))) for text in damaged]
    assert {read for read, _ in expected} == {True, False}
    for text, (read, says), (as_python, sentence) in zip(damaged, found, expected, strict=True):
        assert (read, without_value(says)) == (as_python, without_value(str(sentence))), text
