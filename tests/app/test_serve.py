"""What whoever starts the service is told."""

from pathlib import Path

import pytest

from app.serve import serve
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
