"""A document's name and its uploader's metadata: changed without a new version, and taken back with an old one.

A version keeps the words under which it answers or answered: its name, what the uploader said of it and what the file
says of itself. From them follow its title, its metadata and the values that filters compare.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Update, bindparam, delete, exists, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.db import tables
from app.db.library import metadata
from app.db.library.metadata import from_json
from app.db.library.registration import PENDING
from app.db.sql import among, filled, insert_all, storable, table, texts
from ingestion.dates import effective_at
from ingestion.title import title_of
from ingestion.types import DocumentId, Metadata, Publication, VersionId

_DERIVED: Final = ("name", "given_metadata", "title", "metadata", "effective_at")


def of_file(publication: Publication) -> dict[str, object]:
    """What a version shows of its file, by column."""
    job, merged = publication.job, metadata.merged(publication.metadata, publication.job.metadata)
    return {
        "status": "partial" if publication.warnings else "ready",
        "title": storable(title_of(publication.title, job.metadata, job.name)),
        "own_title": storable(publication.title),
        "own_metadata": metadata.merged(publication.metadata, {}),
        "language": publication.language[:8] or None,
        "metadata": merged,
        "effective_at": effective_at(merged),
        "warnings": [storable(warning) for warning in publication.warnings],
        "pages": publication.pages or None,
    }


def tell(session: Session, ids: Sequence[VersionId], rows: Sequence[Mapping[str, object]]) -> None:
    """Write these columns, the same in every row, of the versions."""
    versions = table(tables.Version)
    values = {name: bindparam(f"new_{name}", type_=versions.c[name].type) for name in rows[0]} if rows else {}
    if rows:
        session.connection().execute(
            update(versions).where(versions.c.id == bindparam("version")).values(values),
            [
                {"version": version, **{f"new_{name}": value for name, value in row.items()}}
                for version, row in zip(ids, rows, strict=True)
            ],
        )


def describe(session: Session, document: DocumentId, name: str | None, given: Metadata | None, now: datetime) -> None:
    """Give the document that name and that metadata, where they are given; a repetition changes nothing.

    They hold for the version that answers and for those that may yet; the caller holds the document's collection.
    """
    before = session.execute(
        select(tables.Document.name, tables.Document.metadata_, tables.Document.live_version_id).where(
            tables.Document.id == document
        )
    ).one()
    called = storable(name) if name is not None else before.name
    said = dict(given) if given is not None else from_json(before.metadata_)
    if called == before.name and said == from_json(before.metadata_):
        return
    session.execute(
        update(tables.Document)
        .where(tables.Document.id == document)
        .values(name=called, metadata_=said, updated_at=now)
    )
    _reword(session, document, before.live_version_id, called, said)


def follow_live(session: Session, documents: Collection[str]) -> None:
    """Let documents be called, and their metadata be, as in the versions that answer.

    One that is just being replaced is called as its replacement already.
    """
    session.connection().execute(_FOLLOW_LIVE, {"documents": list(documents)})


def _follow_live_statement() -> Update:
    live, later = filled(aliased(tables.Version)), filled(aliased(tables.Version))
    is_replaced = exists().where(
        live.id == tables.Document.live_version_id,
        later.document_id == tables.Document.id,
        later.number > live.number,
        later.status.in_(PENDING),
    )

    def of_live(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
        return select(column).where(tables.Version.id == tables.Document.live_version_id).scalar_subquery()

    return (
        update(table(tables.Document))
        .where(among(tables.Document.id, texts(name="documents")), ~is_replaced)
        .values(name=of_live(tables.Version.name), metadata=of_live(tables.Version.given_metadata))
    )


_FOLLOW_LIVE = _follow_live_statement()  # made once: making it takes longer than to run it


def _reword(session: Session, document: DocumentId, live: int | None, name: str, given: Metadata) -> None:
    versions = session.execute(
        select(tables.Version.id, tables.Version.own_title, tables.Version.own_metadata).where(
            tables.Version.document_id == document,
            or_(tables.Version.id == live, tables.Version.published_at.is_(None)),
        )
    ).all()
    merged = {row.id: metadata.merged(from_json(row.own_metadata), given) for row in versions}
    rows = table(tables.Version)
    statement = update(rows).where(rows.c.id == bindparam("version"))
    values = {column: bindparam(f"new_{column}", type_=rows.c[column].type) for column in _DERIVED}
    session.connection().execute(
        statement.values(values),
        [
            {
                "version": row.id,
                "new_name": name,
                "new_given_metadata": given,
                "new_title": title_of(row.own_title, given, name) if row.id == live else name,
                "new_metadata": merged[row.id],
                "new_effective_at": effective_at(merged[row.id]),
            }
            for row in versions
        ],
    )
    if live is not None:
        session.execute(delete(tables.MetadataValue).where(tables.MetadataValue.version_id == live))
        insert_all(session, tables.MetadataValue, metadata.filter_rows(VersionId(live), merged[live]))
