"""What was measured (`python -m training run`), for the Results tab and the tabs' charts.

GET /dcgan/results?name=NAME              the file results/NAME.json as it is
"""

from __future__ import annotations

from pathlib import Path

from markdown_it import MarkdownIt
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from dcgan.paths import REPOSITORY
from dcgan.ui.serving.http import RequestError, error_responses

RESULTS = REPOSITORY / "results"
REPORT = REPOSITORY / "docs" / "RESULTS.md"


def routes(folder: Path) -> list[BaseRoute]:
    """Routes for `launch(app_kwargs={"routes": ...})`, over a folder like RESULTS."""

    async def result(request: Request) -> Response:
        name = request.query_params.get("name", "")
        files = {path.stem: path for path in folder.glob("*.json")}
        if name not in files:
            known = ", ".join(sorted(files)) or "nothing yet"
            raise RequestError(f"There is no result called {name[:40]!r}; there is: {known}.", 404)
        return FileResponse(files[name], media_type="application/json")

    return [Route("/dcgan/results", error_responses(result))]


def results_html(report: Path) -> str:
    """The sections of a file like REPORT, each from its h2 on; "" where there is none."""
    text = report.read_text(encoding="utf-8") if report.is_file() else ""
    _, heading, sections = text.partition("\n## ")
    return MarkdownIt().enable("table").render(heading + sections)
