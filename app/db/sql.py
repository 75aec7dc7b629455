"""The few things that SQLite and PostgreSQL say differently, said once."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self, TypeAlias, TypeVar, cast

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    CursorResult,
    Dialect,
    Float,
    Insert,
    Integer,
    Table,
    Text,
    TypeDecorator,
    func,
    insert,
    inspect,
    literal,
    select,
    text,
)
from sqlalchemy import bindparam as bind
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from app.db.tables import Base

Alias = TypeVar("Alias")
Row: TypeAlias = Mapping[str, object]
Column: TypeAlias = ColumnElement[Any] | InstrumentedAttribute[Any]

_ROWS = 5000  # inserted by one statement
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

REGISTER_LOCK = 0x0B00C001
AUDIT_LOCK = 0x0B00C002
MIGRATION_LOCK = 0x0B00C003
SWEEP_LOCK = 0x0B00C004


class _Array(TypeDecorator[list[Any]]):
    """Many values as one bound parameter: a JSON text on SQLite, an array on PostgreSQL; so statements stay cached."""

    impl = Text
    cache_ok = True
    element: type[BigInteger | Text]

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.ARRAY(self.element()))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: list[Any] | None, dialect: Dialect) -> Any:
        return value if dialect.name == "postgresql" else orjson.dumps(value).decode()


class IntArray(_Array):
    """Many whole numbers as one bound parameter."""

    cache_ok = True
    element = BigInteger


class TextArray(_Array):
    """Many texts as one bound parameter."""

    cache_ok = True
    element = Text


class _Among(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: object = None) -> Self:
        """As it is: SQLAlchemy would make `x IN (...) = 1` of it on SQLite, and no index serves that."""
        return self


@compiles(_Among, "postgresql")
def _among_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY({values})"


@compiles(_Among, "sqlite")
def _among_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 compiled parts, no values


class _HoldsOne(_Among):
    inherit_cache = True


@compiles(_HoldsOne, "postgresql")
def _holds_one_postgresql(element: _HoldsOne, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    within = f"json_array_elements_text({column}) AS held(value)"
    return f"EXISTS (SELECT 1 FROM {within} WHERE held.value = ANY({values}))"  # noqa: S608 compiled parts, no values


@compiles(_HoldsOne, "sqlite")
def _holds_one_sqlite(element: _HoldsOne, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    wanted = f"SELECT value FROM json_each({values})"  # noqa: S608 compiled parts, no values
    return f"EXISTS (SELECT 1 FROM json_each({column}) AS held WHERE CAST(held.value AS TEXT) IN ({wanted}))"  # noqa: S608


class _Epoch(FunctionElement[float]):
    type = Float(53)
    inherit_cache = True


@compiles(_Epoch, "postgresql")
def _epoch_postgresql(_element: _Epoch, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


@compiles(_Epoch, "sqlite")
def _epoch_sqlite(_element: _Epoch, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"  # unixepoch('subsec') needs SQLite 3.42


class _ByteOrder(FunctionElement[str]):
    type = Text()
    inherit_cache = True


@compiles(_ByteOrder, "postgresql")
def _byte_order_postgresql(element: _ByteOrder, compiler: SQLCompiler, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)}) COLLATE "C"'


@compiles(_ByteOrder, "sqlite")
def _byte_order_sqlite(element: _ByteOrder, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)})"


def filled(alias: Alias) -> Alias:
    """The alias with all its columns, for one that threads share.

    SQLAlchemy fills an alias at its first use, without a lock. A statement that meets a half-filled one is compiled
    with a table too many, and that form is cached: every later use gives wrong rows.
    """
    for attribute in inspect(alias).mapper.column_attrs:
        _ = getattr(alias, attribute.key).expression
    return alias


def among(column: Column, values: Iterable[int] | Iterable[str] | BindParameter[Any]) -> ColumnElement[bool]:
    """`column` is one of `values`, however many: they travel as one parameter."""
    if isinstance(values, BindParameter):
        return _Among(column, values)
    array = list(values)
    return _Among(column, ints(array) if isinstance(column.type, Integer) else texts(array))


def holds_one(column: Column, values: Iterable[str]) -> ColumnElement[bool]:
    """One of the elements of a JSON list, numbers read as texts, is one of `values`."""
    return _HoldsOne(column, texts(list(values)))


def unindexed(column: Column) -> ColumnElement[Any]:
    """The value, out of reach of its index: SQLite guesses without statistics and would start at the wrong end."""
    return column + 0 if isinstance(column.type, Integer) else column.concat("")


def ints(values: Sequence[object] | None = None, name: str | None = None) -> BindParameter[Any]:
    """A parameter that holds whole numbers, given now or, under its name, on execution."""
    return bind(name, type_=IntArray()) if values is None else bind(name, values, type_=IntArray(), unique=True)


def texts(values: Sequence[object] | None = None, name: str | None = None) -> BindParameter[Any]:
    """A parameter that holds texts, given now or, under its name, on execution."""
    return bind(name, type_=TextArray()) if values is None else bind(name, values, type_=TextArray(), unique=True)


def epoch() -> ColumnElement[float]:
    """Seconds since 1970 by the database's clock, at the moment of the statement."""
    return _Epoch()


