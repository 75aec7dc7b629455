"""Rows from a backup into an empty database: first at the backup's own schema, which is then brought to this code's."""

import base64
import binascii
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    LargeBinary,
    MetaData,
    Table,
    bindparam,
    func,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError, NoSuchTableError
from sqlalchemy.orm import Session

from app.db import migration
from app.db.database import Database
from app.db.errors import DatabaseError
from app.db.sql import is_postgresql
from app.db.tables import Base


class NotEmpty(DatabaseError):
    """A restore goes into an empty database alone; the message says what there is."""


class Unloadable(DatabaseError):
    """The rows do not fit into the schema that they name."""


@dataclass(frozen=True, slots=True)
class Loader:
    """One transaction that fills the database; tables are as they are at the backup's revision."""

    session: Session
    late: Mapping[str, Sequence[str]]
    _tables: dict[str, Table] = field(default_factory=dict[str, Table])

    def insert(self, table: str, lines: Sequence[bytes]) -> None:
        """Rows as they are, without their late columns. Raises Unloadable."""
        rows_of = self._table(table)
        later = dict.fromkeys(self.late.get(table, ()))
        rows = [_row(rows_of, line) | later for line in lines]
        if rows:
            with _fitting(table):
                self.session.connection().execute(rows_of.insert(), rows)

    def link(self, table: str, lines: Sequence[bytes]) -> None:
        """The late columns of rows that were inserted before."""
        rows_of = self._table(table)
        for name in self.late.get(table, ()):
            rows = [row for row in (_row(rows_of, line) for line in lines) if row[name] is not None]
            keys = list(rows_of.primary_key.columns)
            statement = update(rows_of).values({name: bindparam("late_value")})
            for key in keys:
                statement = statement.where(key == bindparam(f"key_{key.name}"))
            values = [{f"key_{key.name}": row[key.name] for key in keys} | {"late_value": row[name]} for row in rows]
            if values:
                with _fitting(table):
                    self.session.connection().execute(statement, values)

    def count_on(self, counters: Mapping[str, int]) -> None:
        """No id that was ever given is given again."""
        for table, last in counters.items():
            self._table(table)
            if is_postgresql(self.session):
                sequence = func.pg_get_serial_sequence(table, "id")
                self.session.execute(select(func.setval(sequence, max(1, last), last > 0)))
            else:
                given = {"name": table, "last": last}
                self.session.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), given)
                self.session.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), given)

    def _table(self, name: str) -> Table:
        if name not in self._tables:
            if name not in Base.metadata.tables:
                raise Unloadable(f"this Openbook has no table {name}")
            try:
                known = inspect(self.session.connection())  # the columns alone: it cannot read indexes of expressions
                columns, keys = known.get_columns(name), known.get_pk_constraint(name)["constrained_columns"]
            except NoSuchTableError as error:
                raise Unloadable(f"there is no table {name} at the backup's revision") from error
            parts = (Column(each["name"], each["type"], primary_key=each["name"] in keys) for each in columns)
            found = Table(name, MetaData(), *parts)
            for column in found.columns:
                if isinstance(column.type, JSON):
                    column.type.none_as_null = True
            self._tables[name] = found
        return self._tables[name]


@contextmanager
def loading(db: Database, late: Mapping[str, Sequence[str]]) -> Generator[Loader]:
    """All or nothing: a restore that is killed leaves the database as empty as it was. Raises NotEmpty."""
    with db.write() as session:
        _require_empty(session)
        yield Loader(session, late)


def prepare(db: Database, revision: str) -> None:
    """Bring an empty database to that revision. Raises NotEmpty, and OtherSchema for a revision not known here."""
    with db.write() as session:
        _require_empty(session)
        if migration.current(session.connection()) not in {None, revision}:
            _drop_all(session)  # empty, and perhaps newer than the backup
    db.migrate(revision)


def _require_empty(session: Session) -> None:
    there = set(inspect(session.connection()).get_table_names())
    ours = [table.name for table in Base.metadata.sorted_tables if table.name in there]
    filled = [name for name in ours if session.execute(text(f'SELECT 1 FROM "{name}" LIMIT 1')).first()]  # noqa: S608
    if filled:
        raise NotEmpty(
            f"the database is not empty ({', '.join(filled)}): restore into an empty one, "
            "by another OPENBOOK_DATA_DIR or OPENBOOK_DATABASE_URL"
        )


def _drop_all(session: Session) -> None:
    connection = session.connection()
    Base.metadata.drop_all(connection)
    connection.execute(text("DROP TABLE IF EXISTS alembic_version"))


def _row(table: Table, line: bytes) -> dict[str, object]:
    try:
        given = orjson.loads(line)
        if set(given) != {column.name for column in table.columns}:
            raise Unloadable(f"a row of {table.name} has other columns than the table")
        return {column.name: _value(given[column.name], column.type) for column in table.columns}
    except (ValueError, TypeError, binascii.Error) as error:
        raise Unloadable(f"a row of {table.name} cannot be read") from error


def _value(given: object, kind: object) -> object:
    if given is None or isinstance(kind, JSON):
        return given
    if isinstance(kind, LargeBinary):
        return base64.b64decode(str(given), validate=True)
    if isinstance(kind, DateTime):
        return datetime.fromisoformat(str(given)).astimezone(UTC)
    return given


@contextmanager
def _fitting(table: str) -> Generator[None]:
    try:
        yield
    except IntegrityError as error:
        raise Unloadable(f"the rows of {table} contradict each other: {error.orig}") from error
