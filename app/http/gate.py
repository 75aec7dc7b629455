"""The gate that every request passes before its body is read, and the table of who reaches which route."""

import re
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from anyio.to_thread import run_sync
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.auth import (
    AuthError,
    BadCredentials,
    Forbidden,
    NotAuthenticated,
    credentials,
    identify,
    require_same_origin,
)
from app.db.people.keys import KeyStore
from app.db.types import KeyId, KeyKind, KeyRecord

Access: TypeAlias = Literal["open", "reader", "admin"]
Body: TypeAlias = Literal["json", "upload", "archive"]

_IN_ADDRESS = re.compile(rb"ob[sl]?_[A-Za-z0-9_-]{43,}")
_RECHECK_SECONDS = 2.0


class NoRoute(AuthError):
    """Nothing is served under this path."""


class WrongMethod(AuthError):
    """The path is served, but not for this method; `allowed` names those that are."""

    def __init__(self, allowed: str) -> None:
        super().__init__(f"this path answers {allowed}")
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Rule:
    """Who reaches a route, and what kind of body it takes."""

    method: str
    path: str
    access: Access
    body: Body = "json"


RULES = (
    Rule("GET", "/", "open"),
    Rule("HEAD", "/", "open"),
    Rule("GET", "/static/{version}/{path}", "open"),
    Rule("GET", "/static/{version}/{folder}/{path}", "open"),
    Rule("GET", "/livez", "open"),
    Rule("HEAD", "/livez", "open"),
    Rule("GET", "/readyz", "open"),
    Rule("HEAD", "/readyz", "open"),
    Rule("GET", "/login/{token}", "open"),
    Rule("POST", "/v1/session", "open"),
    Rule("GET", "/v1/session", "reader"),
    Rule("DELETE", "/v1/session", "reader"),
    Rule("GET", "/metrics", "admin"),
    Rule("GET", "/openapi.json", "admin"),
    Rule("POST", "/v1/admin/documents", "admin", "upload"),
    Rule("PUT", "/v1/admin/documents/{id}", "admin", "upload"),
    Rule("PATCH", "/v1/admin/documents/{id}", "admin"),
    Rule("DELETE", "/v1/admin/documents/{id}", "admin"),
    Rule("POST", "/v1/admin/documents/{id}/versions/{number}/restore", "admin"),
    Rule("GET", "/v1/documents", "reader"),
    Rule("GET", "/v1/documents/{id}", "reader"),
    Rule("GET", "/v1/documents/{id}/versions", "reader"),
    Rule("GET", "/v1/documents/{id}/versions/{number}/compare/{other}", "reader"),
    Rule("GET", "/v1/documents/{id}/chunks", "reader"),
    Rule("GET", "/v1/documents/{id}/file", "reader"),
    Rule("GET", "/v1/documents/{id}/pages/{number}.png", "reader"),
    Rule("GET", "/v1/jobs", "reader"),
    Rule("GET", "/v1/jobs/{id}", "reader"),
    Rule("GET", "/v1/jobs/{id}/events", "reader"),
    Rule("POST", "/v1/admin/jobs/{id}/cancel", "admin"),
    Rule("POST", "/v1/admin/jobs/{id}/retry", "admin"),
    Rule("GET", "/v1/admin/collections", "admin"),
    Rule("POST", "/v1/admin/collections", "admin"),
    Rule("PATCH", "/v1/admin/collections/{name}", "admin"),
    Rule("DELETE", "/v1/admin/collections/{name}", "admin"),
    Rule("GET", "/v1/admin/collections/{name}/export", "admin"),
    Rule("POST", "/v1/admin/collections/import", "admin", "archive"),
    Rule("POST", "/v1/admin/collections/{name}/reindex", "admin"),
    Rule("GET", "/v1/admin/collections/{name}/reindex", "admin"),
    Rule("POST", "/v1/admin/collections/{name}/reindex/cancel", "admin"),
    Rule("GET", "/v1/admin/health", "admin"),
    Rule("GET", "/v1/admin/keys", "admin"),
    Rule("POST", "/v1/admin/keys", "admin"),
    Rule("DELETE", "/v1/admin/keys/{id}", "admin"),
    Rule("GET", "/v1/admin/feedback", "admin"),
    Rule("GET", "/v1/admin/calibration", "admin"),
    Rule("PUT", "/v1/admin/calibration", "admin"),
    Rule("DELETE", "/v1/admin/calibration", "admin"),
    Rule("GET", "/v1/admin/evaluations", "admin"),
    Rule("POST", "/v1/admin/evaluations", "admin"),
    Rule("GET", "/v1/admin/evaluations/{id}", "admin"),
    Rule("POST", "/v1/search", "reader"),
    Rule("POST", "/v1/answers", "reader"),
    Rule("GET", "/v1/answers/{id}", "reader"),
    Rule("POST", "/v1/answers/{id}/feedback", "reader"),
    Rule("POST", "/v1/answers/{id}/share", "reader"),
    Rule("GET", "/v1/suggestions", "reader"),
    Rule("GET", "/v1/conversations", "reader"),
    Rule("POST", "/v1/conversations", "reader"),
    Rule("GET", "/v1/conversations/{id}", "reader"),
    Rule("PATCH", "/v1/conversations/{id}", "reader"),
    Rule("DELETE", "/v1/conversations/{id}", "reader"),
    Rule("GET", "/v1/models", "reader"),
    Rule("GET", "/v1/models/{model}", "reader"),
    Rule("POST", "/v1/chat/completions", "reader"),
    Rule("POST", "/mcp", "reader"),
)
"""Every route there is. A route that does not stand here is never reached, and fails a test."""


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in _parts(path)))


