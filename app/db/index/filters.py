"""A filter becomes SQL: fields from a fixed list, values as bound parameters, all types checked first.

`ne` is the opposite of `eq`: it lets documents pass that lack the key. Of a list's elements one is enough.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeAlias, assert_never

from sqlalchemy import ColumnElement, exists, func, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from app.db import tables
from app.db.library.metadata import KEY, comparable
from app.db.sql import Column, byte_order, holds_one
from ingestion.dates import exact_moment
from retrieval.errors import InvalidFilter
from retrieval.types import Condition, Filter, Operator, Scalar

Has: TypeAlias = Callable[..., ColumnElement[bool]]
"""Whether a version has a metadata value for which all tests hold."""

METADATA: Final = "metadata."
TEXT_FIELDS: Final[dict[str, InstrumentedAttribute[str] | InstrumentedAttribute[str | None]]] = {
    "document.id": tables.Document.id,
    "document.name": tables.Document.name,
    "document.title": tables.Version.title,
    "media_type": tables.Version.media_type,
    "language": tables.Version.language,
}
TIME_FIELDS: Final[dict[str, InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]]] = {
    "created_at": tables.Document.created_at,
    "effective_at": tables.Version.effective_at,
}
CHUNK_FIELDS: Final = ("section", "page_label")


def of_each(filter: Filter) -> list[ColumnElement[bool]]:
    """What must hold of placements with their document and version, asked of each: for a few rows that are there.

    Raises InvalidFilter, and says what is allowed.
    """
    return [_condition(condition, _values_of_version) for condition in filter]


def of_all(filter: Filter) -> list[ColumnElement[bool]]:
    """The same, asked of all at once: the values' own index leads to the rows, however many there are."""
    return [_condition(condition, _versions_with_value) for condition in filter]


def _values_of_version(key: str, *tests: ColumnElement[bool]) -> ColumnElement[bool]:
    mine = tables.MetadataValue.version_id == tables.Version.id
    keyed = tables.MetadataValue.key.concat("") == key  # lest SQLite walk through all versions' values of that key
    return exists().where(mine, keyed, *tests)


def _versions_with_value(key: str, *tests: ColumnElement[bool]) -> ColumnElement[bool]:
    return tables.Version.id.in_(select(tables.MetadataValue.version_id).where(tables.MetadataValue.key == key, *tests))


def _condition(condition: Condition, has: Has) -> ColumnElement[bool]:
    field = condition.field
    if field.startswith(METADATA) and KEY.fullmatch(field.removeprefix(METADATA)):
        return _metadata(condition, field.removeprefix(METADATA), has)
    if field in TEXT_FIELDS:
        return _text(condition, TEXT_FIELDS[field])
    if field in TIME_FIELDS:
        return _moment(condition, TIME_FIELDS[field])
    if field == "section":
        return _section(condition)
    if field == "page_label":
        return _page_label(condition)
    allowed = ", ".join(["metadata.<key>", *TEXT_FIELDS, *TIME_FIELDS, *CHUNK_FIELDS])
    raise InvalidFilter(f"{field!r} is not a field to filter by; there are {allowed}")


def _text(condition: Condition, column: Column) -> ColumnElement[bool]:
    match condition.op:
        case "eq":
            return column == _string(condition, condition.value)
        case "ne":
            return column.is_distinct_from(_string(condition, condition.value))
        case "in":
            return column.in_([_string(condition, value) for value in _many(condition)])
        case "exists":
            return column.is_not(None) if _wanted(condition) else column.is_(None)
        case "lt" | "lte" | "gt" | "gte":
            raise InvalidFilter(f"{condition.field} takes eq, ne, in and exists, not {condition.op}")
        case _:
            assert_never(condition.op)


def _moment(condition: Condition, column: Column) -> ColumnElement[bool]:
    match condition.op:
        case "exists":
            return column.is_not(None) if _wanted(condition) else column.is_(None)
        case "ne":
            return column.is_distinct_from(literal(_time(condition), tables.UtcDateTime()))
        case "in":
            raise InvalidFilter(f"{condition.field} takes eq, ne, lt, lte, gt, gte and exists, not in")
        case _:
            return _compare(column, condition.op, literal(_time(condition), tables.UtcDateTime()))


