"""A whole service in one place: data folder, schema, admin key, samples, worker and HTTP server."""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

from app import browser, data_folder, worker
from app.auth import ensure_admin, first_login
from app.client import Client, client_of
from app.main import Server, create_app, new_server, run
from app.settings import Settings
from app.wiring import Services, build, close
from ingestion.intake import IncomingFile
from retrieval.types import CollectionId

SAMPLES = Path(__file__).parent / "samples"
DEFAULT_COLLECTION = "default"
_OWN_START_SECONDS = 60.0
_OWN_REQUESTS_PER_MINUTE = 1_000_000


def serve(settings: Settings, *, may_open_browser: bool = True) -> None:
    """Serve until SIGTERM or SIGINT; raises DataFolderHeld when another service has the data folder.

    The first start opens its login link in the browser, where that may be and a person is there to see it.
    """
    url = f"http://{_reachable(settings.host)}:{settings.port}"
    with data_folder.hold(settings.data_dir, url):
        services = build(settings)
        try:
            link = _prepare(services, url)
            supervisor = worker.Supervisor(services) if settings.embedded_worker else None
            if supervisor is not None:
                supervisor.start()
            try:
                run(services, reached=_reached(link if may_open_browser else None))
            finally:
                if supervisor is not None:
                    supervisor.stop(settings.shutdown_seconds)
        finally:
            close(services)


@contextlib.contextmanager
def own_service(settings: Settings) -> Generator[Client]:
    """The service within this process, on a free port of the loopback, for as long as the block runs."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        data_folder.hold(settings.data_dir, url := f"http://127.0.0.1:{listener.getsockname()[1]}"),
    ):
        services = build(settings.model_copy(update={"requests_per_minute": _OWN_REQUESTS_PER_MINUTE}))
        _ensure_default(services)
        secret = ensure_admin(services)
        server = new_server(services, create_app(services))
        loop = worker.make(services, worker.new_name())
        threads = [
            threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="server"),
            threading.Thread(target=loop.run, name="worker"),
        ]
        for thread in threads:
            thread.start()
        try:
            _wait_until_started(server)
            with client_of(url, secret) as client:
                yield client
        finally:
            loop.stop()
            server.should_exit = True
            for thread in threads:
                thread.join()
            close(services)


def _reached(link: str | None) -> Callable[[], None]:
    """What to do once the service can be reached."""
    return partial(browser.show, link) if link is not None and browser.is_seen() else lambda: None


def _prepare(services: Services, url: str) -> str | None:
    """Bring the folder and the database up to date, and tell who starts for the first time how to log in; its link.

    A command that ran before, with a service of its own, was no first start.
    """
    collection = _ensure_default(services)
    secret = ensure_admin(services)
    login = first_login(services, secret)
    link = None if login is None else f"{url}{login}"
    print(f"Openbook answers at {url}")  # noqa: T201  # to whoever started it, not to the log
    if link is not None:
        key_file = services.settings.data_dir / "admin.key"
        print(f"Log in once, within the hour: {link}")  # noqa: T201
        print(f"The admin key, kept in {key_file}: {secret}")  # noqa: T201
    if services.settings.samples and not services.documents.had_any():
        _add_samples(services, collection)
    elif services.settings.samples and link is not None:
        print("There are documents already, so no samples were added.")  # noqa: T201
    sys.stdout.flush()
    return link


def _ensure_default(services: Services) -> CollectionId:
    """Migrate, write down the embedder, and see to it that the default collection is there."""
    services.db.migrate()
    services.embedders.remember()
    return services.collections.ensure(DEFAULT_COLLECTION, services.embedder.fingerprint).id


def _add_samples(services: Services, collection: CollectionId) -> None:
    with contextlib.ExitStack() as opened:
        files = [
            IncomingFile(path.name, opened.enter_context(path.open("rb")), {})
            for path in sorted(SAMPLES.iterdir())
            if path.is_file()
        ]
        services.intake.accept_all(files, collection)


def _reachable(host: str) -> str:
    """An address that a browser on this machine can open."""
    return "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104  # compared, not bound


def _wait_until_started(server: Server) -> None:
    deadline = time.monotonic() + _OWN_START_SECONDS
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the service did not start within {_OWN_START_SECONDS:.0f} s")
        time.sleep(0.02)
