"""Pictures that are asked for at once: shared forwards, turns, bounds, and whose errors."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request

from dcgan.latents.spec import Draw, Gain, PictureSpec, parse
from dcgan.models.checkpoint import CheckpointError
from dcgan.rendering.engine import Engine, Model, RenderInputs
from dcgan.ui.serving import http, micro_batching
from dcgan.ui.serving.micro_batching import MicroBatcher, QueueFullError
from tests import loops, tiny


class Watched(Engine):
    """Remembers what is rendered together, and can be held while it renders."""

    def __init__(self, sources: dict[str, Path]) -> None:
        super().__init__(sources)
        self.batches: list[list[PictureSpec]] = []
        self.free = threading.Event()
        self.free.set()
        for model in self.models.values():
            self._watch(model)

    def _watch(self, model: Model) -> None:
        render = model.render_resolved

        def watched(inputs: Sequence[RenderInputs]) -> np.ndarray:
            self.batches.append([one.spec for one in inputs])
            assert self.free.wait(30)
            return render(inputs)

        model.render_resolved = watched

    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {name: tmp_path_factory.mktemp(name) for name in ("tiny", "other", "digits", "torn")}
    tiny.save(found["tiny"])
    tiny.save(found["other"], seed=1)
    tiny.save(found["digits"], dataclasses.replace(tiny.CONFIG, classes=3))
    tiny.save(found["torn"])
    return found


@pytest.fixture
def engine(folders: dict[str, Path]) -> Watched:
    return Watched(folders)


def samples(engine: Engine, count: int, seed: int = 1) -> list[PictureSpec]:
    return [engine.model("tiny").sample(seed, index) for index in range(count)]


async def begun(engine: Watched, batches: int = 1) -> None:
    """Until so many batches are being drawn, or have been."""
    async with asyncio.timeout(30):
        while len(engine.batches) < batches:
            await asyncio.sleep(0.001)


def run(engine: Watched, scene: Callable[[MicroBatcher], Coroutine[Any, Any, None]]) -> None:
    """A scene with one drawer, whose first batch is held until the scene frees it; nobody is
    refused before a lane is full."""
    engine.free.clear()
    loops.run(scene(MicroBatcher(workers=1, chance=lambda: 1)))


def resolved(engine: Engine, specs: Sequence[PictureSpec]) -> list[RenderInputs]:
    return [engine.resolve(spec) for spec in specs]


def alone(engine: Watched, specs: Sequence[PictureSpec]) -> np.ndarray:
    """Rendered one by one, by an engine that nobody watches."""
    other = Engine({name: model.checkpoint.folder for name, model in engine.models.items()})
    return np.stack([other.render([spec])[0] for spec in specs])


def assert_same(found: Sequence[np.ndarray], expected: np.ndarray) -> None:
    assert np.abs(np.stack(found).astype(int) - expected).max() <= 1  # 1e-5 before rounding


def test_a_lone_picture_is_drawn_at_once(engine: Watched) -> None:
    [spec] = samples(engine, 1)

    async def scene(drawing: MicroBatcher) -> None:
        engine.free.set()
        assert_same([await drawing.render_one(engine.resolve(spec))], alone(engine, [spec]))

    run(engine, scene)
    assert engine.batches == [[spec]]


def test_what_waits_is_drawn_together_in_the_order_of_its_coming(engine: Watched) -> None:
    specs = samples(engine, 30)
    done: list[int] = []

    async def scene(drawing: MicroBatcher) -> None:
        async def ask(index: int) -> np.ndarray:
            picture = await drawing.render_one(engine.resolve(specs[index]))
            done.append(index)
            return picture

        asked = [asyncio.ensure_future(ask(index)) for index in range(len(specs))]
        await begun(engine)
        await asyncio.sleep(0)
        engine.free.set()
        assert_same(await asyncio.gather(*asked), alone(engine, specs))

    run(engine, scene)
    whole = micro_batching.MAX_SINGLE_PER_BATCH + micro_batching.MAX_SHEET_PER_BATCH
    assert engine.sizes() == [1, whole, whole, len(specs) - 1 - 2 * whole]
    assert [spec for batch in engine.batches for spec in batch] == specs
    assert done == [*range(len(specs))]


def test_all_drawers_draw_at_once(engine: Watched) -> None:
    specs = samples(engine, 5)

    async def scene() -> None:
        engine.free.clear()
        drawing = MicroBatcher()
        asked = [drawing.render_one(engine.resolve(spec)) for spec in specs]
        await begun(engine, micro_batching.WORKER_THREADS)
        engine.free.set()
        assert_same(await asyncio.gather(*asked), alone(engine, specs))

    loops.run(scene())
    assert sorted(engine.sizes()) == [1, 1, 3]


def test_models_edits_and_classes_share_a_batch(engine: Watched) -> None:
    model = engine.model("tiny")
    mask = bytes([0b11110000] * 2)
    specs = [
        model.sample(1, 0),
        engine.model("other").sample(1, 0),
        model.spec(Draw(1, 0), (Gain(1, 0, (0, 1, 2)),)),
        engine.model("digits").sample(1, 2),
        model.spec(Draw(1, 0), (Gain(1, 2.5, (3,), mask), Gain(2, 0, (1,)))),
        engine.model("other").sample(2, 7),
    ]

    async def scene(drawing: MicroBatcher) -> None:
        asked = [drawing.render_one(engine.resolve(spec)) for spec in specs]
        await begun(engine)
        engine.free.set()
        found = await asyncio.gather(*asked)
        assert_same(found, alone(engine, specs))
        assert len({picture.tobytes() for picture in found}) == len(specs)

    run(engine, scene)
    assert sorted(engine.sizes()) == [1, 1, 2, 2]  # a forward for each model


def test_a_sheet_and_single_pictures_do_not_wait_for_all_of_each_other(engine: Watched) -> None:
    many, few = samples(engine, 100), samples(engine, 80, seed=2)

    async def scene(drawing: MicroBatcher) -> None:
        sheet = drawing.render_sheet(resolved(engine, many))
        await begun(engine)
        asked = [drawing.render_one(engine.resolve(spec)) for spec in few]
        engine.free.set()
        assert_same(await asyncio.gather(*asked), alone(engine, few))
        assert not sheet.done()
        assert_same(await sheet, alone(engine, many))

    run(engine, scene)
    whole = micro_batching.MAX_SINGLE_PER_BATCH + micro_batching.MAX_SHEET_PER_BATCH
    assert engine.batches[0] == many[:whole]
    for batch in engine.batches[1:6]:
        seeds = [spec.z.seed for spec in batch if isinstance(spec.z, Draw)]
        assert (
            seeds
            == [2] * micro_batching.MAX_SINGLE_PER_BATCH + [1] * micro_batching.MAX_SHEET_PER_BATCH
        )
    assert sum(engine.sizes()) == 180


def test_a_picture_that_nobody_waits_for_is_not_drawn(engine: Watched) -> None:
    first, second, third = samples(engine, 3)
    sheet = samples(engine, 5, seed=2)

    async def scene(drawing: MicroBatcher) -> None:
        asked = [drawing.render_one(engine.resolve(spec)) for spec in (first, second, third)]
        gone = drawing.render_sheet(resolved(engine, sheet))
        await begun(engine)
        asked[0].cancel()  # too late: it is being drawn
        asked[1].cancel()
        gone.cancel()
        engine.free.set()
        await asked[2]
        with pytest.raises(asyncio.CancelledError):
            await gone
        await drawing.render_one(engine.resolve(first))

    run(engine, scene)
    assert engine.batches == [[first], [third], [first]]


def test_beyond_the_bound_pictures_are_refused_and_then_taken_again(engine: Watched) -> None:
    [spec] = samples(engine, 1)

    async def scene(drawing: MicroBatcher) -> None:
        asked = [
            drawing.render_one(engine.resolve(spec))
            for _ in range(1 + micro_batching.MAX_SINGLE_WAITING)
        ]
        sheets = [
            drawing.render_sheet(resolved(engine, [spec] * 128))
            for _ in range(micro_batching.MAX_SHEET_WAITING // 128)
        ]
        await begun(engine)
        with pytest.raises(QueueFullError, match="Many people are drawing here"):
            drawing.render_one(engine.resolve(spec))
        with pytest.raises(QueueFullError, match="Many people are drawing here"):
            drawing.render_sheet(resolved(engine, [spec]))
        asked.pop().cancel()
        await asyncio.sleep(0)
        asked.append(drawing.render_one(engine.resolve(spec)))  # in the place that has become free
        engine.free.set()
        await asyncio.gather(*asked, *sheets)
        await drawing.render_one(engine.resolve(spec))

    run(engine, scene)


def test_before_a_lane_is_full_the_more_are_refused_the_fuller_it_is(engine: Watched) -> None:
    [spec] = samples(engine, 1)
    chance = [1.0]

    async def scene() -> None:
        engine.free.clear()
        drawing = MicroBatcher(workers=1, chance=lambda: chance[0])
        asked = [drawing.render_one(engine.resolve(spec))]
        await begun(engine)
        for share in (0.25, 0.5, 0.75):
            filled = micro_batching.NEVER_REJECT_SHARE + share * (
                1 - micro_batching.NEVER_REJECT_SHARE
            )
            while len(asked) - 1 < filled * micro_batching.MAX_SINGLE_WAITING:
                asked.append(drawing.render_one(engine.resolve(spec)))
            chance[0] = share - 0.03
            with pytest.raises(QueueFullError):
                drawing.render_one(engine.resolve(spec))
            chance[0] = share + 0.03
            asked.append(drawing.render_one(engine.resolve(spec)))
            chance[0] = 1.0
        engine.free.set()
        await asyncio.gather(*asked)
        chance[0] = 0.0
        await drawing.render_one(engine.resolve(spec))  # in an empty lane nobody is refused

    loops.run(scene())


def test_a_damaged_checkpoint_fails_its_own_pictures_only(engine: Watched) -> None:
    torn, good = engine.model("torn").sample(1, 0), samples(engine, 2)
    file = engine.model("torn").checkpoint.folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])

    async def scene(drawing: MicroBatcher) -> None:
        asked = [
            drawing.render_one(engine.resolve(spec)) for spec in (good[0], torn, good[1], torn)
        ]
        await begun(engine)
        engine.free.set()
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert [isinstance(one, CheckpointError) for one in found] == [False, True, False, True]
        assert_same([one for one in found if isinstance(one, np.ndarray)], alone(engine, good))

    run(engine, scene)


# --- through the routes


def visit(engine: Engine, scene: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def visiting() -> None:
        transport = httpx.ASGITransport(Starlette(routes=http.routes(engine)))
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            await scene(client)

    loops.run(visiting())


def test_bad_texts_among_good_ones_never_reach_a_batch(engine: Watched) -> None:
    good = [str(spec) for spec in samples(engine, 4)]
    bad = [
        "v1:tiny@00000000:z(1,0)",
        good[0].replace("z(1,0)", "move(pc1,1,z(1,0))"),
        good[0].replace("z(1,0)", "lerp(0.5,z(1,0),scale(2,move(smile,1,z(1,0))))"),
        good[0] + ":gain(9,0,1)",
        good[0] + ":gain(1,0,99)",
        good[0] + ":gain(1,0,1,AAAA)",
        good[0] + ":class(1)",
        str(engine.model("digits").sample(1, 0)).replace("class(0)", "class(3)"),
    ]

    async def scene(client: httpx.AsyncClient) -> None:
        engine.free.clear()
        texts = [text for pair in zip(good, bad[:4], strict=True) for text in pair] + bad[4:]
        asked = [client.get("/dcgan/pixels", params={"spec": text}) for text in texts]
        answers = [asyncio.ensure_future(one) for one in asked]
        await begun(engine)
        engine.free.set()
        found = dict(zip(texts, await asyncio.gather(*answers), strict=True))
        assert {text for text, one in found.items() if one.status_code == 200} == {*good}
        assert {one.status_code for text, one in found.items() if text in bad} == {400}
        for text in bad:
            both = json.dumps({"specs": [good[0], text]})
            assert (await client.post("/dcgan/sheet", content=both)).status_code == 400

    visit(engine, scene)
    assert sorted(str(spec) for batch in engine.batches for spec in batch) == good
    assert engine.sizes() == [1, 1, 2]


def test_a_refusal_is_a_sentence_and_says_when_to_ask_again(
    engine: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(micro_batching, "MAX_SINGLE_WAITING", 2)
    [spec] = samples(engine, 1)

    async def scene(client: httpx.AsyncClient) -> None:
        async def ask(path: str) -> httpx.Response:
            return await client.get(path, params={"spec": str(spec)})

        engine.free.clear()
        drawn_or_waiting = range(micro_batching.WORKER_THREADS + 2)
        taken = [asyncio.ensure_future(ask("/dcgan/pixels")) for _ in drawn_or_waiting]
        await begun(engine)
        for path in ("/dcgan/pixels", "/dcgan/picture"):
            refused = await ask(path)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert "Many people are drawing here" in refused.json()["error"]
        engine.free.set()
        assert {one.status_code for one in await asyncio.gather(*taken)} == {200}
        assert (await ask("/dcgan/picture")).status_code == 200

    visit(engine, scene)


def test_who_goes_away_leaves_the_queue(engine: Watched) -> None:
    first, second = samples(engine, 2)

    async def scene(drawing: MicroBatcher) -> None:
        left = asyncio.Event()

        async def receive() -> dict[str, str]:
            await left.wait()
            return {"type": "http.disconnect"}

        drawn = drawing.render_one(engine.resolve(first))
        await begun(engine)
        request = Request({"type": "http"}, receive)
        asked = asyncio.ensure_future(
            http.unless_disconnected(request, drawing.render_one(engine.resolve(second)))
        )
        await asyncio.sleep(0)
        left.set()
        with pytest.raises(ClientDisconnect):
            await asked
        engine.free.set()
        await drawn

    run(engine, scene)
    assert engine.batches == [[first]]


def test_many_rounds_of_many_clients_are_each_their_own_picture(engine: Watched) -> None:
    texts = [str(spec) for spec in samples(engine, 120)]
    expected = alone(engine, [parse(text) for text in texts])

    async def scene(client: httpx.AsyncClient) -> None:
        async def drag(mine: Sequence[int]) -> None:
            for index in mine:
                answer = await client.get("/dcgan/pixels", params={"spec": texts[index]})
                drawn = np.frombuffer(answer.content, np.uint8).reshape(16, 16, 4)[..., :3]
                assert_same([drawn], expected[index])

        await asyncio.gather(*(drag(range(start, 120, 12)) for start in range(12)))

    visit(engine, scene)
    assert len(engine.batches) < 120
