"""Who asks, and what they may see: secrets, credentials, sessions, scopes, and the admin key of the first start.

A credential is an API key in `Authorization: Bearer ob_...`, or the page's session cookie. Nothing else is looked at,
and a key in an address is refused, since addresses end in logs.
"""

import hashlib
import os
import re
import secrets
import string
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from app.db.library.collections import CollectionStore
from app.db.people.keys import KeyStore
from app.db.types import KeyKind, KeyRecord
from app.settings import Settings, UnsafeAdminKey
from retrieval import types as retrieval
from retrieval.errors import UnknownCollection

COOKIE = "openbook_session"
LOGIN_HOURS = 1
_PREFIXES: dict[KeyKind, str] = {"api": "ob_", "session": "obs_", "login": "obl_"}
_ALPHABET = string.digits + string.ascii_letters
_SECRET_LENGTH, _CHECK_LENGTH = 43, 6
_WELL_FORMED = re.compile(r"(?:ob|obs|obl)_([A-Za-z0-9_-]{43,128})")
_ADMIN_KEY_FILE = "admin.key"
_LOGIN_DUE_FILE = "login.due"


class AuthError(Exception):
    """Base of all that the gate refuses."""


class NotAuthenticated(AuthError):
    """No key, or none that is known."""


class Forbidden(AuthError):
    """The key is known, but its role does not reach this far."""


class BadCredentials(AuthError):
    """Credentials that contradict each other, or stand where none may stand."""


class CrossSite(AuthError):
    """A request with a cookie that another site's page may have caused."""


def new_secret(kind: KeyKind) -> str:
    """A fresh secret of 256 bits, with a prefix that tells its purpose and a checksum that tells typing errors."""
    secret = _base62(secrets.randbits(256), _SECRET_LENGTH)
    return f"{_PREFIXES[kind]}{secret}{_checksum(secret)}"


