"""What tests of more than one route need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.running import Running, Scripted, running


@pytest.fixture
def scripted(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[Running, Scripted]]:
    """A service whose default generator tells what it was given."""
    writer = Scripted()
    with running(tmp_path, sqlite_template, writer, default=True) as started:
        started.upload("gallium.txt", "Gallium melts at 29.8 degrees Celsius.")
        started.read_all()
        yield started, writer
