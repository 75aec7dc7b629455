"""Lists of documents in any order, a page at a time: an index gives the order, or the narrower set.

Each page starts after the last row of the one before, by its value and its id, and not at an offset.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Select, func, literal, select, tuple_
from sqlalchemy.orm import aliased

from app.db import tables
from app.db.cursors import after_id, is_id, not_of, of_text, text_in
from app.db.sql import among, filled, storable, unindexed
from app.db.tables import UNREADY
from app.db.types import DocumentSort
from ingestion.types import VersionStatus
from retrieval.types import Scope

_Shown = filled(aliased(tables.Version, name="listed"))
_Newest = filled(aliased(tables.Version, name="newest"))

KEYS: Mapping[str, ColumnElement[Any]] = {
    "name": func.lower(tables.Document.name),
    "updated": tables.Document.updated_at.expression,
    "size": _Shown.size.expression,
}
"""What documents are sorted by; `created` is the id itself, which is made of the time."""


def sort_key(sort: DocumentSort) -> ColumnElement[Any]:
    """The value that a sort compares first."""
    return KEYS.get(sort.removeprefix("-"), tables.Document.id.expression)


def ids(scope: Scope, status: VersionStatus | None, q: str | None, sort: DocumentSort) -> Select[str]:
    """The ids of the documents of a list, of all its pages, in no order."""
    found = select(tables.Document.id).where(_within(scope, sort))
    if status is not None or q or "size" in sort:
        newest = (
            select(_Newest.id)
            .where(_Newest.document_id == tables.Document.id)
            .order_by(_Newest.number.desc())
            .limit(1)
            .scalar_subquery()
        )
        found = found.join(_Shown, _Shown.id == func.coalesce(tables.Document.live_version_id, newest))
    if status is not None:
        found = found.where(_Shown.status == status)
        if status != "ready":
            of_status = select(tables.Version.document_id).where(UNREADY, tables.Version.status == status)
            found = found.where(tables.Document.id.in_(of_status))
    if q:
        in_name = tables.Document.name.icontains(q, autoescape=True)
        found = found.where(in_name | _Shown.title.icontains(q, autoescape=True))
    return found


def in_order(found: Select[Any], sort: DocumentSort, limit: int, cursor: str | None) -> Select[Any]:
    """The page of a list that follows the cursor, in order, with one row more. Raises InvalidCursor."""
    by_id = tables.Document.id.expression
    places = (by_id,) if _is_by_id(sort) else (sort_key(sort), by_id)
    is_falling = sort.startswith("-")
    if cursor is not None:
        here = tuple_(*places)
        after = tuple_(*(literal(value, place.type) for value, place in zip(_after(cursor, sort), places, strict=True)))
        found = found.where(here < after if is_falling else here > after)
    return found.order_by(*(place.desc() if is_falling else place for place in places)).limit(limit + 1)


def cursor_of(row: Row[Any], sort: DocumentSort) -> str:
    """The cursor of the page after a row, which has its `sort_value`."""
    if _is_by_id(sort):
        return str(row.id)
    value = row.sort_value
    told = [value.isoformat() if isinstance(value, datetime) else value, row.id]
    return of_text(json.dumps(told, ensure_ascii=False))


def _after(cursor: str, sort: DocumentSort) -> tuple[object, ...]:
    """The value and the id of the row that the page begins after."""
    of = f"documents sorted by {sort}"
    if _is_by_id(sort):
        return (after_id(cursor, "doc", of),)
    try:
        match sort.removeprefix("-"), cast("object", json.loads(text_in(cursor, of))):
            case "name", [str() as name, str() as id] if is_id(id, "doc") and storable(name) == name:
                return name, id
            case "updated", [str() as moment, str() as id] if is_id(id, "doc"):
                return _utc(moment), id
            case "size", [int() as size, str() as id] if is_id(id, "doc") and 0 <= size < 1 << 63:
                return size, id
            case _:
                raise not_of(cursor, of)
    except (ValueError, RecursionError) as error:
        raise not_of(cursor, of) from error


def _utc(text: str) -> datetime:
    """The time as `cursor_of` wrote it; raises ValueError for any other form, some of which no database holds."""
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() != timedelta(0):
        raise ValueError(f"{text!r} is not in UTC")
    return moment


def _is_by_id(sort: DocumentSort) -> bool:
    return sort.endswith("created")


def _within(scope: Scope, sort: DocumentSort) -> ColumnElement[bool]:
    """So that both databases read the page off an index in its order, and stop when it is full.

    No index is in the order of sizes: all documents are read then, and in an index's order that takes SQLite ten times
    as long.
    """
    if len(scope.collections) == 1 and "size" not in sort:
        return tables.Document.collection_id == next(iter(scope.collections))
    return among(unindexed(tables.Document.collection_id), scope.collections)
