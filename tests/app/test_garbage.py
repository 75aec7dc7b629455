import gc
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from app.cli.main import cli
from app.garbage import uncollected

LAST = """
import atexit, gc
import {module} as module
made = []
module.{work} = lambda *_, **__: made.extend([] for _ in range(5000))
atexit.register(lambda: print(len(gc.get_objects())))
module.main()
"""

COMMAND = """
import gc
from typer.core import TyperCommand
from app.cli.main import main
TyperCommand.invoke = lambda *_: print(gc.get_freeze_count() > 10_000, gc.isenabled())
main()
"""


@pytest.mark.parametrize(
    ("module", "work"), [("app.cli.main", "TyperGroup.main"), ("app.worker_process", "worker.run")]
)
def test_a_process_ends_without_looking_through_what_it_has_loaded(module: str, work: str) -> None:
    program = [sys.executable, "-c", LAST.format(module=module, work=work)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) < 1000


def test_what_is_made_uncollected_is_never_looked_through() -> None:
    try:
        with uncollected():
            assert not gc.isenabled()
            made = [object()]
        assert gc.isenabled()
        assert not any(each is made for each in gc.get_objects())
    finally:
        gc.unfreeze()


def test_a_worker_s_process_leaves_alone_what_it_has_imported() -> None:
    code = "import gc, app.worker_process; print(gc.get_freeze_count() > 10_000, gc.isenabled())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "True True\n"


def test_a_command_leaves_alone_what_it_has_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "migrate"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "True True\n"


def test_a_command_within_another_process_hides_nothing_from_its_collections() -> None:
    before = gc.get_freeze_count()
    assert CliRunner().invoke(cli, ["--help"]).exit_code == 0
    assert gc.get_freeze_count() == before
