"""What goes with a document, a version or a placement that is deleted: all that only it held."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from app.db import tables
from app.db.sql import among, insert_missing, unindexed
from ingestion.types import BlobKey, DocumentId


def delete_document(session: Session, collection: int, document: DocumentId) -> list[BlobKey]:
    """Delete the document and all that only it held; gives the blobs that nothing refers to any more."""
    versions = session.execute(
        select(tables.Version.id, tables.Version.blob_key, tables.Version.sha256).where(
            tables.Version.document_id == document
        )
    ).all()
    ids = [version.id for version in versions]
    placed = select(tables.Placement.chunk_id).where(among(tables.Placement.version_id, ids)).distinct()
    chunks = session.connection().execute(placed).scalars().all()
    jobs = select(tables.Job.id).where(tables.Job.document_id == document).order_by(tables.Job.id).with_for_update()
    held = session.scalars(jobs).all()
    session.execute(delete(tables.Job).where(tables.Job.document_id == document))
    session.execute(update(tables.Document).where(tables.Document.id == document).values(live_version_id=None))
    session.execute(delete(tables.Placement).where(among(tables.Placement.version_id, ids)))
    session.execute(delete(tables.MetadataValue).where(among(tables.MetadataValue.version_id, ids)))
    session.execute(delete(tables.Version).where(tables.Version.document_id == document))
    session.execute(delete(tables.Document).where(tables.Document.id == document))
    delete_chunks(session, chunks)
    delete_pieces(session, held)
    delete_parsed(session, collection, {version.sha256 for version in versions})
    return drop_blobs(session, {version.blob_key for version in versions})


def delete_chunks(session: Session, chunks: Sequence[int]) -> int:
    """Those that stand nowhere any more, with vectors and questions that no chunk uses then; gives how many chunks."""
    stands = exists().where(tables.Placement.chunk_id == tables.Chunk.id)
    gone = session.execute(
        delete(tables.Chunk)
        .where(among(tables.Chunk.id, chunks), ~stands)
        .returning(tables.Chunk.embedding_id, tables.Chunk.collection_id, tables.Chunk.key)
        .execution_options(synchronize_session=False)
    ).all()
    used = exists().where(tables.Chunk.embedding_id == tables.Embedding.id)
    embeddings = [row.embedding_id for row in gone]
    session.execute(delete(tables.Embedding).where(among(tables.Embedding.id, embeddings), ~used))
    asked = tables.HypotheticalQuestions
    stays = exists().where(tables.Chunk.key == asked.key, tables.Chunk.collection_id == asked.collection_id)
    session.execute(
        delete(asked)
        .where(among(asked.collection_id, {row.collection_id for row in gone}))
        .where(among(asked.key, [row.key for row in gone]), ~stays)
        .execution_options(synchronize_session=False)
    )
    return len(gone)


def delete_pieces(session: Session, jobs: Sequence[str]) -> None:
    """Chunks and vectors that these jobs wrote ahead of their publication, as far as nothing uses them."""
    stands = exists().where(tables.Placement.chunk_id == tables.Chunk.id)
    ahead = (
        select(tables.Chunk.id)
        .join(tables.Embedding, tables.Embedding.id == tables.Chunk.embedding_id)
        .where(among(tables.Embedding.job_id, jobs), ~stands)
    )
    delete_chunks(session, session.connection().execute(ahead).scalars().all())
    used = exists().where(tables.Chunk.embedding_id == tables.Embedding.id)
    pieces = delete(tables.Embedding).where(among(tables.Embedding.job_id, jobs), ~used)
    session.execute(pieces.execution_options(synchronize_session=False))


def delete_parsed(session: Session, collection: int, hashes: set[str]) -> None:
    """What files were parsed to that no version of the collection has any more."""
    kept = session.scalars(
        select(tables.Version.sha256)
        .join(tables.Document, tables.Document.id == tables.Version.document_id)
        .where(unindexed(tables.Document.collection_id) == collection, among(tables.Version.sha256, hashes))
    )
    session.execute(
        delete(tables.ParsedBlob).where(
            tables.ParsedBlob.collection_id == collection,
            among(tables.ParsedBlob.sha256, hashes - set(kept)),
        )
    )


def drop_blobs(session: Session, keys: Collection[str]) -> list[BlobKey]:
    """Write down which of these originals no version refers to any more, for whoever deletes them; gives them too."""
    kept = set(session.scalars(select(tables.Version.blob_key).where(among(tables.Version.blob_key, set(keys)))))
    dropped = sorted(set(keys) - kept)
    insert_missing(session, tables.DroppedBlob, [{"key": key} for key in dropped])
    return [BlobKey(key) for key in dropped]
