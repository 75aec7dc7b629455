"""A running service per test module, with documents in two collections and a client per kind of asker."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.app.running import Running, running

GALLIUM = "# Gallium\n\nGallium melts at 29.8 degrees Celsius. It was discovered in 1875 by Lecoq de Boisbaudran."
SECRET = "# Payroll\n\nThe payroll run of the marmalade project happens on the ninth day of each month."


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    """The collections `default` and `private`, with one document that is ready in each."""
    with running(tmp_path_factory.mktemp("data"), sqlite_template) as started:
        started.services.collections.create("private", started.services.embedder.fingerprint)
        started.upload("gallium.md", GALLIUM, metadata='{"year": 1875, "tags": ["metal"]}')
        started.upload("payroll.md", SECRET, "private")
        started.read_all()
        yield started


@pytest.fixture(scope="module")
def admin(service: Running) -> Iterator[httpx.Client]:
    """Everything."""
    with service.client(service.admin_secret) as client:
        yield client


@pytest.fixture(scope="module")
def reader(service: Running) -> Iterator[httpx.Client]:
    """Reads every collection."""
    with service.client(service.new_key()) as client:
        yield client


@pytest.fixture(scope="module")
def limited(service: Running) -> Iterator[httpx.Client]:
    """Reads the collection `default` alone."""
    with service.client(service.new_key(collections=("default",))) as client:
        yield client


@pytest.fixture(scope="module")
def anonymous(service: Running) -> Iterator[httpx.Client]:
    """Has no key."""
    with service.client() as client:
        yield client


@pytest.fixture(scope="module")
def public_id(admin: httpx.Client) -> str:
    """The document that everybody with a key reads."""
    return str(admin.get("/v1/documents", params={"q": "gallium"}).json()["items"][0]["id"])


@pytest.fixture(scope="module")
def private_id(admin: httpx.Client) -> str:
    """The document in the collection that `limited` may not read."""
    return str(admin.get("/v1/documents", params={"q": "payroll"}).json()["items"][0]["id"])
