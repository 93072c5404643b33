"""Routes of the experiments' results (`python -m training run`), for the Results tab and charts.

GET /dcgan/results?name=NAME              the file results/NAME.json as it is
GET /dcgan/report?language=CODE           docs/RESULTS.md in a language, as HTML; empty if missing
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from markdown_it import MarkdownIt
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from dcgan.paths import REPOSITORY
from dcgan.ui.serving.http import RequestError, error_responses

RESULTS = REPOSITORY / "results"
REPORTS = {
    "en": REPOSITORY / "docs" / "RESULTS.md",
    "ko": REPOSITORY / "docs" / "RESULTS.ko.md",
}
"""Results page by language code."""


def routes(folder: Path, reports: Mapping[str, Path]) -> list[BaseRoute]:
    """Return the routes for `launch(app_kwargs={"routes": ...})`.

    folder, reports: replacements of RESULTS and REPORTS.
    """

    async def result(request: Request) -> Response:
        name = request.query_params.get("name", "")
        files = {path.stem: path for path in folder.glob("*.json")}
        if name not in files:
            known = ", ".join(sorted(files)) or "nothing yet"
            raise RequestError(f"There is no result called {name[:40]!r}; there is: {known}.", 404)
        return FileResponse(files[name], media_type="application/json")

    async def report(request: Request) -> Response:
        language = request.query_params.get("language", "")
        if language not in reports:
            known = ", ".join(reports)
            raise RequestError(f"There is no report in {language[:40]!r}; there is: {known}.", 404)
        return HTMLResponse(results_html(reports[language]))

    return [
        Route("/dcgan/results", error_responses(result)),
        Route("/dcgan/report", error_responses(report)),
    ]


def results_html(report: Path) -> str:
    """Return a report's sections, from the first h2 on, as HTML; "" if the file is missing."""
    text = report.read_text(encoding="utf-8") if report.is_file() else ""
    _, heading, sections = text.partition("\n## ")
    return MarkdownIt().enable("table").render(heading + sections)
