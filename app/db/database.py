"""The database: engine, transactions, and the one place where a driver's errors become ours."""

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import orjson
from psycopg import errors as postgresql_errors
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url, text
from sqlalchemy.orm import Session

from app.db import migration
from app.db.errors import DatabaseUnavailable, InvalidValue, StorageFull
from app.db.sql import to_json

POOL_SIZE: Final = 20  # connections kept open, and as many again under load
WRITES: Final = "openbook_writes"


@dataclass(frozen=True, slots=True, eq=False)
class Database:
    """SQLite or PostgreSQL by its address; one per process, safe to use from many threads.

    A write takes SQLite's one write lock as it begins (BEGIN IMMEDIATE), so it never fails half way for a lock.
    """

    url: str = field(repr=False)
    wait_seconds: float = 10.0
    """How long a write waits for a lock, and any transaction for a connection."""
    statement_seconds: float = 30.0
    """How long PostgreSQL lets one statement run."""
    engine: Engine = field(init=False, repr=False)
    """For listeners and measurements; stores use `read`, `snapshot` and `write`."""
    _reader: Engine = field(init=False, repr=False)
    _writer: Engine = field(init=False, repr=False)
    _snapshots: Engine = field(init=False, repr=False)

    def __post_init__(self) -> None:
        url = _with_driver(make_url(self.url))
        if url.get_backend_name() == "postgresql":
            engine = self._postgresql(url)
            reader = engine.execution_options(postgresql_readonly=True)
            snapshots = reader.execution_options(isolation_level="REPEATABLE READ")
        else:
            engine = self._sqlite(url)
            reader = snapshots = engine
        object.__setattr__(self, "engine", engine)
        object.__setattr__(self, "_reader", reader)
        object.__setattr__(self, "_writer", engine.execution_options(**{WRITES: True}))
        object.__setattr__(self, "_snapshots", snapshots)

    @contextmanager
    def read(self) -> Generator[Session]:
        """A transaction that only reads; nothing that is written in it stays."""
        with translated(), Session(self._reader) as session:
            yield session

    @contextmanager
    def snapshot(self) -> Generator[Session]:
        """Like `read`, and all its statements see one moment."""
        with translated(), Session(self._snapshots) as session:
            yield session

    @contextmanager
    def write(self) -> Generator[Session]:
        """A transaction that is committed at the end, or undone whole by any exception."""
        with translated(), Session(self._writer) as session, session.begin():
            session.connection()  # begin now: a session by itself waits for its first statement
            yield session

    def migrate(self, revision: str = "head") -> None:
        """Bring the schema to that revision, or to this code's, alone among all processes. Raises SchemaTooNew."""
        with translated():
            migration.upgrade(self._writer, revision)

    def ping(self) -> None:
        """Raises DatabaseUnavailable when the database does not answer."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def truncate_journal(self) -> None:
        """Empty SQLite's journal, in which deleted rows stay readable; where somebody reads, another time will do."""
        if self.engine.dialect.name != "sqlite":
            return  # a PostgreSQL server vacuums by itself
        with translated(), closing(self.engine.raw_connection()) as pooled:
            connection = cast("sqlite3.Connection", pooled.driver_connection)
            connection.execute("PRAGMA busy_timeout = 0")
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                connection.execute(f"PRAGMA busy_timeout = {round(self.wait_seconds * 1000)}")

    def dispose(self) -> None:
        """Close every connection."""
        self._writer.dispose()

    def _sqlite(self, url: URL) -> Engine:
        if not url.database or url.database == ":memory:" or url.query.get("mode") == "memory":
            raise ValueError(f"{url}: SQLite in memory is one database per connection; give a file")
        _make_private(Path(url.database))
        engine = create_engine(
            url,
            # None hands BEGIN to us: the driver would begin late, and never IMMEDIATE.
            connect_args={"isolation_level": None, "timeout": self.wait_seconds, "cached_statements": 256},
            **self._common(),
        )

        @event.listens_for(engine, "connect")
        def connect(connection: sqlite3.Connection, _record: object) -> None:  # pyright: ignore[reportUnusedFunction]
            _prepare_sqlite(connection, self.wait_seconds)

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
            writes = connection.get_execution_options().get(WRITES, False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    def _postgresql(self, url: URL) -> Engine:
        milliseconds = {
            "statement_timeout": self.statement_seconds,
            "lock_timeout": self.wait_seconds,
            "idle_in_transaction_session_timeout": 2 * self.statement_seconds,
        }
        options = [str(url.query["options"])] if "options" in url.query else []
        options += [f"-c {name}={round(seconds * 1000)}" for name, seconds in milliseconds.items()]
        return create_engine(
            url,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            connect_args={
                "options": " ".join(options),
                "connect_timeout": max(2, round(self.wait_seconds / 2)),
                "tcp_user_timeout": round(self.statement_seconds * 1000),
                "application_name": "openbook",
            },
            **self._common(),
        )

    def _common(self) -> dict[str, Any]:
        return {
            "pool_size": POOL_SIZE,
            "max_overflow": POOL_SIZE,
            "pool_timeout": self.wait_seconds,
            "hide_parameters": True,  # else an error's text would carry documents and hashes into logs
            "json_serializer": to_json,
            "json_deserializer": orjson.loads,
        }


@contextmanager
def translated() -> Generator[None]:
    """Turn what a driver raises for a lost, locked or full database into DatabaseUnavailable and StorageFull."""
    try:
        yield
    except exc.DataError as error:
        raise InvalidValue(str(error.orig)) from error
    except exc.TimeoutError as error:
        raise DatabaseUnavailable("no database connection came free in time") from error
    except exc.DBAPIError as error:
        if not error.connection_invalidated and not isinstance(error, (exc.OperationalError, exc.InterfaceError)):
            raise
        raise _unavailable(error.orig) from error
    except sqlite3.OperationalError as error:  # while a connection is being prepared
        raise _unavailable(error) from error


def _unavailable(error: BaseException | None) -> DatabaseUnavailable:
    full = (
        isinstance(error, postgresql_errors.DiskFull)
        or (isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL)
        or (isinstance(error, OSError) and error.errno == errno.ENOSPC)
    )
    if full:
        return StorageFull("the database's disk is full: free some space, then try again")
    return DatabaseUnavailable(f"the database does not answer: {error}")


def _with_driver(url: URL) -> URL:
    match url.drivername:
        case "sqlite" | "sqlite+pysqlite" | "postgresql+psycopg":
            return url
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise ValueError(f"{other}: expected a database address that starts with sqlite:/// or postgresql://")


def _make_private(path: Path) -> None:
    """Only the owner reads the file (SQLite gives its side files the same mode) and a folder that is made for it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        status = path.stat()
        if status.st_mode & 0o077 and status.st_uid == os.geteuid():
            path.chmod(0o600)
    except OSError as error:
        raise _unavailable(error) from error


def _prepare_sqlite(connection: sqlite3.Connection, wait_seconds: float) -> None:
    _into_wal(connection, time.monotonic() + wait_seconds)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA secure_delete = ON")  # else what was deleted stays readable in the file's free pages
    connection.execute("PRAGMA cache_size = -16384")
    connection.execute("PRAGMA journal_size_limit = 67108864")


def _into_wal(connection: sqlite3.Connection, deadline: float) -> None:
    """Two processes that open a new file at once: the switch to WAL fails at once, without the busy timeout."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