def byte_order(column: Column) -> ColumnElement[str]:
    """The text compared code point by code point on both databases, whatever the server's locale."""
    return _ByteOrder(column)


def table(model: type[Base]) -> Table:
    """A model's table: statements on it skip the ORM's bookkeeping."""
    return cast("Table", model.__table__)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A JSON column's value as its text already."""

    text: str


def encoded(value: object) -> Encoded:
    """Encode the value now, and not while the rows are inserted and others wait for the lock."""
    return Encoded(orjson.dumps(value).decode())


def to_json(value: object) -> str:
    """What the databases' drivers are given for a JSON column."""
    return value.text if isinstance(value, Encoded) else orjson.dumps(value).decode()


def insert_all(session: Session, model: type[Base], rows: Iterable[Row]) -> None:
    """Insert the rows, thousands at once; keys are column names."""
    for some in _batches(rows):
        session.connection().execute(insert(table(model)), some)


def insert_missing(session: Session, model: type[Base], rows: Iterable[Row]) -> None:
    """Insert those rows that no unique constraint forbids, thousands at once."""
    for some in _batches(rows):
        session.connection().execute(_insert_or_nothing(session, model), some)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Of a book's hundred thousand rows as parameters, no more than these are in memory at once."""
    source = iter(rows)
    while some := list(islice(source, _ROWS)):
        yield some


def insert_if_new(session: Session, model: type[Base], row: Row) -> bool:
    """Insert the row unless a unique constraint forbids it; gives whether it was inserted."""
    statement = _insert_or_nothing(session, model).returning(literal(1))  # PostgreSQL's driver gives no row count here
    return session.connection().execute(statement, row).first() is not None


def _insert_or_nothing(session: Session, model: type[Base]) -> Insert:
    dialect = postgresql if is_postgresql(session) else sqlite
    return dialect.insert(table(model)).on_conflict_do_nothing()


def changed(result: object) -> int:
    """How many rows an UPDATE or DELETE that ran through a session touched."""
    return cast("CursorResult[Any]", result).rowcount


def lock(session: Session, name: int) -> None:
    """Hold the named lock to the end of the transaction; on SQLite every write transaction is alone anyway."""
    if is_postgresql(session):
        session.execute(select(func.pg_advisory_xact_lock(name)))


def last_given(session: Session, table: Table) -> int:
    """The highest id that a table whose ids are never given out again has ever had; 0: no row yet."""
    if is_postgresql(session):
        sequence = session.scalar(select(func.pg_get_serial_sequence(table.name, "id")))
        statement = text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")  # noqa: S608  # its own word
        return int(session.scalar(statement) or 0) if sequence else 0
    given = text("SELECT max(seq) FROM sqlite_sequence WHERE name = :name")
    return int(session.scalar(given, {"name": table.name}) or 0)


def is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def storable(text: str) -> str:
    """The text with what a database cannot hold (NUL, lone surrogates) replaced, code point by code point."""
    return _UNSTORABLE.sub("\ufffd", text)
