"""Route of what was measured (`python -m training run`, section 6), for the tabs' charts.

GET /dcgan/results?name=NAME              the file results/NAME.json as it is
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from dcgan.ui.server import RequestError, answering

RESULTS = Path(__file__).parents[2] / "results"


def routes(folder: Path) -> list[BaseRoute]:
    """Routes for `launch(app_kwargs={"routes": ...})`, over a folder like RESULTS."""

    async def result(request: Request) -> Response:
        name = request.query_params.get("name", "")
        files = {path.stem: path for path in folder.glob("*.json")}
        if name not in files:
            known = ", ".join(sorted(files)) or "nothing yet"
            raise RequestError(f"There is no result called {name[:40]!r}; there is: {known}.", 404)
        return FileResponse(files[name], media_type="application/json")

    return [Route("/dcgan/results", answering(result))]
