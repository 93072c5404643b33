"""A run's report has what its folder holds: what counts of the log, a film, figures, the recipe."""

from __future__ import annotations

import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from training.core.state import StateError
from training.reports.run_report import run_report

RECIPE = {
    "model": {"image_size": 16, "generator_widths": [8, 6], "prior": "uniform"},
    "batch_size": 10,
    "updates": "both",
    "mirror": True,
}
FACTS = {"step": 1310, "seconds": 650.0, "images_before": None, "recipe": RECIPE}
CURVE = [
    {"images": 1000, "minutes": 1.5, "kid": 0.9, "n": 500},
    {"images": 6000, "minutes": 5.25, "kid": 0.02, "n": 500, "frechet": 31.5, "recall": 0.25},
    {"images": 13000, "minutes": 10.0, "kid": 0.04, "n": 500, "frechet": 40.25, "recall": 0.5},
]
PARTS = [
    {"date": "2026-11-22", "from_step": 0, "machine": "2 cores", "precision": "bfloat16"},
    {"date": "2026-11-23", "from_step": 600, "machine": "a GPU", "precision": "float32"},
]
PARTS[0] |= {"processes": 1, "commit": "575ecd4"}
PARTS[1] |= {"processes": 2, "commit": None}
MADE = {
    "recipe": {
        **RECIPE,
        "description": "For tests.",
        "deviations": {"mirror": "few pictures", "model.prior": "as in <their> code"},
    },
    "pictures": {"train": 1234, "held_out": 500},
    "parts": PARTS,
}


def line(step: int, **values: float | str) -> dict[str, Any]:
    return {"step": step, "images": 10 * step, "seconds": step / 2, **values}


LOG = [
    *(line(step, loss_d=1.0, loss_g=2.0, images_per_second=20.0) for step in range(100, 800, 100)),
    line(700, event="G has collapsed. Back to step 600"),
    *(line(step, loss_d=0.5, loss_g=3.0, images_per_second=50.0) for step in range(650, 1300, 50)),
]


def write_run(
    run: Path,
    log: list[dict[str, Any]] = LOG,
    *,
    grids: int = 130,
    made: dict[str, Any] | None = MADE,
    facts: dict[str, Any] | None = FACTS,
) -> Path:
    """A run of 1,310 steps, killed while it wrote to its log; a grid every 100 images."""
    written = "".join(json.dumps(entry) + "\n" for entry in log)
    (run / "samples").mkdir(parents=True)
    (run / "log.jsonl").write_text(written + '{"step": 1310, "images": 131')
    for number in range(1, grids + 1):
        picture = Image.fromarray(np.full((16, 16, 3), number, np.uint8))
        picture.save(run / "samples" / f"{100 * number:09d}.png")
    if made:
        (run / "run.json").write_text(json.dumps(made))
    if facts:
        (run / "states").mkdir()
        header = {"facts": json.dumps({"curve": CURVE, **facts})}
        save_file({"x": np.zeros(1)}, run / "states" / "000001310.safetensors", header)
    return run


