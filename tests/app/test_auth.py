import re
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app import auth
from app.db.database import Database
from app.db.library.collections import CollectionStore
from app.db.people.keys import KeyStore
from app.db.types import KeyKind
from app.settings import Settings, UnsafeAdminKey
from retrieval.errors import UnknownCollection

BEARER = b"authorization"


class Services:
    """What the first start needs."""

    def __init__(self, url: str, folder: Path, admin_key: str | None = None) -> None:
        self.settings = Settings(data_dir=folder, admin_key=SecretStr(admin_key) if admin_key else None)
        self.keys = KeyStore(Database(url))


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """SQLite alone: what is tested here is above the stores."""
    opened = Database(sqlite_url)
    yield opened
    opened.dispose()


@pytest.fixture
def keys(database: Database) -> KeyStore:
    return KeyStore(database)


@pytest.mark.parametrize(("kind", "prefix"), [("api", "ob_"), ("session", "obs_"), ("login", "obl_")])
def test_a_secret_tells_its_purpose_and_is_well_formed_for_that_alone(kind: KeyKind, prefix: str) -> None:
    secret = auth.new_secret(kind)
    assert re.fullmatch(prefix + "[0-9A-Za-z]{49}", secret)
    kinds: tuple[KeyKind, ...] = ("api", "session", "login")
    assert [each for each in kinds if auth.well_formed(secret, each)] == [kind]


def test_secrets_do_not_repeat() -> None:
    assert len({auth.new_secret("api") for _ in range(1000)}) == 1000


@given(st.integers(0, 48), st.sampled_from("0aZ"))
def test_a_mistyped_secret_is_refused_without_the_database(position: int, other: str) -> None:
    secret = auth.new_secret("api")
    body = secret.removeprefix("ob_")
    mistyped = f"ob_{body[:position]}{other}{body[position + 1 :]}"
    assert auth.well_formed(mistyped, "api") is (mistyped == secret)


def test_the_database_holds_no_secret(keys: KeyStore) -> None:
    secret = auth.new_secret("api")
    key = keys.create("reader", "reader", None, auth.fingerprint(secret))
    assert secret not in repr(keys.page(100, None).rows)
    assert auth.identify(keys, {"api": secret}).id == key.id


def test_a_session_is_no_api_key_and_an_api_key_no_session(keys: KeyStore) -> None:
    secret = auth.new_secret("api")
    keys.create("reader", "reader", None, auth.fingerprint(secret))
    _, session = auth.open_session(keys, secret, timedelta(hours=1))
    assert auth.identify(keys, {"session": session}).name == "reader"
    for found in ({"api": session}, {"session": secret}):
        with pytest.raises(auth.NotAuthenticated):
            auth.identify(keys, found)  # pyright: ignore[reportArgumentType]


def test_a_session_ends_with_its_time(keys: KeyStore) -> None:
    secret = auth.new_secret("api")
    keys.create("reader", "reader", None, auth.fingerprint(secret))
    _, session = auth.open_session(keys, secret, timedelta(seconds=-1))
    with pytest.raises(auth.NotAuthenticated):
        auth.identify(keys, {"session": session})


def test_a_key_and_a_cookie_of_two_owners_contradict_each_other(keys: KeyStore) -> None:
    one, two = auth.new_secret("api"), auth.new_secret("api")
    keys.create("one", "reader", None, auth.fingerprint(one))
    keys.create("two", "admin", None, auth.fingerprint(two))
    _, session = auth.open_session(keys, one, timedelta(hours=1))
    assert auth.identify(keys, {"api": one, "session": session}).name == "one"
    with pytest.raises(auth.BadCredentials):
        auth.identify(keys, {"api": two, "session": session})


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([(BEARER, b"Bearer ob_a")], {"api": "ob_a"}),
        ([(BEARER, b"bearer  ob_a")], {"api": "ob_a"}),
        ([(BEARER, b"Bearer ob_a"), (BEARER, b"Bearer ob_a")], {"api": "ob_a"}),
        ([(b"cookie", b"a=b; openbook_session=obs_a; c=d")], {"session": "obs_a"}),
        ([(b"x-api-key", b"ob_a"), (b"cookie", b"session=obs_a")], {}),
    ],
)
def test_a_credential_is_found_in_its_one_place(headers: list[tuple[bytes, bytes]], found: dict[KeyKind, str]) -> None:
    assert auth.credentials(headers) == found


