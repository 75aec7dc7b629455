"""Multipart forms: whole, and closed like every other body: what is cut off or unknown is refused, not passed over."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from python_multipart.multipart import parse_options_header
from starlette.formparsers import MultiPartException

FILE = "file"


class FormRoute(APIRoute):
    """A route whose form must come to its end.

    The parser takes a form that breaks off for a shorter one: without its last files, or with a document in the default
    collection because the field that named another one was cut.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As ever, but of a request that looks for the form's end."""
        handler = super().get_route_handler()

        async def whole(request: Request) -> Response:
            return await handler(_WholeForm(request.scope, request.receive))

        return whole


class _WholeForm(Request):
    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body; raises MultiPartException at its end if the form has not ended before."""
        _, options = parse_options_header(self.headers.get("content-type"))
        closing = b"--" + options.get(b"boundary", b"") + b"--"
        seen, ended = b"", False
        async with aclosing(super().stream()) as pieces:
            async for piece in pieces:
                if not ended:
                    seen += piece
                    ended = closing in seen
                    seen = seen[-len(closing) :]
                yield piece
        if b"boundary" in options and not ended:
            raise MultiPartException(
                "The form breaks off: its last boundary is missing. Nothing was taken; send it again."
            )


def closed_form(*single: str, several: str | None = None) -> Callable[[Request], Awaitable[None]]:
    """What refuses all but a form of these fields, each there once at most but for `several`; `file` is a file."""

    async def require(request: Request) -> None:
        media_type, _ = parse_options_header(request.headers.get("content-type"))
        if media_type != b"multipart/form-data":
            words = "Input should be a form, sent as multipart/form-data"
            raise RequestValidationError([{"type": "no_form", "loc": ("body",), "msg": words}])
        form = await request.form()
        names = [name for name, _ in form.multi_items()]
        wrong = [
            *(
                _error("extra_forbidden", name, "Extra inputs are not permitted")
                for name in dict.fromkeys(names)
                if name not in (*single, several)
            ),
            *(
                _error("too_long", name, f"Given {names.count(name)} times: give it once")
                for name in single
                if names.count(name) > 1
            ),
            *(
                _error("no_file", FILE, "Expected a file: its part has no filename, as with curl -F file=@PATH")
                for content in form.getlist(FILE)
                if isinstance(content, str)
            ),
        ]
        if wrong:
            raise RequestValidationError(wrong)

    return require


def _error(kind: str, field: str, words: str) -> dict[str, Any]:
    return {"type": kind, "loc": ("body", field), "msg": words}
