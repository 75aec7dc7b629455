import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.live_folder import LiveFolder

HOLD = """
import sys
from pathlib import Path
from retrieval.live_folder import LiveFolder
print(LiveFolder.create(Path(sys.argv[1])).path, flush=True)
sys.stdin.read()
"""


def folders(parent: Path) -> set[Path]:
    return {path for path in parent.iterdir() if path.is_dir()}


def test_two_of_one_process_do_not_meet(tmp_path: Path) -> None:
    first, second = LiveFolder.create(tmp_path), LiveFolder.create(tmp_path)

    assert folders(tmp_path) == {first.path, second.path}
    first.remove()
    assert folders(tmp_path) == {second.path}
    second.remove()


def test_a_living_process_keeps_its_folder_and_a_killed_one_loses_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        (theirs / "index").write_bytes(b"kept")

        first = LiveFolder.create(tmp_path)
        assert folders(tmp_path) == {first.path, theirs}

        other.kill()
        other.wait()
        second = LiveFolder.create(tmp_path)
        assert folders(tmp_path) == {first.path, second.path}
    first.remove()
    second.remove()


def test_a_folder_that_its_owner_just_removed_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    going = LiveFolder.create(tmp_path)
    is_dir = Path.is_dir

    def removed_after_the_look(path: Path, **options: bool) -> bool:
        found = is_dir(path, **options)
        if path == going.path:
            going.remove()
        return found

    monkeypatch.setattr(Path, "is_dir", removed_after_the_look)
    LiveFolder.create(tmp_path).remove()
