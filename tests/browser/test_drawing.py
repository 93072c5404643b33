"""Pictures drawn in the visitor's browser: those of the server, which draws where they fail."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from benchmarks import chromium
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
    Sum,
    Turn,
)
from dcgan.media import images
from dcgan.paths import WEB
from dcgan.rendering.engine import Engine
from dcgan.site import ort_web
from dcgan.ui.routes.forget import activation_overlay
from dcgan.ui.serving.http import RequestError
from tests.browser.conftest import Open, wait_painted

pytestmark = pytest.mark.skipif(
    ort_web.installed_facts() is None, reason="onnxruntime-web is brought by `make setup`, with npm"
)

READY = "document.querySelector('[data-role=way]').dataset.here === 'true'"
ASK = """async ({call, texts}) => {
  const browser = await import(new URL('dcgan/web/engine/browser.js', document.baseURI));
  const {page} = await import(new URL('dcgan/web/core/page.js', document.baseURI));
  const found = [];
  for (const text of texts) {
    const model = page.facts(text.split(':')[1].split('@')[0]);
    try {
      if (call === 'file') {
        const blob = await browser.file(text, model);
        found.push(Array.from(new Uint8Array(await blob.arrayBuffer())));
      } else {
        const {image, norm} = await browser.picture(text, model);
        found.push({pixels: Array.from(image.data), norm});
      }
    } catch (error) {
      found.push({error: error.message});
    }
  }
  return found;
}"""
DRAG = """async () => {
  const slider = document.querySelector('input[name=pc1]');
  for (let i = 1; i <= 40; i++) {
    slider.value = i / 20;
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    await new Promise(requestAnimationFrame);
  }
}"""


def edits(model: str, engine: Engine) -> tuple[Gain, ...]:
    """One everywhere, one where a mask is set, on the two highest layers."""
    layers = engine.model(model).config.layer_shapes
    maps, height, width = layers[-1]
    cells = np.zeros((height, width), bool)
    cells[: height // 2, 3:] = True
    region = Gain(len(layers), 2.5, tuple(range(maps // 2)), np.packbits(cells).tobytes())
    return Gain(len(layers) - 1, 0, (0, 1, 2, 5)), region


def specs(model: str, engine: Engine) -> list[PictureSpec]:
    """Every way to make a z, and edits."""
    a, b, c = (Draw(7, index) for index in range(3))
    zs = [a, Mean((a, b, c)), Sum(((1, a), (-1, b), (1, c))), Lerp(0.3, a, b), Slerp(0.6, b, c),
          Noise(0.25, 1, 2, a), Turn(0.5, a, b, c), Scale(0.7, b)]  # fmt: skip
    known = engine.model(model)
    zs.append(At(tuple(known.z(known.spec(b)))))
    if known.directions:
        zs.append(Move(((next(iter(known.directions)), 1.5),), a))
    label = 3 if known.config.classes else None
    return [
        *(known.spec(z, label=label) for z in zs),
        known.spec(a, edits(model, engine), label),
    ]


def requests(page: Page) -> list[str]:
    """Filled with the addresses that are asked for from now on."""
    asked: list[str] = []
    page.on("request", lambda r: None if r.url.startswith("blob:") else asked.append(r.url))
    return asked


@pytest.mark.parametrize("model", ["faces/epoch-1", "mnist", "imagenet32"])
def test_its_pictures_are_the_server_s(visit: Open, engine: Engine, model: str) -> None:
    page, asked = visit(), specs(model, engine)
    found = page.evaluate(ASK, {"call": "picture", "texts": [str(spec) for spec in asked]})
    size = engine.model(model).config.image_size
    for spec, drawn, expected in zip(asked, found, engine.render(asked), strict=True):
        pixels = np.array(drawn["pixels"], np.uint8).reshape(size, size, 4)
        assert (pixels[..., 3] == 255).all()
        assert np.abs(pixels[..., :3].astype(int) - expected).max() <= 2, spec
        norm = np.linalg.norm(engine.model(model).z(spec))
        assert drawn["norm"] == pytest.approx(norm, rel=1e-9)
    assert len({str(drawn["pixels"]) for drawn in found}) == len(asked)


ACTIVATION = """async ({texts, columns, layer, map}) => {
  const browser = await import(new URL('dcgan/web/engine/browser.js', document.baseURI));
  const {page} = await import(new URL('dcgan/web/core/page.js', document.baseURI));
  const model = page.facts(texts[0].split(':')[1].split('@')[0]);
  try {
    const blob = await browser.activation(texts, columns, layer, map, model);
    return Array.from(new Uint8Array(await blob.arrayBuffer()));
  } catch (error) {
    return error.message;
  }
}"""


def test_where_a_map_is_active_is_as_the_server_has_it(visit: Open, engine: Engine) -> None:
    page, model = visit(), engine.model("faces/epoch-1")
    asked = [model.sample(1, index) for index in range(3)]
    given = {"texts": list(map(str, asked)), "columns": 2, "layer": 3}
    found = page.evaluate(ACTIVATION, {**given, "map": 5})
    drawn = np.asarray(Image.open(io.BytesIO(bytes(found)))).astype(int)
    png = activation_overlay([model.resolve(spec) for spec in asked], 2, 3, 5)
    expected = np.asarray(Image.open(io.BytesIO(png))).astype(int)
    assert drawn.shape == expected.shape == (128, 128, 4)
    assert expected[..., 3].max() > 200
    assert np.abs(drawn[..., 3] - expected[..., 3]).max() <= 1
    # a canvas keeps colours times opacity, in bytes
    opacity = drawn[..., 3:] / 255
    assert np.abs((drawn - expected)[..., :3] * opacity).max() <= 1
    maps = model.config.layer_shapes[2][0]
    with pytest.raises(RequestError) as refused:
        activation_overlay([model.resolve(asked[0])], 1, 3, maps)
    assert page.evaluate(ACTIVATION, {**given, "map": maps}) == str(refused.value)


def test_what_it_refuses_it_says_as_the_server_does(visit: Open, engine: Engine) -> None:
    page = visit()
    faces, digits = (engine.model(name).checkpoint.hash for name in ("faces", "mnist"))
    texts = [
        f"v1:faces@{faces}:z(1)",
        "v1:faces@00000000:z(1,0)",
        f"v1:faces@{faces}:z(1,0):class(1)",
        f"v1:mnist@{digits}:z(1,0)",
        f"v1:mnist@{digits}:z(1,0):class(10)",
        f"v1:faces@{faces}:z(1,0):gain(9,0,1)",
        f"v1:faces@{faces}:z(1,0):gain(1,0,4000)",
        f"v1:faces@{faces}:move(frown,1,z(1,0))",
    ]
    said = [found["error"] for found in page.evaluate(ASK, {"call": "picture", "texts": texts})]
    by_server = page.evaluate(
        """texts => Promise.all(texts.map(async text => {
          const response = await fetch('dcgan/pixels?spec=' + encodeURIComponent(text));
          return (await response.json()).error;
        }))""",
        texts,
    )
    assert said == by_server


def test_a_file_carries_its_text(visit: Open, engine: Engine) -> None:
    spec = engine.model("faces").sample(5, 2)
    [content] = visit().evaluate(ASK, {"call": "file", "texts": [str(spec)]})
    assert images.read_spec(bytes(content)) == str(spec)
    drawn = np.asarray(Image.open(io.BytesIO(bytes(content))).convert("RGB")).astype(int)
    assert np.abs(drawn - engine.render([spec])[0]).max() <= 2


def test_the_browser_takes_over_when_somebody_drags(visit: Open) -> None:
    page = visit(drawing="auto", first=True)
    asked = requests(page)
    assert not page.evaluate(READY)
    page.evaluate(DRAG)
    page.wait_for_function(READY)
    wait_painted(page, "move(pc1,2,z(1,0))")
    assert any("generators" in address for address in asked)
    asked.clear()
    page.evaluate(DRAG)
    page.get_by_label("Direction 1", exact=True).fill("1.5")
    wait_painted(page, "move(pc1,1.5,z(1,0))")
    assert not asked, "what is dragged is drawn here"
    page.get_by_role("button", name="New pictures").click()
    page.wait_for_selector(".dc-sample .dc-sheet:not([data-ready$='z(1,0)'])")
    assert ["sheet" in address for address in asked] == [True], "many at once are the server's"


def test_the_browser_takes_over_from_a_server_that_is_busy(visit: Open) -> None:
    page = visit(drawing="auto", first=True)
    refusal = {"status": 429, "headers": {"Retry-After": "1"}, "json": {"error": "Busy."}}
    page.route("**/dcgan/pixels?*", lambda route: route.fulfill(**refusal))
    page.get_by_label("Direction 1", exact=True).fill("2")
    page.wait_for_function(READY)
    wait_painted(page, "move(pc1,2,z(1,0))")


def test_every_tab_draws_in_the_browser(visit: Open) -> None:
    page = visit(drawing="browser", first=True)
    page.wait_for_function(READY)
    asked = requests(page)
    tabs = page.get_by_role("tablist")
    page.get_by_label("Seed").fill("3")
    page.get_by_label("Seed").press("Enter")
    page.wait_for_selector(".dc-sample .dc-sheet[data-ready$='z(3,0)']")
    page.get_by_role("button", name="Picture 2 of 64").click()
    wait_painted(page, ":z(3,1)")
    page.wait_for_function("document.querySelector('.dc-shelf img').naturalWidth === 64")
    tabs.get_by_role("tab", name="Walk").click()
    page.wait_for_selector(".dc-walk .dc-sheet[data-ready]")
    page.get_by_label("Position", exact=True).fill("0.5")
    page.wait_for_function(
        "document.querySelector('[data-painted]').dataset.painted.includes('slerp(0.5')"
    )
    tabs.get_by_role("tab", name="Arithmetic").click()
    page.wait_for_selector(".dc-arithmetic .dc-sheet[data-ready*=sum]")
    page.wait_for_selector(".dc-arithmetic [data-role=single][data-ready]")
    tabs.get_by_role("tab", name="Turn").click()
    page.wait_for_selector(".dc-turn .dc-sheet[data-ready*=turn]")
    drawn = [a for a in asked if any(f"dcgan/{way}" in a for way in ("pixels", "sheet", "picture"))]
    assert not drawn


def test_where_it_can_t_be_had_the_server_draws_and_nothing_is_said(visit: Open) -> None:
    script = "Worker = class { constructor() { throw new Error('no workers here'); } };"
    page = visit(drawing="browser", script=script, first=True)
    page.get_by_label("Direction 1", exact=True).fill("2.5")
    wait_painted(page, "move(pc1,2.5,z(1,0))")
    assert not page.evaluate(READY)
    expect(page.locator(".dc-message")).to_be_empty()


def elsewhere(page: Page, spoil: bytes = b"") -> list[str]:
    """No runtime on this server; the CDN's has `spoil` at its end. Gives what it was asked for."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        content = (ort_web.INSTALLED / "dist" / route.request.url.rpartition("/")[2]).read_bytes()
        headers = {"Access-Control-Allow-Origin": "*"}
        route.fulfill(body=content + spoil, headers=headers)

    page.context.route("**/dcgan/runtime/**", lambda route: route.fulfill(status=404, body="{}"))
    page.context.route(f"{ort_web.shipped_facts()['cdn']}*", answer)
    return asked


