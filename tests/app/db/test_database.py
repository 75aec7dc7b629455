import stat
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, select, text

from app.db.database import Database
from app.db.errors import DatabaseUnavailable, InvalidValue, SchemaTooNew, StorageFull
from app.db.sql import among, epoch
from app.db.tables import Base
from tests import postgresql


@pytest.mark.filterwarnings("ignore:.*expression-based index ix_documents_.*by_name")  # SQLite does not tell of it
@pytest.mark.filterwarnings("ignore:.*expression-based index 'ix_documents_.*by_name'")
def test_the_migrated_schema_is_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    before = _schema(database)
    database.migrate()
    assert _schema(database) == before


def _schema(database: Database) -> dict[str, list[str]]:
    """Each table's columns, and the revision that the database says it is at."""
    tables = inspect(database.engine)
    with database.read() as session:
        revisions = list(session.scalars(text("SELECT version_num FROM alembic_version")))
    columns = {name: [column["name"] for column in tables.get_columns(name)] for name in tables.get_table_names()}
    return {"revision": revisions, **columns}


def test_a_database_of_a_newer_openbook_is_refused(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    with pytest.raises(SchemaTooNew, match="9999_future"):
        database.migrate()


def test_processes_that_start_at_once_migrate_a_new_sqlite_file_once(tmp_path: Path) -> None:
    _start_at_once(f"sqlite:///{tmp_path / 'new.db'}")


@pytest.mark.postgres
def test_processes_that_start_at_once_migrate_a_new_postgresql_database_once(cluster: postgresql.Cluster) -> None:
    _start_at_once(cluster.create("start_at_once"))


def test_sqlite_is_durable_private_and_checks_references(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'data' / 'openbook.db'}")
    with database.write() as session:
        pragmas = {
            name: session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
        session.execute(text("CREATE TABLE t (x)"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    database.dispose()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert set(modes) == {"openbook.db", "openbook.db-wal", "openbook.db-shm"}
    assert set(modes.values()) == {0o600}


def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            session.execute(text("DELETE FROM alembic_version"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_a_sqlite_write_holds_the_write_lock_from_its_beginning_and_readers_go_on(sqlite_url: str) -> None:
    database, other = Database(sqlite_url), Database(sqlite_url, wait_seconds=0.1)
    with database.write():
        with pytest.raises(DatabaseUnavailable, match="locked"), other.write():
            pass
        other.ping()
    with other.write():
        pass
    database.dispose()
    other.dispose()


def test_concurrent_sqlite_writers_lose_no_update(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.write() as session:
        session.execute(text("CREATE TABLE counter AS SELECT 0 AS n"))

    def count() -> None:
        for _ in range(20):
            with database.write() as session:  # read, then write: the pattern that a late BEGIN fails on
                n = session.execute(text("SELECT n FROM counter")).scalar_one()
                session.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.execute(text("SELECT n FROM counter")).scalar_one() == 80
    database.dispose()


def test_a_snapshot_does_not_see_what_comes_after_its_first_look(database: Database) -> None:
    count = text("SELECT count(*) FROM alembic_version")
    with database.snapshot() as session:
        before = session.execute(count).scalar_one()
        with database.write() as other:
            other.execute(text("DELETE FROM alembic_version"))
        assert session.execute(count).scalar_one() == before
    with database.read() as session:
        assert session.execute(count).scalar_one() == 0


@pytest.mark.postgres
def test_postgresql_refuses_to_write_in_a_read_and_ends_long_statements(postgresql_url: str) -> None:
    database = Database(postgresql_url.replace("+psycopg", ""), statement_seconds=0.1)
    with pytest.raises(Exception, match="read-only"), database.read() as session:
        session.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(DatabaseUnavailable, match="statement timeout"), database.read() as session:
        session.execute(text("SELECT pg_sleep(5)"))
    database.dispose()


@pytest.mark.postgres
def test_a_lost_connection_is_an_unavailable_database_and_the_next_transaction_works(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "

    def lose_the_connection() -> None:
        with database.read() as session:
            session.execute(text("SELECT 1"))
            with psycopg.connect(postgresql_url.replace("+psycopg", "")) as killer:
                killer.execute(f"{end_all} pg_backend_pid()".encode())
            session.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        lose_the_connection()
    database.ping()
    database.dispose()


@pytest.mark.postgres
def test_what_postgresql_cannot_hold_is_an_invalid_value(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    with pytest.raises(InvalidValue), database.read() as session:
        session.execute(text("SELECT CAST(:x AS text)"), {"x": "a\x00b"})
    database.dispose()


def test_nobody_at_the_address_is_an_unavailable_database() -> None:
    database = Database("postgresql://postgres@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable):
        database.ping()


def test_a_full_disk_is_storage_full_and_reading_goes_on(sqlite_url: str) -> None:
    database = Database(sqlite_url)

    def fill_it() -> None:
        with database.write() as session:
            session.execute(text("PRAGMA max_page_count = 1"))  # as small as the file is: there is no next page
            session.execute(text("CREATE TABLE t AS SELECT randomblob(1000000) AS x"))

    with pytest.raises(StorageFull):
        fill_it()
    database.ping()
    database.dispose()


def test_a_file_that_cannot_be_made_is_an_unavailable_database(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailable):
        Database(f"sqlite:///{tmp_path / 'file' / 'openbook.db'}")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/name"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ValueError):
        Database(url)


def test_an_error_does_not_carry_the_values_of_its_statement(database: Database) -> None:
    with pytest.raises(Exception, match="nothing") as caught, database.read() as session:
        session.execute(text("SELECT * FROM nothing WHERE x = :x"), {"x": "canary"})
    assert "canary" not in str(caught.value)


def test_the_database_s_clock_runs_in_seconds_since_1970(database: Database) -> None:
    with database.read() as session:
        now = session.scalar(select(epoch()))
    assert now is not None
    assert abs(now - time.time()) < 5


def test_any_number_of_values_is_one_parameter(database: Database) -> None:
    column = Base.metadata.tables["collections"].c.id
    statement = str(among(column, range(100_000)).compile(database.engine))
    assert len(statement) < 200


MIGRATE = """
import sys
from app.db.database import Database
database = Database(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
database.migrate()
"""


def _start_at_once(url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", MIGRATE, url]
    with ExitStack() as stack:
        starts = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        processes = [stack.enter_context(process) for process in starts]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(60) for process in processes] == [0, 0]
    database = Database(url)
    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
    database.dispose()