def _section(condition: Condition) -> ColumnElement[bool]:
    """The chunk stands under a heading, or a path of them, counted from the outermost below the document's title."""
    match condition.op:
        case "eq":
            return _stands_under(_path(condition))
        case "ne":
            return ~_stands_under(_path(condition))
        case "in":
            return or_(*(_stands_under((_string(condition, value),)) for value in _many(condition)))
        case "exists":
            headed = _of_chunk(tables.Chunk.headings[1].as_string().is_not(None))
            return headed if _wanted(condition) else ~headed
        case "lt" | "lte" | "gt" | "gte":
            raise InvalidFilter(f"section takes eq, ne, in and exists, not {condition.op}")
        case _:
            assert_never(condition.op)


def _stands_under(path: Sequence[str]) -> ColumnElement[bool]:
    headings = tables.Chunk.headings
    return _of_chunk(*(headings[depth].as_string() == heading for depth, heading in enumerate(path, 1)))


def _of_chunk(*tests: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(tables.Chunk.id == tables.Placement.chunk_id, *tests)


def _path(condition: Condition) -> tuple[str, ...]:
    value = condition.value
    return tuple(_string(condition, each) for each in (_many(condition) if isinstance(value, tuple) else (value,)))


def _page_label(condition: Condition) -> ColumnElement[bool]:
    """The chunk stands on a page with that label: what is printed there, else its number."""
    labels = func.coalesce(tables.Placement.page_labels, tables.Placement.pages)
    match condition.op:
        case "eq":
            return holds_one(labels, [_string(condition, condition.value)])
        case "ne":
            return ~holds_one(labels, [_string(condition, condition.value)])
        case "in":
            return holds_one(labels, [_string(condition, value) for value in _many(condition)])
        case "exists" | "lt" | "lte" | "gt" | "gte":
            raise InvalidFilter(f"page_label takes eq, ne and in, not {condition.op}")
        case _:
            assert_never(condition.op)


def _metadata(condition: Condition, key: str, has: Has) -> ColumnElement[bool]:
    match condition.op:
        case "eq":
            return has(key, _equals(_single(condition)))
        case "ne":
            return ~has(key, _equals(_single(condition)))
        case "in":
            return has(key, or_(*(_equals(value) for value in _many(condition))))
        case "exists":
            return has(key) if _wanted(condition) else ~has(key)
        case "lt" | "lte" | "gt" | "gte":
            value = _single(condition)
            if isinstance(value, bool):
                raise InvalidFilter(f"{condition.field}: true and false have no order; use eq or ne")
            limit = comparable(value)
            if isinstance(limit, str):
                return has(key, _compare(byte_order(tables.MetadataValue.text), condition.op, literal(limit)))
            return has(key, _compare(tables.MetadataValue.number, condition.op, literal(limit)))
        case _:
            assert_never(condition.op)


def _equals(value: Scalar) -> ColumnElement[bool]:
    stored = comparable(value)
    column = tables.MetadataValue.text if isinstance(stored, str) else tables.MetadataValue.number
    return column == stored


def _compare(column: Column, op: Operator, limit: ColumnElement[object]) -> ColumnElement[bool]:
    match op:
        case "lt":
            return column < limit
        case "lte":
            return column <= limit
        case "gt":
            return column > limit
        case "gte":
            return column >= limit
        case "ne":
            return column != limit
        case _:
            return column == limit


def _single(condition: Condition) -> Scalar:
    value = condition.value
    if value is None or isinstance(value, tuple):
        raise InvalidFilter(f"{condition.field}: {condition.op} takes one string, number or truth value")
    return value


def _many(condition: Condition) -> tuple[Scalar, ...]:
    if not isinstance(condition.value, tuple) or not condition.value:
        raise InvalidFilter(f"{condition.field}: in takes a list of at least one value")
    return condition.value


def _wanted(condition: Condition) -> bool:
    if condition.value is None or isinstance(condition.value, bool):
        return condition.value is not False
    raise InvalidFilter(f"{condition.field}: exists takes true, false or no value")


def _string(condition: Condition, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidFilter(f"{condition.field}: {condition.op} takes strings")
    return value


def _time(condition: Condition) -> datetime:
    time = exact_moment(condition.value) if isinstance(condition.value, str) else None
    if time is None:
        raise InvalidFilter(
            f"{condition.field}: {condition.value!r} is no RFC 3339 time such as 2026-11-30T12:00:00Z, and no date"
        )
    return time
