"""One server that writes for all tests: to start it takes half a minute, so a test that kills it starts it again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.running import Running, running
from tests.vllm import tiny_model
from tests.vllm.server import ADAPTERS, MODEL, PYTHON, ROOT, VllmServer, writing

DOCUMENT = "Gallium is a soft metal. Gallium melts at thirty degrees Celsius."


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """A server with a model that says one sentence for ever, and adapters that say one once."""
    if not PYTHON.exists():
        pytest.skip("vLLM is not installed (make test-vllm)")
    server = writing(make_models(tmp_path_factory.mktemp("vllm")))
    try:
        yield server
    finally:
        server.end()


@pytest.fixture
def vllm(server: VllmServer) -> VllmServer:
    """The server, up and idle."""
    if not server.is_healthy():
        server.end()
        server.start()
    return server


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, server: VllmServer) -> Iterator[Running]:
    """Openbook before that server, with one document in `default`; as patient as two busy cores need."""
    folder = tmp_path_factory.mktemp("data")
    patient: dict[str, Any] = {"generator_timeout_seconds": 600.0, "requests_per_minute": 100_000}
    with running(folder, sqlite_template, generator_url=server.base_url, generator_model=MODEL, **patient) as started:
        started.upload("gallium.txt", DOCUMENT)
        started.read_all()
        yield started


def make_models(folder: Path) -> Path:
    """The folder with the model and its adapters."""
    model = folder / MODEL
    tiny_model.make_model(model, (ROOT / "LICENSE").read_text(encoding="utf-8"))
    brief, boiling = ADAPTERS
    tiny_model.make_adapter(folder / brief, model, {"]": tiny_model.END})
    tiny_model.make_adapter(folder / boiling, model, {"Gallium": " boils", "]": tiny_model.END})
    return folder
