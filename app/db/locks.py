"""Rows that a transaction holds to its end, in the order that all keep: collections by id, documents by id, jobs."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import tables
from app.db.sql import among
from ingestion.errors import UnknownDocument


def hold_document(session: Session, document: str) -> tuple[int, int]:
    """Hold the document's collection, then the document; gives the collection and its generation.

    Raises UnknownDocument.
    """
    home = select(tables.Document.collection_id).where(tables.Document.id == document)
    collection = session.execute(
        select(tables.Collection.id, tables.Collection.generation)
        .where(tables.Collection.id == home.scalar_subquery())
        .with_for_update(key_share=True)
    ).one_or_none()
    found = session.execute(home.with_for_update()).first()
    if collection is None or found is None:
        raise UnknownDocument(f"there is no document {document}")
    return collection.id, collection.generation


def hold_collections(session: Session, collections: Collection[int]) -> None:
    """Hold them, as publications do: none refers to a chunk or to a vector meanwhile."""
    found = select(tables.Collection.id).where(among(tables.Collection.id, collections))
    session.execute(found.order_by(tables.Collection.id).with_for_update(key_share=True)).all()