def _parts(path: str) -> list[str]:
    return re.split(r"(\{\w+\})", path)


_FIXED = {(rule.method, rule.path): rule for rule in RULES if "{" not in rule.path}
_PATTERNS = [(_pattern(rule.path), rule) for rule in RULES if "{" in rule.path]


def rule_for(method: str, path: str) -> Rule | None:
    """The rule of a request, None for what is not served."""
    fixed = _FIXED.get((method, path))
    if fixed is not None:
        return fixed
    return next((rule for pattern, rule in _PATTERNS if rule.method == method and pattern.fullmatch(path)), None)


def _methods(path: str) -> str:
    fixed = [rule.method for rule in RULES if rule.path == path]
    return ", ".join(sorted({*fixed, *(rule.method for pattern, rule in _PATTERNS if pattern.fullmatch(path))}))


class Gate:
    """ASGI: lets nothing through that the table does not name and whose key does not reach it; reads no body.

    While a long reply or upload runs, the key is looked at again every two seconds, so that a revoked one ends it.
    `failed(address)` is told of each refused credential and `known(key)` of each request of a key; both may raise when
    it is too often. `denied(scope, key)` writes down who tried what is not for them.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: KeyStore,
        failed: Callable[[str], None],
        known: Callable[[KeyRecord], None],
        denied: Callable[[Scope, KeyRecord], None],
    ) -> None:
        self._app = app
        self._keys = keys
        self._failed = failed
        self._known = known
        self._denied = denied

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rule = rule_for(scope["method"], scope["path"])
        state = cast("MutableMapping[str, Any]", scope["state"])
        if rule is not None and rule.access == "open":
            await self._app(scope, receive, send)
            return
        headers = cast("list[tuple[bytes, bytes]]", scope["headers"])
        if _IN_ADDRESS.search(scope["query_string"]):
            raise BadCredentials("a key does not belong into an address: send Authorization: Bearer ob_...")
        found = credentials(headers)
        key = await self._identified(found, scope)
        state["key"] = key
        self._known(key)
        await self._permit(scope, rule, key, found, headers)
        checked = _Recheck(self._keys, found, key.id)
        await self._app(scope, checked.around(receive), checked.before(send))

    async def _identified(self, found: dict[KeyKind, str], scope: Scope) -> KeyRecord:
        try:
            return await run_sync(identify, self._keys, found)
        except NotAuthenticated:
            if found:
                self._failed(str((scope.get("client") or ("?",))[0]))
            raise

    async def _permit(
        self,
        scope: Scope,
        rule: Rule | None,
        key: KeyRecord,
        found: dict[KeyKind, str],
        headers: list[tuple[bytes, bytes]],
    ) -> None:
        if rule is None:
            allowed = _methods(scope["path"])
            raise WrongMethod(allowed) if allowed else NoRoute("nothing is served under this path")
        if rule.access == "admin" and key.role != "admin":
            await run_sync(self._denied, scope, key)
            raise Forbidden("this needs an admin key")
        if "api" not in found and rule.method not in ("GET", "HEAD"):
            require_same_origin(headers)


class _Recheck:
    """Looks a key up again when more than a moment has passed since the last time."""

    def __init__(self, keys: KeyStore, found: dict[KeyKind, str], key: KeyId) -> None:
        self._keys = keys
        self._found = found
        self._key = key
        self._last = time.monotonic()

    def around(self, receive: Receive) -> Receive:
        async def checked() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                await self._check()
            return message

        return checked

    def before(self, send: Send) -> Send:
        async def checked(message: Message) -> None:
            await self._check()
            await send(message)

        return checked

    async def _check(self) -> None:
        if time.monotonic() - self._last < _RECHECK_SECONDS:
            return
        owner = await run_sync(identify, self._keys, self._found)
        if owner.id != self._key:
            raise NotAuthenticated("this key was revoked")
        self._last = time.monotonic()
