"""The page, and its files at addresses that change with their content: a browser asks for each of them once."""

import hashlib
import mimetypes
import re
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.session import told_session
from app.wiring import Services

WEB = Path(__file__).parent / "web"
_STYLESHEET = re.compile(r'^ *<link rel="stylesheet" href="/static/([^"]+)">\n', re.MULTILINE)
_JOINED = "style/first.css"
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


def add_page(app: FastAPI, services: Services) -> None:
    """Add `/`, which names the files by their version, and the files themselves; both as they are at this moment.

    The page also tells who is logged in, and names the words of the browser's language: each request that the first
    view waits for costs it milliseconds.
    """
    files = {path.relative_to(WEB).as_posix(): path.read_bytes() for path in sorted(WEB.rglob("*.*"))}
    place = f"/static/{_version(files)}"
    page = _with_one_stylesheet(files).replace('"/static/', f'"{place}/')

    def index(request: Request) -> HTMLResponse:
        words = "zh" if request.headers.get("Accept-Language", "").startswith("zh") else "en"
        shown = page.replace("/strings/en.js", f"/strings/{words}.js")
        who = told_session(request, services)
        if who is not None:
            told = who.model_dump_json().replace("<", r"\u003c")  # no name in it ends the script, or begins one
            shown = shown.replace('id="session">', f'id="session">{told}')
        return HTMLResponse(shown)

    app.add_api_route("/", index, methods=["GET", "HEAD"], include_in_schema=False)
    app.mount(place, _Files(files), name="static")


class _Files:
    """ASGI: files that never change, since their address would change with them; each from memory, whole."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._replies = {
            f"/{name}": Response(content, headers=_KEPT, media_type=mimetypes.guess_type(name)[0])
            for name, content in files.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply = self._replies.get(scope["path"].removeprefix(scope["root_path"]))
        if reply is None:
            raise HTTPException(404)
        await reply(scope, receive, send)


def _with_one_stylesheet(files: dict[str, bytes]) -> str:
    """The page, its stylesheets joined in their order to one file."""
    index = files["index.html"].decode()
    files[_JOINED] = b"".join(files[name] for name in _STYLESHEET.findall(index))
    first, *others = _STYLESHEET.finditer(index)
    for link in others:
        index = index.replace(link[0], "")
    return index.replace(first[1], _JOINED)


def _version(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()[:16]
