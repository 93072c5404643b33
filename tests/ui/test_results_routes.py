"""What was measured: files as they are, a sentence for a name that is none, and the report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dcgan.ui.routes import results


def client(folder: Path) -> TestClient:
    return TestClient(Starlette(routes=results.routes(folder, results.REPORTS)))


def ask(folder: Path, name: str) -> tuple[int, str]:
    response = client(folder).get("/dcgan/results", params={"name": name})
    return response.status_code, response.text


def test_a_result_is_its_file() -> None:
    assert ask(results.RESULTS, "turn") == (200, (results.RESULTS / "turn.json").read_text())


@pytest.mark.parametrize("name", ["forget", "", "../secret", "a/b", "notes", "turn.json", "x" * 99])
def test_other_files_are_no_results(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    for path in (folder / "turn.json", folder / "notes.txt", tmp_path / "secret.json"):
        path.write_text("{}")
    status, text = ask(folder, name)
    assert status == 404
    assert "there is: turn." in text


def test_the_report_is_its_sections(tmp_path: Path) -> None:
    html = client(results.RESULTS).get("/dcgan/report", params={"language": "en"}).text
    assert html.startswith('<h2><a name="')
    titles = re.findall(r"^## .*</a>(.*)$", results.REPORTS["en"].read_text(), re.MULTILINE)
    assert [title in html for title in titles] == [True] * len(titles)
    assert html.count("<h2>") == html.count("<details>") == html.count("</details>") == len(titles)
    assert html.count("<table>") >= len(titles)
    assert "<code>python -m training run turn --weights weights/faces" in html
    assert "|:--" not in html  # all tables are read as such
    (tmp_path / "RESULTS.md").write_text("# Results\n\nNothing yet.\n")
    assert (
        results.results_html(tmp_path / "RESULTS.md")
        == results.results_html(tmp_path / "none")
        == ""
    )


def test_without_results_it_says_so(tmp_path: Path) -> None:
    assert ask(tmp_path / "none", "turn")[1].count("there is: nothing yet.") == 1


def test_the_report_has_both_languages() -> None:
    asked = client(results.RESULTS)
    english, korean = (
        asked.get("/dcgan/report", params={"language": language}).text for language in ("en", "ko")
    )
    assert english.count("<h2>") == korean.count("<h2>") > 0
    assert english.count("<tr>") == korean.count("<tr>") > 0
    assert re.findall('<a name="(.*?)"', english) == re.findall('<a name="(.*?)"', korean)
    assert re.search("[가-힣]", korean)
    missing = asked.get("/dcgan/report", params={"language": "xx"})
    assert missing.status_code == 404
    assert "there is: en, ko." in missing.text
