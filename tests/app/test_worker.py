"""The embedded worker lives as long as its service, under a name and in a process group of its own."""

import os
import time
from pathlib import Path

import pytest

from app.settings import Settings
from app.wiring import build, close
from app.worker import Supervisor, embedded_name


def test_each_data_folder_s_worker_has_a_name_of_its_own(tmp_path: Path) -> None:
    assert embedded_name(tmp_path / "one") == embedded_name(tmp_path / "one")
    assert embedded_name(tmp_path / "one") != embedded_name(tmp_path / "two")


def test_the_terminal_s_signals_reach_the_service_alone(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openbook.db").write_bytes(sqlite_template.read_bytes())
    monkeypatch.setenv("OPENBOOK_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OPENBOOK_EMBEDDER", "hashing")
    services = build(Settings())
    supervisor = Supervisor(services)
    supervisor.start()
    deadline = time.monotonic() + 20
    while (child := supervisor._child) is None:  # pyright: ignore[reportPrivateUsage]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    group = os.getpgid(child.pid)
    supervisor.stop(20)
    close(services)

    assert group != os.getpgid(0)