class Read(HTMLParser):
    """What stands in a report: its figures, the cells of its tables, all of its words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words, self._script, self._cell = "", False, False
        self.figures: dict[str, Any] = {}
        self.feed(page)
        self.words = " ".join(self.words.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script, self._cell = tag in ("script", "style"), tag in ("td", "th")
        if tag == "tr":
            self.rows.append([])
        if self._cell:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "td", "th"):
            self._script = self._cell = False

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == ("script", {"type": "application/json", "id": "figures"}):
            self.figures = self.figures or json.loads(data)
        elif not self._script:
            self.words += data
        if self._cell:
            self.rows[-1][-1] += data

    def row(self, first: str) -> list[str]:
        [found] = [row for row in self.rows if row[0] == first]
        return found

    def points(self, title: str, name: str) -> list[tuple[float, float]]:
        [chart] = [chart for chart in self.figures["charts"] if chart["title"] == title]
        [drawn] = [drawn for drawn in chart["lines"] if drawn["name"] == name]
        return [(point["x"], point["y"]) for point in drawn["points"]]

    @property
    def titles(self) -> list[str]:
        return [chart["title"] for chart in self.figures["charts"]]


def shade(source: str) -> int:
    """Of a grid in the film, which write_run has painted one grey."""
    _, _, content = source.partition("base64,")
    return int(np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))[8, 8, 0])


def test_steps_that_were_taken_again_count_as_they_went_the_last_time(tmp_path: Path) -> None:
    read = Read(run_report(write_run(tmp_path / "run")))
    before = [(1000 * n, 2.0) for n in range(1, 7)]
    assert read.points("Losses", "G") == before + [(10 * n, 3.0) for n in range(650, 1300, 50)]
    assert read.row("700") == ["700", "G has collapsed. Back to step 600"]


def test_a_line_may_have_the_values_of_one_network(tmp_path: Path) -> None:
    log = [line(1, loss_d=1.0), line(2, loss_g=2.0), line(3, loss_d=3.0, d_real=float("nan"))]
    read = Read(run_report(write_run(tmp_path / "run", log)))
    assert read.points("Losses", "D") == [(10, 1.0), (30, 3.0)]
    assert read.points("Losses", "G") == [(20, 2.0)]
    assert not any(title.startswith("D's answers") for title in read.titles)


def test_a_long_log_is_drawn_as_means_over_equal_spans(tmp_path: Path) -> None:
    log = [line(step, loss_d=step / 100) for step in range(1, 1001)]
    points = Read(run_report(write_run(tmp_path / "run", log))).points("Losses", "D")
    assert len(points) == 150
    assert all(y == pytest.approx(x / 1000) for x, y in points)
    widths = np.diff([x for x, _ in points])
    assert widths.min() > 0.8 * widths.mean()
    assert widths.max() < 1.2 * widths.mean()


def test_signs_of_collapse_are_drawn_where_there_are_any(tmp_path: Path) -> None:
    log = [line(n, dead=0.0, duplicated=0.0, diversity=0.8 + n / 1000) for n in range(1, 20)]
    read = Read(run_report(write_run(tmp_path / "run", log)))
    assert "Diversity of G's pictures (1: that of real ones)" in read.titles
    title = "G's feature maps in its worst layer, as shares"
    assert {y for _, y in read.points(title, "dead")} == {0}
    without = Read(
        run_report(write_run(tmp_path / "other", [line(1, loss_d=1.0), line(2, loss_d=1.0)]))
    )
    assert "Losses" in without.titles
    assert not any("feature maps" in title for title in without.titles)


def test_the_film_has_the_first_grid_the_last_and_some_between(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    half = run / "samples" / "000013000.png"
    half.write_bytes(half.read_bytes()[:40])
    (run / "samples" / "000099900.png").write_bytes(
        (run / "samples" / "000000100.png").read_bytes()
    )
    film = Read(run_report(run)).figures["film"]
    seen = [frame["images"] for frame in film]
    assert (len(film), seen[0], seen[-1]) == (120, 100, 12900)
    assert set(np.diff(seen)) == {100, 200}
    for frame in film[:: len(film) - 1]:
        assert frame["src"].startswith("data:image/webp;base64,")
        assert shade(frame["src"]) == pytest.approx(frame["images"] / 100, abs=3)


def test_samples_after_epochs_are_the_first_grid_that_is_not_before(tmp_path: Path) -> None:
    read = Read(run_report(write_run(tmp_path / "run")))  # 123 whole batches of 10 an epoch
    assert "After 1 epoch (1,230 images seen): the first grid from there on, after 1,300" in (
        read.words
    )
    shown = [of["src"] for tag, of in read.tags if tag == "img" and "epoch" in str(of["alt"])]
    assert [shade(str(source)) for source in shown] == pytest.approx([13, 62], abs=3)


def test_an_epoch_of_other_weights_images_is_not_one_of_the_run(tmp_path: Path) -> None:
    facts = {**FACTS, "images_before": 10_000}
    read = Read(run_report(write_run(tmp_path / "run", facts=facts)))
    assert "images seen, 10,000 of them by the weights it started from23,100" in read.words
    assert "After 1 epoch (11,230 images seen)" in read.words
    assert "There is no grid after 5 epochs (16,150 images seen) yet" in read.words


def test_checkpoints_have_a_table_of_all_that_was_measured(tmp_path: Path) -> None:
    read = Read(run_report(write_run(tmp_path / "run")))
    head = ["images seen", "minutes", "KID", "Fréchet distance", "recall", "pictures compared (n)"]
    assert read.row("images seen")[:-1] == head
    assert read.row("1,000") == ["1,000", "1.5", "0.9000", *["\N{EN DASH}"] * 2, "500", ""]
    assert read.row("6,000") == ["6,000", "5.2", "0.02000", "31.50", "0.2500", "500", "lowest KID"]
    assert read.points("Fréchet distance", "Fréchet distance") == [(6000, 31.5), (13000, 40.25)]
    assert read.points("Precision and recall", "recall") == [(6000, 0.25), (13000, 0.5)]


def test_parts_have_their_machine_and_their_pace(tmp_path: Path) -> None:
    read = Read(run_report(write_run(tmp_path / "run")))
    assert read.row("2026-11-22")[1:] == ["0", "2 cores", "bfloat16", "1", "575ecd4", "20.00"]
    second = ["600", "a GPU", "float32", "2", "not recorded", "50.00"]
    assert read.row("2026-11-23")[1:] == second
    assert "1,234 pictures to train on, 500 held out." in read.words
    assert "images seen13,100 minutes10.8 " in read.words
    assert "on average, with checkpoints and what they measure20.15" in read.words


def test_the_recipe_is_whole_with_its_reasons(tmp_path: Path) -> None:
    read = Read(run_report(write_run(tmp_path / "run")))
    assert read.row("batch_size") == ["batch_size", "10", ""]
    assert read.row("mirror") == ["mirror", "yes", "few pictures"]
    assert read.row("model.generator_widths")[1] == "8, 6"
    assert read.row("model.prior") == ["model.prior", "uniform", "as in <their> code"]


def test_a_run_without_run_json_says_what_is_not_recorded(tmp_path: Path) -> None:
    read = Read(run_report(write_run(tmp_path / "run", made=None)))
    assert "commit: not recorded" in read.words
    assert "How many pictures an epoch has was not recorded" in read.words
    assert read.row("mirror") == ["mirror", "yes"]
    assert len(read.figures["film"]) == 120


def test_a_run_has_its_curve_without_its_states_and_its_log(tmp_path: Path) -> None:
    init = {"weights": "1a2b3c4d", "images": 500}
    made = {**MADE, "recipe_name": "made", "data": "some/<data>", "curve": CURVE, "init": init}
    read = Read(run_report(write_run(tmp_path / "run", [], made=made, facts=None)))
    assert read.row("6,000")[-1] == "lowest KID"
    assert read.points("Fréchet distance", "Fréchet distance") == [(6000, 31.5), (13000, 40.25)]
    assert "500 held out, from some/<data>." in read.words
    assert "Started from the weights 1a2b3c4d, which had seen 500 images." in read.words
    assert "images seen, 500 of them by the weights it started from" in read.words
    assert "Recipe made" in read.words


def test_the_curve_in_run_json_is_the_one_that_counts(tmp_path: Path) -> None:
    read = Read(run_report(write_run(tmp_path / "run", made={**MADE, "curve": CURVE[:1]})))
    assert not [row for row in read.rows if row[0] == "6,000"]


def test_a_run_that_has_just_begun_has_a_report(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", LOG[:1], grids=0, facts=None)
    read = Read(run_report(run))
    assert "The run has kept no checkpoint yet." in read.words
    assert "The run has not drawn a grid yet." in read.words
    assert read.points("Losses", "D") == [(1000, 1.0)]


def test_what_was_written_by_people_can_not_become_part_of_the_page(tmp_path: Path) -> None:
    evil = """</script><script>alert("1")</script> & <img src=x onerror='alert(1)'>"""
    made = json.loads(json.dumps(MADE))
    made["recipe"] |= {"description": evil, "label": evil, "deviations": {"mirror": evil}}
    made["parts"][0] |= {"machine": evil, "commit": evil}
    curve = [{**entry, evil: 1.0} for entry in CURVE]
    page = run_report(
        write_run(
            tmp_path / "run",
            [*LOG, line(1290, event=evil)],
            made=made,
            facts={**FACTS, "curve": curve},
        )
    )
    read, plain = Read(page), Read(run_report(write_run(tmp_path / "plain")))
    assert [t for t, _ in read.tags if t in ("script", "img")] == [
        t for t, _ in plain.tags if t in ("script", "img")
    ]
    assert not any("onerror" in attributes for _, attributes in read.tags)
    assert read.row("1,290")[1] == read.row("mirror")[2] == read.row("label")[1] == evil
    assert read.points(evil, evil)[0] == (1000, 1.0)


def test_it_names_nothing_to_fetch(tmp_path: Path) -> None:
    read = Read(run_report(write_run(tmp_path / "run")))
    named = [
        str(attributes[name])
        for _, attributes in read.tags
        for name in ("src", "href")
        if name in attributes
    ]
    assert len(named) > 2
    assert all(address.startswith("data:") for address in named)


def test_a_folder_that_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"is no run: it has neither a log\.jsonl nor"):
        run_report(tmp_path)
    with pytest.raises(StateError, match="is no run"):
        run_report(tmp_path / "nowhere")
