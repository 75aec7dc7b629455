"""What goes with a document, a version or a placement that is deleted: all that only it held."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from app.db import models
from app.db.sql import among, insert_missing, unindexed
from ingestion.types import BlobKey, DocumentId


def delete_document(session: Session, collection: int, document: DocumentId) -> list[BlobKey]:
    """Delete the document and all that only it held; gives the blobs that nothing refers to any more."""
    versions = session.execute(
        select(models.Version.id, models.Version.blob_key, models.Version.sha256).where(
            models.Version.document_id == document
        )
    ).all()
    ids = [version.id for version in versions]
    placed = select(models.Placement.chunk_id).where(among(models.Placement.version_id, ids)).distinct()
    chunks = session.connection().execute(placed).scalars().all()
    jobs = select(models.Job.id).where(models.Job.document_id == document).order_by(models.Job.id).with_for_update()
    held = session.scalars(jobs).all()
    session.execute(delete(models.Job).where(models.Job.document_id == document))
    session.execute(update(models.Document).where(models.Document.id == document).values(live_version_id=None))
    session.execute(delete(models.Placement).where(among(models.Placement.version_id, ids)))
    session.execute(delete(models.MetadataValue).where(among(models.MetadataValue.version_id, ids)))
    session.execute(delete(models.Version).where(models.Version.document_id == document))
    session.execute(delete(models.Document).where(models.Document.id == document))
    delete_chunks(session, chunks)
    delete_pieces(session, held)
    delete_parsed(session, collection, {version.sha256 for version in versions})
    return drop_blobs(session, {version.blob_key for version in versions})


def delete_chunks(session: Session, chunks: Sequence[int]) -> int:
    """Those that stand nowhere any more, with vectors and questions that no chunk uses then; gives how many chunks."""
    stands = exists().where(models.Placement.chunk_id == models.Chunk.id)
    gone = session.execute(
        delete(models.Chunk)
        .where(among(models.Chunk.id, chunks), ~stands)
        .returning(models.Chunk.embedding_id, models.Chunk.collection_id, models.Chunk.key)
        .execution_options(synchronize_session=False)
    ).all()
    used = exists().where(models.Chunk.embedding_id == models.Embedding.id)
    embeddings = [row.embedding_id for row in gone]
    session.execute(delete(models.Embedding).where(among(models.Embedding.id, embeddings), ~used))
    asked = models.HypotheticalQuestions
    stays = exists().where(models.Chunk.key == asked.key, models.Chunk.collection_id == asked.collection_id)
    session.execute(
        delete(asked)
        .where(among(asked.collection_id, {row.collection_id for row in gone}))
        .where(among(asked.key, [row.key for row in gone]), ~stays)
        .execution_options(synchronize_session=False)
    )
    return len(gone)


def delete_pieces(session: Session, jobs: Sequence[str]) -> None:
    """Chunks and vectors that these jobs wrote ahead of their publication, as far as nothing uses them."""
    stands = exists().where(models.Placement.chunk_id == models.Chunk.id)
    ahead = (
        select(models.Chunk.id)
        .join(models.Embedding, models.Embedding.id == models.Chunk.embedding_id)
        .where(among(models.Embedding.job_id, jobs), ~stands)
    )
    delete_chunks(session, session.connection().execute(ahead).scalars().all())
    used = exists().where(models.Chunk.embedding_id == models.Embedding.id)
    pieces = delete(models.Embedding).where(among(models.Embedding.job_id, jobs), ~used)
    session.execute(pieces.execution_options(synchronize_session=False))


def delete_parsed(session: Session, collection: int, hashes: set[str]) -> None:
    """What files were parsed to that no version of the collection has any more."""
    kept = session.scalars(
        select(models.Version.sha256)
        .join(models.Document, models.Document.id == models.Version.document_id)
        .where(unindexed(models.Document.collection_id) == collection, among(models.Version.sha256, hashes))
    )
    session.execute(
        delete(models.ParsedBlob).where(
            models.ParsedBlob.collection_id == collection,
            among(models.ParsedBlob.sha256, hashes - set(kept)),
        )
    )


def drop_blobs(session: Session, keys: Collection[str]) -> list[BlobKey]:
    """Write down which of these originals no version refers to any more, for whoever deletes them; gives them too."""
    kept = set(session.scalars(select(models.Version.blob_key).where(among(models.Version.blob_key, set(keys)))))
    dropped = sorted(set(keys) - kept)
    insert_missing(session, models.DroppedBlob, [{"key": key} for key in dropped])
    return [BlobKey(key) for key in dropped]
