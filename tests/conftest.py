"""What all tests share: a database on SQLite and on a real PostgreSQL, and no skip that passes unseen."""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from sqlalchemy import text
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from app.db.database import Database
from tests import postgresql

SHARED = "openbook_tests"
THE_PAGE = "tests/acceptance/page/"
os.environ["COLUMNS"] = "200"  # what commands print is compared line by line, and wraps nowhere

# A busy machine is no fault of what is tested.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")

BACKENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh, migrated database; the test runs on SQLite and on PostgreSQL."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def database(database_url: str, engines: dict[str, Database]) -> Iterator[Database]:
    """A fresh, migrated database; the test runs on SQLite and on PostgreSQL."""
    if database_url not in engines:
        engines[database_url] = Database(database_url)
    yield engines[database_url]
    engines[database_url].dispose()


@pytest.fixture(scope="session")
def engines() -> dict[str, Database]:
    """By address: an engine remembers the statements that it compiled, which takes longer than to run them."""
    return {}


@pytest.fixture
def sqlite_url(sqlite_template: Path) -> Iterator[str]:
    """The address of a fresh, migrated SQLite file: always the same, the file another one each time."""
    path = sqlite_template.with_name("openbook.db")
    shutil.copy(sqlite_template, path)
    yield f"sqlite:///{path}"
    for left in path.parent.glob(f"{path.name}*"):
        left.unlink()


@pytest.fixture
def postgresql_url(cluster: postgresql.Cluster, postgresql_version: str) -> Iterator[str]:
    """The address of a migrated PostgreSQL database in which nothing is."""
    yield cluster.url(SHARED)
    cluster.empty(SHARED, postgresql_version)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_version(cluster: postgresql.Cluster) -> str:
    """The revision of the migrated database that this process's tests use one after the other."""
    return _migrate(cluster.create(SHARED))


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgresql.Cluster]:
    """A PostgreSQL of this test process's own, started when a test first asks for it."""
    programs = postgresql.binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with postgresql.running(programs) as started:
        yield started


def _migrate(url: str) -> str:
    database = Database(url)
    database.migrate()
    with database.read() as session:
        version = session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    database.dispose()
    return str(version)


class FilesAndThePage(LoadFileScheduling):
    """Gives a process one file after the other, and the tests of the page as if they were one.

    A second process would start their services, embed their samples and start a Chromium once more.
    """

    def _split_scope(self, nodeid: str) -> str:
        return THE_PAGE if nodeid.startswith(THE_PAGE) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesAndThePage | None:
    """Where files are given out whole."""
    return FilesAndThePage(config, log) if config.getoption("dist") == "loadfile" else None


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed one: what did not run proves nothing. Only a GPU may be missing."""
    report = yield
    expected_failure = hasattr(report, "wasxfail")
    if report.skipped and in_ci() and not expected_failure and item.get_closest_marker("gpu") is None:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself."""
    report = yield
    if report.skipped and in_ci():
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {_reason(report)}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each test that did not run."""
    skipped: list[Any] = terminalreporter.getreports("skipped")
    if skipped:
        terminalreporter.write_sep("!", f"{len(skipped)} tests did NOT run", red=True, bold=True)
        for report in skipped:
            terminalreporter.write_line(f"{report.nodeid}: {_reason(report)}", red=True)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
