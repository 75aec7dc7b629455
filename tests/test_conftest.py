"""What did not run must not pass unseen: the hooks of `conftest.py`, in a pytest of their own."""

import os
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


@pytest.mark.parametrize(("ci", "failed", "errors", "status"), [("true", 1, 1, 2), ("", 0, 0, 0)])
def test_in_ci_a_skip_is_a_failure_unless_it_waits_for_a_gpu(
    tmp_path: Path, ci: str, failed: int, errors: int, status: int
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = gpu: needs a device\n")
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "test_module.py").write_text(SKIPS_ITSELF)
    root = Path(__file__).parents[1]
    told = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, str(tmp_path)],
        cwd=root,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    out = told.stdout
    assert told.returncode == (1 if status else 0), out + told.stderr
    assert ("1 failed" in out) == bool(failed)
    assert ("1 error" in out) == bool(errors)
    assert "tests did NOT run" in out
    assert "no device" in out
    assert ("skipped in CI: Skipped: no engine here" in out) == bool(ci)
    assert ("skipped in CI: Skipped: no engine for this module" in out) == bool(ci)
