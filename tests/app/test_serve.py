"""What whoever starts the service is told."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from app.auth import new_secret
from app.serve import SAMPLES, own_service, serve
from app.settings import Settings
from app.wiring import Services


def test_the_first_start_alone_prints_the_admin_key_and_a_login_link(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def not_run(*_: object, **__: object) -> None: ...

    monkeypatch.setattr("app.serve.run", not_run)
    (tmp_path / "openbook.db").write_bytes(sqlite_template.read_bytes())
    settings = Settings(data_dir=tmp_path, embedder="hashing", embedded_worker=False, samples=False)

    serve(settings)
    first = capsys.readouterr().out
    serve(settings)
    later = capsys.readouterr().out

    secret = (tmp_path / "admin.key").read_text().strip()
    assert secret in first
    assert f"http://127.0.0.1:{settings.port}/login/obl_" in first
    assert later == f"Openbook answers at http://127.0.0.1:{settings.port}\n"


@dataclass
class Starts:
    """Starts the service and ends it at once; knows how many documents the default collection had then."""

    settings: Settings
    documents: int = 0

    def run(self, services: Services, **_: object) -> None:
        collection = services.collections.by_name("default")
        assert collection is not None
        self.documents = collection.documents

    def again(self) -> int:
        serve(self.settings)
        return self.documents

    def forget_all(self) -> None:
        with own_service(self.settings) as client:
            for document in client.listed("/v1/documents", collection="default"):
                client.delete(f"/v1/admin/documents/{document['id']}")


@pytest.fixture
def starts(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Starts:
    starts = Starts(Settings(data_dir=tmp_path / "data", embedder="hashing", embedded_worker=False, parse_processes=1))
    monkeypatch.setattr("app.serve.run", starts.run)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "openbook.db").write_bytes(sqlite_template.read_bytes())
    return starts


def test_a_data_folder_that_came_with_its_admin_key_has_had_its_first_start(
    starts: Starts, capsys: pytest.CaptureFixture[str]
) -> None:
    (starts.settings.data_dir / "admin.key").write_text(new_secret("api"))
    starts.again()
    assert capsys.readouterr().out == f"Openbook answers at http://127.0.0.1:{starts.settings.port}\n"


def test_the_samples_are_taken_in_once_though_a_command_ran_before(
    starts: Starts, capsys: pytest.CaptureFixture[str]
) -> None:
    starts.forget_all()  # a command with a service of its own
    assert starts.again() == len(list(SAMPLES.iterdir()))
    assert "Log in once, within the hour: " in capsys.readouterr().out
    starts.forget_all()
    assert starts.again() == 0


def test_no_samples_come_among_documents_of_ones_own_and_that_is_told_once(
    starts: Starts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gallium.txt").write_text("Gallium melts at 29.8 degrees Celsius.")
    with own_service(starts.settings) as client:
        client.ensure_collection("metals")
        list(client.upload([tmp_path / "gallium.txt"], "metals"))
    assert starts.again() == 0
    told = "There are documents already, so no samples were added.\n"
    assert told in capsys.readouterr().out
    assert starts.again() == 0
    assert told not in capsys.readouterr().out


def test_it_starts_while_the_embedding_server_is_away(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready: list[str] = []

    def run(services: Services, **_: object) -> None:
        ready.extend(services.collections.ids())

    monkeypatch.setattr("app.serve.run", run)
    (tmp_path / "openbook.db").write_bytes(sqlite_template.read_bytes())

    serve(Settings(data_dir=tmp_path, embedder="openai:m", embedder_url="http://127.0.0.1:9", embedded_worker=False))

    assert ready == ["default"]