def _checksum(secret: str) -> str:
    return _base62(zlib.crc32(secret.encode()), _CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def fingerprint(secret: str) -> str:
    """What the database keeps of a secret; of 256 random bits, a plain SHA-256 gives nothing away."""
    return hashlib.sha256(secret.encode()).hexdigest()


def well_formed(secret: str, kind: KeyKind) -> bool:
    """Whether this may be a secret of that kind at all; what may not needs no look into the database."""
    found = _WELL_FORMED.fullmatch(secret)
    if found is None or not secret.startswith(_PREFIXES[kind]):
        return False
    rest = found[1]
    if len(rest) != _SECRET_LENGTH + _CHECK_LENGTH or not rest.isalnum():
        return True  # an operator's own, from OPENBOOK_ADMIN_KEY
    return rest[_SECRET_LENGTH:] == _checksum(rest[:_SECRET_LENGTH])


def credentials(headers: Iterable[tuple[bytes, bytes]]) -> dict[KeyKind, str]:
    """The secrets that a request carries, at most one of each kind; raises BadCredentials where two differ."""
    found: dict[KeyKind, str] = {}
    for name, value in headers:
        if name == b"authorization":
            scheme, _, secret = value.decode("latin-1").partition(" ")
            if scheme.lower() != "bearer":
                raise BadCredentials("send the key as: Authorization: Bearer ob_...")
            _add(found, "api", secret.strip())
        elif name == b"cookie":
            for part in value.decode("latin-1").split(";"):
                cookie, _, secret = part.strip().partition("=")
                if cookie == COOKIE:
                    _add(found, "session", secret)
    return found


def _add(found: dict[KeyKind, str], kind: KeyKind, secret: str) -> None:
    if found.setdefault(kind, secret) != secret:
        raise BadCredentials("two different credentials in one request")


def identify(keys: KeyStore, found: dict[KeyKind, str]) -> KeyRecord:
    """Whose request this is; raises NotAuthenticated, or BadCredentials when a key and a cookie are not of one key."""
    owners = [_owner(keys, kind, secret) for kind, secret in found.items()]
    if not owners:
        raise NotAuthenticated("a key is needed")
    if len({owner.id for owner in owners}) > 1:
        raise BadCredentials("two different credentials in one request")
    return owners[0]


def _owner(keys: KeyStore, kind: KeyKind, secret: str) -> KeyRecord:
    record = keys.find(fingerprint(secret)) if well_formed(secret, kind) else None
    if record is None or record.kind != kind:
        raise NotAuthenticated("this key is not known, or was revoked")
    return record


def scope_of(collections: CollectionStore, key: KeyRecord, names: Sequence[str] | None = None) -> retrieval.Scope:
    """What a request may see: all that its key may read, or those of them that it names.

    Raises UnknownCollection alike for a collection that is not there and for one that the key may not read.
    """
    ids = collections.ids(key.collections)
    for name in names or ():
        if name not in ids:
            raise UnknownCollection(name)
    return retrieval.Scope(frozenset(ids.values() if names is None else (ids[name] for name in names)))


def open_session(keys: KeyStore, secret: str, lifetime: timedelta) -> tuple[KeyRecord, str]:
    """Change an API key into a session's secret; raises NotAuthenticated."""
    owner = _owner(keys, "api", secret)
    session = new_secret("session")
    keys.open_session(owner.id, fingerprint(session), datetime.now(UTC) + lifetime)
    return owner, session


def redeem_login(keys: KeyStore, token: str, lifetime: timedelta) -> tuple[KeyRecord, str]:
    """Change a one-time login into a session's secret; raises NotAuthenticated, also the second time."""
    session = new_secret("session")
    owner = None
    if well_formed(token, "login"):
        owner = keys.redeem_login(fingerprint(token), fingerprint(session), datetime.now(UTC) + lifetime)
    if owner is None:
        raise NotAuthenticated("this login link was used before, or has expired")
    return owner, session


class Keyring(Protocol):
    """What the first start needs of the services."""

    @property
    def settings(self) -> Settings: ...

    @property
    def keys(self) -> KeyStore: ...


def ensure_admin(services: Keyring) -> str:
    """The service never starts open: take the admin key from the settings or the data folder, else make one.

    Raises UnsafeAdminKey for a key that could be guessed or was mistyped.
    """
    configured = services.settings.admin_key
    path = services.settings.data_dir / _ADMIN_KEY_FILE
    if configured is not None:
        return _known(services.keys, configured.get_secret_value(), "OPENBOOK_ADMIN_KEY")
    if path.exists():
        return _known(services.keys, path.read_text().strip(), str(path))
    secret = new_secret("api")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.with_name(_LOGIN_DUE_FILE).touch(mode=0o600)  # before the key: no key is made without its login
    _write_private(path, secret)
    return _known(services.keys, secret, str(path))


def first_login(services: Keyring, admin_secret: str) -> str | None:
    """The path of a one-time link, once for each admin key that was made here; None for a configured one."""
    if services.settings.admin_key is not None:
        return None
    try:
        (services.settings.data_dir / _LOGIN_DUE_FILE).unlink()
    except FileNotFoundError:
        return None
    return new_login(services.keys, admin_secret)


def new_login(keys: KeyStore, secret: str) -> str:
    """The path of a link that logs in once, within the hour, as the key with that secret."""
    token = new_secret("login")
    keys.create_login(
        _owner(keys, "api", secret).id, fingerprint(token), datetime.now(UTC) + timedelta(hours=LOGIN_HOURS)
    )
    return f"/login/{token}"


def _known(keys: KeyStore, secret: str, origin: str) -> str:
    if not well_formed(secret, "api"):
        raise UnsafeAdminKey(f"{origin} is not a key of 256 bits. Here is a fresh one: {new_secret('api')}")
    keys.ensure_admin(fingerprint(secret))
    return secret


def _write_private(path: Path, secret: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())


def require_same_origin(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raises CrossSite unless the browser says that our own page sent this."""
    given = {name: value.decode("latin-1") for name, value in headers}
    origin = given.get(b"origin")
    if origin is not None:
        same = bool(origin) and urlsplit(origin).netloc.lower() == given.get(b"host", "").lower() != ""
    else:
        same = given.get(b"sec-fetch-site") == "same-origin"
    if not same:
        raise CrossSite("this was not sent by Openbook's own page")
