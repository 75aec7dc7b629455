"""The database's rows as JSON lines, table by table, all of one instant; and which tables a backup holds.

Columns come from the schema itself. A table has a decision here or a test fails. What is left out is what a restored
service makes anew, or must not have.
"""

import base64
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import orjson
from sqlalchemy import Column, ColumnElement, ForeignKeyConstraint, Integer, Table, func, select
from sqlalchemy.orm import Session

from app.db import migration, tables
from app.db.database import Database
from app.db.errors import DatabaseError
from app.db.sql import last_given
from app.db.tables import Base
from ingestion.types import BlobKey

_STREAMED: Final = {"yield_per": 200}
Values = dict[str, object]


class OtherSchema(DatabaseError):
    """The database's schema is not the one that this Openbook knows."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A table whose rows are kept: those that `only` lets through, as `changed` makes them."""

    only: ColumnElement[bool] | None = None
    changed: Callable[[Values], Values] = lambda row: row


@dataclass(frozen=True, slots=True)
class Original:
    """A blob that a version refers to, and what its bytes are said to be."""

    key: BlobKey
    sha256: str


def _let_go(job: Values) -> Values:
    """A job in a worker's hands is queued again, and gets the attempt back: after a restore no worker has it."""
    if job["status"] != "running":
        return job
    most = int(str(job["max_attempts"])) + 1
    return {**job, "status": "queued", "max_attempts": most, "worker": None, "lease_until": None, "progress": 0.0}


def _waiting(version: Values) -> Values:
    return {**version, "status": "queued"} if version["status"] == "processing" else version


def _without_log(collection: Values) -> Values:
    return {**collection, "log_start": int(str(collection["seq"])) + 1}


KEPT: Final[Mapping[str, Kept]] = {
    "collections": Kept(changed=_without_log),
    "reindexes": Kept(),
    "embedders": Kept(),
    "documents": Kept(),
    "versions": Kept(changed=_waiting),
    "metadata_values": Kept(),
    "embeddings": Kept(),
    "chunks": Kept(),
    "hypothetical_questions": Kept(only=tables.HypotheticalQuestions.texts.is_not(None)),
    "placements": Kept(),
    "jobs": Kept(changed=_let_go),
    "keys": Kept(only=tables.Key.kind == "api"),
    "key_collections": Kept(),
    "idempotency": Kept(only=tables.Idempotency.status.is_not(None)),
    "conversations": Kept(),
    "messages": Kept(),
    "feedback": Kept(),
    "evaluations": Kept(),
    "calibrations": Kept(),
    "audit": Kept(),
}
LEFT_OUT: Final[Mapping[str, str]] = {
    "parsed_blobs": "a cache: files are parsed again from their originals where that is needed",
    "changes": "indexes are rebuilt from what is live, and follow the log from there",
    "dropped_blobs": "their originals are not in the backup",
    "pins": "they hold originals for a backup under way",
}


@dataclass(frozen=True, slots=True)
class Dump:
    """The database at one instant, for as long as its transaction is open."""

    _session: Session

    def revision(self) -> str:
        """The schema's; raises OtherSchema unless it is this code's own."""
        current, newest = migration.current(self._session.connection()), migration.newest()
        if current is None:
            raise OtherSchema("there is no Openbook database here yet: start the service once, or check the settings")
        if current != newest:
            raise OtherSchema(f"the database is at revision {current}, not {newest}: run `openbook migrate` first")
        return newest

    def counters(self) -> dict[str, int]:
        """By table, the highest id that was ever given: none is given again, not after a restore either."""
        found: dict[str, int] = {}
        for table in _kept():
            column = _counted(table)
            if column is not None:
                highest = self._session.scalar(select(func.max(column))) or 0
                found[str(table.name)] = max(highest, last_given(self._session, table))
        return found

    def lines(self, table: str) -> Iterator[bytes]:
        """A table's rows in the order of their keys, as JSON objects by column; bytes are base64."""
        kept, rows_of = KEPT[table], Base.metadata.tables[table]
        statement = select(rows_of).order_by(*rows_of.primary_key.columns)
        if kept.only is not None:
            statement = statement.where(kept.only)
        found = self._session.connection().execute(statement, execution_options=_STREAMED)
        names = list(map(str, found.keys()))  # orjson takes no subclass of str for a key
        for row in found:
            values = kept.changed(dict(zip(names, row, strict=True)))
            yield orjson.dumps(values, default=_base64, option=orjson.OPT_UTC_Z)

    def originals(self) -> Iterator[Original]:
        """Every blob that some version refers to, once."""
        statement = (
            select(tables.Version.blob_key, func.max(tables.Version.sha256))
            .group_by(tables.Version.blob_key)
            .order_by(tables.Version.blob_key)
        )
        for key, sha256 in self._session.connection().execute(statement, execution_options=_STREAMED):
            yield Original(BlobKey(key), sha256)


@contextmanager
def dumping(db: Database) -> Generator[Dump]:
    """All that is read in the block is of the moment in which it began."""
    with db.snapshot() as session:
        yield Dump(session)


def kept_tables() -> list[str]:
    """Those that are kept, each after the ones that it refers to, apart from its late columns."""
    return [str(table.name) for table in _kept()]


def late_columns() -> dict[str, list[str]]:
    """By table, columns that refer to rows which come later: they are written once all rows are there."""
    late: dict[str, list[str]] = {}
    for table in _kept():
        for constraint in table.constraints:
            if isinstance(constraint, ForeignKeyConstraint) and (constraint.use_alter or _of_itself(constraint)):
                late.setdefault(str(table.name), []).extend(map(str, constraint.column_keys))
    return late


def _kept() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if table.name in KEPT]


def _base64(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def _of_itself(constraint: ForeignKeyConstraint) -> bool:
    return constraint.referred_table is constraint.parent


def _counted(table: Table) -> Column[int] | None:
    column = table.autoincrement_column
    return column if column is not None and isinstance(column.type, Integer) else None
