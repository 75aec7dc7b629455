"""The description of all routes, for tools, with what FastAPI does not know: the problems, and who needs a key."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from app.api.bodies import Reply
from app.api.problems import MEDIA_TYPE
from app.auth import COOKIE
from app.http.gate import RULES

_KEYS: Mapping[str, Mapping[str, str]] = {
    "key": {"type": "http", "scheme": "bearer", "bearerFormat": "ob_..."},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}


class WrongPlace(Reply):
    """Where a request is wrong: the way to it, words for it, and a code."""

    loc: list[str]
    msg: str
    type: str


class Problem(Reply):
    """What went wrong, as RFC 9457 has it; `errors` names the places where a request is wrong, where there are some."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None
    errors: list[WrongPlace] | None = None


PROBLEMS: Mapping[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
"""What each route may answer besides, for the routers: FastAPI would tell of another body than comes, with a 422."""


def description_of(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI description."""
    described = app.openapi()
    problem = Problem.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    components = described["components"]
    components["schemas"] |= {**problem.pop("$defs"), "Problem": problem}
    components["securitySchemes"] = _KEYS
    described["security"] = [{name: []} for name in _KEYS]
    for rule in RULES:
        if rule.access == "open" and rule.path in described["paths"]:
            described["paths"][rule.path][rule.method.lower()]["security"] = []
    return described