@pytest.mark.parametrize(
    "headers",
    [
        [(BEARER, b"Bearer ob_a"), (BEARER, b"Bearer ob_b")],
        [(b"cookie", b"openbook_session=obs_a"), (b"cookie", b"openbook_session=obs_b")],
        [(BEARER, b"Basic b2JfYTo=")],
        [(BEARER, b"ob_a")],
    ],
)
def test_credentials_that_contradict_or_are_misplaced_are_refused(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(auth.BadCredentials):
        auth.credentials(headers)


def test_a_scope_holds_what_was_named_and_nothing_foreign(database: Database) -> None:
    collections, keys = CollectionStore(database), KeyStore(database)
    ours, theirs = collections.create("ours", "f"), collections.create("theirs", "f")
    limited = keys.create("limited", "reader", frozenset([ours.id]), "a" * 64)
    free = keys.create("free", "reader", None, "b" * 64)
    assert auth.scope_of(collections, limited).collections == {ours.id}
    assert auth.scope_of(collections, free).collections == {ours.id, theirs.id}
    assert auth.scope_of(collections, free, ["theirs"]).collections == {theirs.id}
    for name in ("theirs", "nowhere", "Ours", "*", ""):
        with pytest.raises(UnknownCollection):
            auth.scope_of(collections, limited, ["ours", name])


def test_the_first_start_makes_a_private_key_and_a_login_that_works_once(sqlite_url: str, tmp_path: Path) -> None:
    services = Services(sqlite_url, tmp_path / "new")
    secret = auth.ensure_admin(services)
    path = tmp_path / "new" / "admin.key"
    assert path.read_text().strip() == secret
    assert {each.name for each in path.parent.iterdir()} == {"admin.key", "login.due"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    assert auth.identify(services.keys, {"api": secret}).role == "admin"
    login = auth.first_login(services, secret)
    assert login is not None
    token = login.removeprefix("/login/")
    owner, session = auth.redeem_login(services.keys, token, timedelta(hours=1))
    assert owner.role == "admin"
    assert auth.identify(services.keys, {"session": session}).id == owner.id
    with pytest.raises(auth.NotAuthenticated):
        auth.redeem_login(services.keys, token, timedelta(hours=1))


def test_a_later_start_takes_the_key_that_is_there_and_gives_no_login(sqlite_url: str, tmp_path: Path) -> None:
    services = Services(sqlite_url, tmp_path / "new")
    secret = auth.ensure_admin(services)
    assert auth.first_login(services, secret)
    assert auth.ensure_admin(services) == secret
    assert auth.first_login(services, secret) is None


def test_a_key_without_a_login_due_gives_none(sqlite_url: str, tmp_path: Path) -> None:
    services = Services(sqlite_url, tmp_path)
    (tmp_path / "admin.key").write_text(auth.new_secret("api"))
    assert auth.first_login(services, auth.ensure_admin(services)) is None


def test_a_key_that_takes_the_place_of_a_deleted_one_has_a_login_of_its_own(sqlite_url: str, tmp_path: Path) -> None:
    services = Services(sqlite_url, tmp_path / "new")
    auth.first_login(services, auth.ensure_admin(services))
    (tmp_path / "new" / "admin.key").unlink()
    secret = auth.ensure_admin(services)
    assert auth.first_login(services, secret)


def test_a_configured_key_is_the_only_admin_key_and_is_written_nowhere(sqlite_url: str, tmp_path: Path) -> None:
    secret = "ob_" + "operators-own_key" * 3
    services = Services(sqlite_url, tmp_path / "new", secret)
    assert auth.ensure_admin(services) == secret
    assert auth.first_login(services, secret) is None
    assert auth.identify(services.keys, {"api": secret}).role == "admin"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("weak", ["admin", "ob_short", "changeme" * 10, "ob_" + "a" * 49])
def test_a_key_that_could_be_guessed_or_was_mistyped_stops_the_start(
    weak: str, sqlite_url: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsafeAdminKey, match=r"OPENBOOK_ADMIN_KEY.*ob_[0-9A-Za-z]{49}"):
        auth.ensure_admin(Services(sqlite_url, tmp_path, weak))


@pytest.mark.parametrize(
    "headers",
    [
        [(b"host", b"books.example:8000"), (b"origin", b"https://books.example:8000")],
        [(b"host", b"localhost:8000"), (b"sec-fetch-site", b"same-origin")],
    ],
)
def test_our_own_page_may_use_its_cookie(headers: list[tuple[bytes, bytes]]) -> None:
    auth.require_same_origin(headers)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"host", b"books.example")],
        [(b"host", b"books.example"), (b"origin", b"https://evil.example")],
        [(b"host", b"books.example"), (b"origin", b"null")],
        [(b"host", b"books.example"), (b"origin", b"")],
        [(b"origin", b"https://books.example")],
        [(b"host", b"books.example"), (b"origin", b"https://evil.example"), (b"sec-fetch-site", b"same-origin")],
        [(b"host", b"books.example"), (b"sec-fetch-site", b"same-site")],
        [(b"host", b"books.example"), (b"sec-fetch-site", b"none")],
    ],
)
def test_another_sites_page_may_not_use_our_cookie(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(auth.CrossSite):
        auth.require_same_origin(headers)
