"""Latency of dragging a slider, compared with gr.Slider.change into gr.Image.

    python -m benchmarks.drag [--rounds 3] [--json FILE]      about 1.5 minutes

Our page is measured with a direction slider of the Sample tab, with rendering on the server and in
the browser; the baseline is gr.Slider.change -> gr.Image with the same engine and model. All run in
turns in one headless Chromium, with servers in this process. Latency is the time from an input
event to the end of the frame that shows its image. The rate counts different images painted per
second while the slider moves in every frame. Figures are medians.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import gradio as gr
import numpy as np
import typer
from playwright.sync_api import Page, sync_playwright

from benchmarks import Figure, chromium, machine
from dcgan.latents.spec import Draw, Move
from dcgan.rendering.engine import Engine, discover_checkpoints
from dcgan.ui.page import build, launch_options

Reduce = Callable[[list[float]], float]
Better = Literal["higher", "lower"]

WAYS = ("server", "browser", "stock")
MOVES = 40
SECONDS = 4
REACH = 3
MEASURE = """
async ({slider, shown, attribute, moves, seconds, reach}) => {
  const input = document.querySelector(slider);
  const element = document.querySelector(shown);
  let resolve = () => {};
  let changes = 0;
  new MutationObserver(async () => {
    if (element.decode) await element.decode().catch(() => {});
    changes += 1;
    resolve();
  }).observe(element, {attributes: true, attributeFilter: [attribute]});
  const frame = () => new Promise(requestAnimationFrame);
  const painted = async () => {
    await frame();
    await new Promise(done => {
      const {port1, port2} = new MessageChannel();
      port1.onmessage = done;
      port2.postMessage(0);
    });
  };
  const put = value => {
    input.value = value;
    input.dispatchEvent(new Event('input', {bubbles: true}));
  };
  const latencies = [];
  for (let i = 0; i < moves; i++) {
    const changed = new Promise(done => { resolve = done; });
    const start = performance.now();
    put((i % 2 ? 1 : -1) * (0.05 * i + 0.3));
    await changed;
    await painted();
    latencies.push(performance.now() - start);
    await frame();
  }
  changes = 0;
  const start = performance.now();
  while (performance.now() - start < seconds * 1000) {
    put((reach * Math.sin((performance.now() - start) / 400)).toFixed(2));
    await frame();
  }
  const rate = changes / ((performance.now() - start) / 1000);
  const last = new Promise(done => { resolve = done; });
  put(1.25);
  await Promise.race([last, new Promise(done => setTimeout(done, 2000))]);
  return {latencies, rate};
}
"""


def main(
    rounds: Annotated[int, typer.Option(help="Number of turns of each page.", min=1)] = 3,
    file: Annotated[Path | None, typer.Option("--json", help="JSON file for the figures.")] = None,
) -> None:
    """Compare dragging with the stock slider's."""
    engine = Engine(discover_checkpoints(Path("weights")))
    options = {"prevent_thread_lock": True, "quiet": True, "server_name": "127.0.0.1"}
    ours, peer = build(engine), stock(engine)
    _, our_url, _ = ours.launch(**options, **launch_options(engine))
    _, peer_url, _ = peer.launch(**options, ssr_mode=False)
    found: dict[str, dict[str, list[float]]] = {name: {"latency": [], "rate": []} for name in WAYS}
    urls = {"server": our_url, "browser": our_url, "stock": peer_url}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.EXECUTABLE, args=chromium.FLAGS
        )
        for _ in range(rounds):
            for name in WAYS:
                page = browser.new_page()
                page.add_init_script(f"localStorage.setItem('dcgan.drawing', '\"{name}\"')")
                page.goto(urls[name])
                asked = where(page, name)
                requests: list[str] = []
                page.on("request", lambda request, to=requests: to.append(request.url))
                answer = page.evaluate(MEASURE, asked)
                if name == "browser" and requests:
                    raise RuntimeError(f"the browser was to draw by itself, but asked {requests}")
                found[name]["latency"] += answer["latencies"][5:]  # the first ones warm up
                found[name]["rate"].append(answer["rate"])
                page.close()
        browser.close()
    ours.close()
    peer.close()
    figures = []
    for name, suffix in (("server", ""), ("browser", ", in the browser")):
        mine, theirs = found[name], found["stock"]

        def figure(
            what: str, of: str, unit: str, better: Better, reduce: Reduce, mine=mine, theirs=theirs
        ) -> Figure:
            values = (round(reduce(side[of]), 1) for side in (mine, theirs))
            return Figure(what, next(values), unit, better, next(values))

        figures += [
            figure(f"drag latency{suffix}", "latency", "ms", "lower", statistics.median),
            figure(f"drag latency p95{suffix}", "latency", "ms", "lower", slowest),
            figure(f"drag rate{suffix}", "rate", "frames/s", "higher", statistics.median),
        ]
    for figure in figures:
        print(figure)
    print(machine())
    if file:
        file.write_text(json.dumps([figure.as_dict() for figure in figures], indent=2) + "\n")


def slowest(values: list[float]) -> float:
    """Return the 95th percentile."""
    return float(np.percentile(values, 95))


def stock(engine: Engine) -> gr.Blocks:
    """Build the baseline: a slider that changes an image, as in most Spaces."""
    model = next(iter(engine.models.values()))

    def render(amount: float) -> np.ndarray:
        return engine.render([model.spec(Move((("pc1", amount),), Draw(1, 0)))])[0]

    with gr.Blocks(analytics_enabled=False) as demo:
        slider = gr.Slider(-REACH, REACH, 0, step=0.01, label="Direction 1")
        image = gr.Image(elem_id="picture")
        slider.change(render, slider, image)
        demo.load(render, slider, image)
    return demo


def where(page: Page, name: str) -> dict[str, Any]:
    """Wait until a page is ready; return the arguments of MEASURE, such as its selectors."""
    common = {"moves": MOVES + 5, "seconds": SECONDS, "reach": REACH}
    if name != "stock":
        page.wait_for_selector("[data-painted]")
        if name == "browser":
            page.wait_for_selector("[data-role=way][data-here=true]")
        page.wait_for_selector(".dc-sample .dc-sheet[data-ready]")
        watched = {"shown": "[data-painted]", "attribute": "data-painted"}
        return {**common, **watched, "slider": "input[name=pc1]"}
    page.wait_for_selector("#picture img")
    watched = {"shown": "#picture img", "attribute": "src"}
    return {**common, **watched, "slider": "input[type=range]"}


if __name__ == "__main__":
    typer.run(main)
