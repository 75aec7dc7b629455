"""Logging in: a key, or a one-time link, becomes a session's cookie."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field
from starlette.responses import RedirectResponse

from app import auth
from app.api.bodies import Closed, Reply, Text
from app.api.dependencies import App, AppGiven, KeyGiven, ServicesGiven, address_of, audit
from app.db.errors import DatabaseUnavailable
from app.db.types import KeyRecord, Role
from app.wiring import Services

router = APIRouter(tags=["session"])


class Login(Closed):
    """A key, to be changed into a session."""

    key: Annotated[Text, Field(min_length=1, max_length=200)]


class Who(Reply):
    """Who is logged in; `collections` are those that this key may read, `limited` says that there may be others."""

    id: str
    name: str
    role: Role
    collections: list[str]
    limited: bool


async def _counted(request: Request, app: AppGiven) -> None:
    """Each session is a row, and no key's own rate holds before there is a key."""
    app.logins.hit(address_of(request))


@router.post("/v1/session", dependencies=[Depends(_counted)])
def log_in(login: Login, request: Request, response: Response, app: AppGiven) -> Who:
    """Open a session; the reply sets its cookie."""
    if request.headers.get("origin") is not None:
        auth.require_same_origin(request.headers.raw)
    address = address_of(request)
    app.login_failures.check(address)
    try:
        owner, secret = auth.open_session(app.services.keys, login.key, _lifetime(app.services))
    except auth.NotAuthenticated:
        _refused(request, app)
        raise
    request.state.key = owner
    audit(request, "session.open", owner.id)
    _set_cookie(request, response, secret, app.services)
    return _who(owner, app.services)


@router.get("/v1/session")
def who(key: KeyGiven, services: ServicesGiven) -> Who:
    """Who is asking."""
    return _who(key, services)


def told_session(request: Request, services: Services) -> Who | None:
    """Who asks for the page, as far as can be told: a browser that comes from another site keeps the cookie back."""
    secret = request.cookies.get(auth.COOKIE)
    try:
        return _who(auth.identify(services.keys, {"session": secret}), services) if secret else None
    except (auth.NotAuthenticated, DatabaseUnavailable):
        return None


@router.delete("/v1/session", status_code=204)
def log_out(request: Request, response: Response, key: KeyGiven, services: ServicesGiven) -> None:
    """End the session; its cookie is worth nothing from here on."""
    secret = request.cookies.get(auth.COOKIE)
    if secret:
        services.keys.close_session(auth.fingerprint(secret))
        audit(request, "session.close", key.id)
    response.delete_cookie(auth.COOKIE, path="/", httponly=True, samesite="strict")


@router.get("/login/{token}", include_in_schema=False)
def follow_login(token: Annotated[str, Path(max_length=200)], request: Request, app: AppGiven) -> Response:
    """A one-time link leads to the page, logged in; a used one to the page that says so."""
    app.login_failures.check(address_of(request))
    try:
        owner, secret = auth.redeem_login(app.services.keys, token, _lifetime(app.services))
    except auth.NotAuthenticated:
        _refused(request, app)
        return RedirectResponse("/#/login-failed", 303)
    request.state.key = owner
    audit(request, "session.open", owner.id)
    response = RedirectResponse("/", 303)
    _set_cookie(request, response, secret, app.services)
    return response


def _refused(request: Request, app: App) -> None:
    app.login_failures.hit(address_of(request))
    audit(request, "session.open", None, "refused")


def _lifetime(services: Services) -> timedelta:
    return timedelta(hours=services.settings.session_hours)


def _set_cookie(request: Request, response: Response, secret: str, services: Services) -> None:
    response.set_cookie(
        auth.COOKIE,
        secret,
        max_age=round(_lifetime(services).total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def _who(key: KeyRecord, services: Services) -> Who:
    names = sorted(services.collections.ids(key.collections))
    return Who(id=key.id, name=key.name, role=key.role, collections=names, limited=key.collections is not None)
