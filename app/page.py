"""The page's own files, at addresses that change with their content: a browser asks for each of them once."""

import hashlib
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

WEB = Path(__file__).parent / "web"


def add_page(app: FastAPI) -> None:
    """Add `/`, which names the files by their version, and the files themselves; both as they are at this moment."""
    files = f"/static/{_version()}"
    index = (WEB / "index.html").read_text(encoding="utf-8").replace('"/static/', f'"{files}/')

    async def page() -> HTMLResponse:
        return HTMLResponse(index, headers={"Cache-Control": "no-cache"})

    app.add_api_route("/", page, include_in_schema=False)
    app.mount(files, _Kept(directory=WEB), name="static")


class _Kept(StaticFiles):
    """Files that never change, since their address would change with them."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def _version() -> str:
    digest = hashlib.sha256()
    for path in sorted(WEB.rglob("*.*")):
        digest.update(path.relative_to(WEB).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
