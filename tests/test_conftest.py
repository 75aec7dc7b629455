"""What did not run must not pass unseen, and what shares a service runs in one process: the hooks of `conftest.py`.

They are tried in a pytest of their own.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

def test_skips():
    pytest.skip("no engine here")

@pytest.mark.gpu
def test_skips_for_want_of_a_gpu():
    pytest.skip("no device")

@pytest.mark.xfail(reason="known", strict=True)
def test_fails_as_expected():
    assert False

def test_passes():
    pass
"""
OPTIONS = ("-p", "tests.conftest", "-p", "no:cacheprovider", "--continue-on-collection-errors")
SKIPS_ITSELF = "import pytest\npytest.skip('no engine for this module', allow_module_level=True)\n"


def run_pytest(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[1]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, *options, str(folder)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("ci", "failed", "errors", "status"), [("true", 1, 1, 2), ("", 0, 0, 0)])
def test_in_ci_a_skip_is_a_failure_unless_it_waits_for_a_gpu(
    tmp_path: Path, ci: str, failed: int, errors: int, status: int
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = gpu: needs a device\n")
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "test_module.py").write_text(SKIPS_ITSELF)
    told = run_pytest(tmp_path, CI=ci)
    out = told.stdout
    assert told.returncode == (1 if status else 0), out + told.stderr
    assert ("1 failed" in out) == bool(failed)
    assert ("1 error" in out) == bool(errors)
    assert "tests did NOT run" in out
    assert "no device" in out
    assert ("skipped in CI: Skipped: no engine here" in out) == bool(ci)
    assert ("skipped in CI: Skipped: no engine for this module" in out) == bool(ci)


def test_the_tests_of_the_page_share_a_process_and_other_files_do_not(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    page = tmp_path / "tests/acceptance/page"
    page.mkdir(parents=True)
    for path in (page / "test_one.py", page / "test_two.py", tmp_path / "tests/test_other.py"):
        path.write_text("def test_passes(): pass\n")
    told = run_pytest(tmp_path, "-n", "2", "--dist", "loadfile", "-v")
    process = {file: name for name, file in re.findall(r"\[(gw\d)\].* PASSED \S*/(\w+\.py)::", told.stdout)}
    assert process["test_one.py"] == process["test_two.py"] != process["test_other.py"], told.stdout