@pytest.mark.parametrize("spoil", [b"", b" "], ids=["whole", "another"])
def test_without_npm_it_comes_from_a_cdn_if_it_is_what_it_was(
    browser: Browser, url: str, spoil: bytes
) -> None:
    context = browser.new_context()
    context.add_init_script("localStorage.setItem('dcgan.drawing', '\"browser\"')")
    page = context.new_page()
    asked = elsewhere(page, spoil)
    page.goto(url)
    page.wait_for_selector("[data-painted]")
    if spoil:
        # given up for good: it asks no more, and the server goes on
        with page.expect_response("**/dcgan/pixels*"):
            page.get_by_label("Direction 1", exact=True).fill("1")
        wait_painted(page, "move(pc1,1,z(1,0))")
        assert not page.evaluate(READY)
    else:
        page.wait_for_function(READY)
    files = ort_web.shipped_facts()["backends"]["wasm"]
    assert {address.rpartition("/")[2] for address in asked} <= set(files.values())
    context.close()


@pytest.mark.long
def test_webgpu_draws_the_same(browser: Browser, engine: Engine, url: str) -> None:
    """By SwiftShader, which the worker would pass over as no real one."""
    source = (WEB / "engine" / "worker.js").read_text()
    passed_over = "gpu && !gpu.info?.isFallbackAdapter"
    assert passed_over in source
    args = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader",
            "--enable-features=Vulkan", "--ignore-gpu-blocklist"]  # fmt: skip
    with browser.browser_type.launch(executable_path=chromium.EXECUTABLE, args=args) as other:
        page = other.new_page()
        page.route(
            "**/engine/worker.js",
            lambda route: route.fulfill(
                body=source.replace(passed_over, "gpu"), content_type="text/javascript"
            ),
        )
        asked_for = requests(page)
        page.goto(url)
        page.wait_for_selector("[data-painted]")
        asked = specs("faces", engine)
        found = page.evaluate(ASK, {"call": "picture", "texts": [str(spec) for spec in asked]})
    binary = ort_web.shipped_facts()["backends"]["webgpu"]["binary"]
    assert any(binary in address for address in asked_for)
    for drawn, expected in zip(found, engine.render(asked), strict=True):
        pixels = np.array(drawn["pixels"], np.uint8).reshape(*expected.shape[:2], 4)
        assert np.abs(pixels[..., :3].astype(int) - expected).max() <= 2


def test_the_choice_is_kept(visit: Open) -> None:
    page = visit()
    page.get_by_label("Render on").select_option("this browser")
    assert json.loads(page.evaluate("localStorage.getItem('dcgan.drawing')")) == "browser"
    page.get_by_label("Direction 1", exact=True).fill("2")
    page.wait_for_function(READY)
    page.get_by_label("Render on").select_option("server")
    assert not page.evaluate(READY)
    with page.expect_response("**/dcgan/pixels*"):
        page.get_by_label("Direction 1", exact=True).fill("1")
    wait_painted(page, "move(pc1,1,z(1,0))")
