"""The two persisted steps of a document: parsed, and published."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial

import zstandard
from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.orm import Session

from app.db import tables
from app.db.clock import Clock, utc_now
from app.db.database import Database
from app.db.index import generations
from app.db.index.contents import Rows, Shelf, chunk_row, chunk_rows, drawn, stored
from app.db.index.embedders import measured
from app.db.library import descriptions, live_chunks, metadata
from app.db.locks import hold_collections
from app.db.queue import attempts
from app.db.sql import among, insert_missing, storable, table
from ingestion.ports import VersionStore
from ingestion.types import ChunkDraft, Failure, Job, JobId, Progress, Publication
from retrieval.types import CollectionId, PassageEmbedding

STALE = Failure("stale", "the collection changed to another index while this was prepared", transient=True)
FORGOTTEN = Failure("stale", "vectors that this shares with a document were deleted with it", transient=True)
OTHER_MODEL = Failure(
    "model_changed",
    "the embedding server now gives vectors of another length: name the new model in OPENBOOK_EMBEDDER, then re-index",
    transient=False,
)
_STALE_SECONDS = 2.0  # for a worker that still embeds for the index before

_MESSAGE_LENGTH = 2000  # characters of a failure's message


@dataclass(frozen=True, slots=True)
class PublicationStore(VersionStore):
    """What the pipeline writes. `parser` is the parsers' version: parsed files of another are read anew."""

    db: Database
    parser: str
    clock: Clock = utc_now

    def parsed(self, job: Job) -> bytes | None:
        statement = select(tables.ParsedBlob.content).where(
            tables.ParsedBlob.collection_id == job.collection,
            tables.ParsedBlob.sha256 == job.blob.sha256,
            tables.ParsedBlob.parser == reading(self.parser, job.redact),
        )
        with self.db.read() as session:
            content = session.scalar(statement)
        if content is None:
            return None
        try:
            return zstandard.decompress(content)
        except zstandard.ZstdError:
            return None  # damaged: the file is read again

    def save_parsed(self, parsed: Sequence[tuple[Job, bytes]]) -> set[JobId]:
        contents = {job.id: zstandard.compress(document, 3) for job, document in parsed}
        with self.db.write() as session:
            held = attempts.held(session, [job for job, _ in parsed])
            rows = {
                (job.collection, job.blob.sha256, reading(self.parser, job.redact)): {
                    "collection_id": job.collection,
                    "sha256": job.blob.sha256,
                    "parser": reading(self.parser, job.redact),
                    "content": contents[job.id],
                    "created_at": self.clock(),
                }
                for job, _ in parsed
                if job.id in held
            }
            insert_missing(session, tables.ParsedBlob, [rows[key] for key in sorted(rows)])
            session.execute(
                update(tables.Job)
                .where(among(tables.Job.id, held))
                .values(stage="publish", done=None, total=None, updated_at=self.clock())
            )
        return held

    def embedded(self, collection: CollectionId, fingerprint: str, keys: Sequence[str]) -> set[str]:
        statement = select(tables.Embedding.key).where(
            tables.Embedding.collection_id == collection,
            tables.Embedding.fingerprint == fingerprint,
            among(tables.Embedding.key, keys),
        )
        with self.db.read() as session:
            return set(session.scalars(statement))

    def vectors(self, collection: CollectionId, fingerprint: str, keys: Sequence[str]) -> dict[str, PassageEmbedding]:
        with self.db.read() as session:
            return stored(session, collection, fingerprint, keys)

    def save_piece(
        self, job: Job, drafts: Sequence[ChunkDraft], embeddings: Mapping[str, PassageEmbedding], progress: Progress
    ) -> bool:
        rows = {draft.key: chunk_row(draft) for draft in drafts}
        with self.db.write() as session:
            hold_collections(session, [job.collection])
            if job.id not in attempts.held(session, [job]):
                return False
            if not _fits(session)(job, embeddings):
                attempts.end(session, job.id, OTHER_MODEL, self.clock)
                return False
            Shelf(session, job.collection, job.generation, job.fingerprint).piece(rows, embeddings, job.id)
            attempts.show(session, job, "publish", progress, self.clock)
            return True

    def publish(self, publications: Sequence[Publication]) -> set[JobId]:
        """As the port says; one without drafts fails its version with `no_text`.

        One made for an index that the collection no longer has, or that counts on vectors which were deleted
        meanwhile, is queued again; its fence is then gone like a lost one.
        """
        rows = {publication.job.id: drawn(publication) for publication in publications}
        with self.db.write() as session:
            collections = _lock(session, publications)
            held = attempts.held(session, [publication.job for publication in publications])
            mine = _as_told_now(session, [publication for publication in publications if publication.job.id in held])
            done: set[JobId] = set()
            for collection in collections:
                here = [publication for publication in mine if publication.job.collection == collection.id]
                done |= self._publish(session, collection, here, rows)
            return done

    def _publish(
        self, session: Session, collection: Row[int, int, str], publications: Sequence[Publication], rows: Rows
    ) -> set[JobId]:
        to = generations.target(session, collection.id)
        beside = [p for p in publications if to is not None and p.job.generation == to.generation]
        done = self._publish_beside(session, to, beside, rows) if to is not None and beside else set[JobId]()
        fitting = self._sort_out(session, collection, [p for p in publications if p not in beside])
        empty = [publication for publication in fitting if not publication.drafts]
        for publication in empty:
            _describe(session, [publication], {}, self.clock())
            attempts.end(session, publication.job.id, _no_text(publication), self.clock)
        full = [publication for publication in fitting if publication.drafts]
        shelf = Shelf(session, collection.id, collection.generation, collection.fingerprint)
        whole, chunks = self._stored(session, shelf, full, rows)
        if whole:
            self._shelve(session, shelf, whole, rows, chunks)
        return done | {publication.job.id for publication in (*empty, *whole)}

    def _publish_beside(
        self, session: Session, to: generations.Target, publications: Sequence[Publication], rows: Rows
    ) -> set[JobId]:
        fits = _fits(session)
        for publication in publications:
            if not publication.drafts:
                attempts.end(session, publication.job.id, _no_text(publication), self.clock)
            elif not fits(publication.job, publication.embeddings):
                attempts.end(session, publication.job.id, OTHER_MODEL, self.clock)
        fitting = attempts.held(session, [publication.job for publication in publications])
        full = [publication for publication in publications if publication.job.id in fitting]
        shelf = Shelf(session, to.collection, to.generation, to.fingerprint)
        whole, chunks = self._stored(session, shelf, full, rows)
        return generations.publish(session, shelf, whole, rows, chunks) if whole else set[JobId]()

    def _stored(
        self, session: Session, shelf: Shelf, publications: Sequence[Publication], rows: Rows
    ) -> tuple[list[Publication], dict[str, int]]:
        """Those whose vectors are all there, and their chunks by key, stored now; the others are queued again."""
        before = shelf.chunk_ids(draft.key for publication in publications for draft in publication.drafts)
        embeddings = shelf.embeddings(publications, before)
        there = before.keys() | embeddings.keys()
        whole = [p for p in publications if all(draft.key in there for draft in p.drafts)]
        lacking = [publication.job.id for publication in publications if publication not in whole]
        if lacking:
            attempts.postpone(session, lacking, FORGOTTEN, 0.0, self.clock)
        return whole, shelf.chunks(chunk_rows(whole, rows), embeddings, before)

    def _sort_out(
        self, session: Session, collection: Row[int, int, str], publications: Sequence[Publication]
    ) -> list[Publication]:
        fitting: list[Publication] = []
        fits = _fits(session)
        for publication in publications:
            job = publication.job
            if (job.generation, job.fingerprint) != (collection.generation, collection.fingerprint):
                attempts.postpone(session, [job.id], STALE, _STALE_SECONDS, self.clock)
            elif not fits(job, publication.embeddings):
                attempts.end(session, job.id, OTHER_MODEL, self.clock)
            else:
                fitting.append(publication)
        return fitting

    def _shelve(
        self,
        session: Session,
        shelf: Shelf,
        publications: Sequence[Publication],
        rows: Rows,
        chunks: Mapping[str, int],
    ) -> None:
        """Give the chunks their places, let the versions go live, end the jobs, and log the changes last."""
        now = self.clock()
        shelf.placements(publications, rows, chunks)
        shelf.filter_rows(publications)
        live = live_chunks.load(session, shelf.generation, {p.job.document for p in publications}, chunks.values())
        _describe(session, publications, _known_before(live, publications, chunks), now)
        switches = _go_live(session, live, publications, chunks, now)
        session.execute(
            update(tables.Job)
            .where(among(tables.Job.id, [publication.job.id for publication in publications]))
            .values(status="succeeded", progress=1.0, done=tables.Job.total, lease_until=None, worker=None)
            .values(error_code=None, error_message=None, updated_at=now)
        )
        live_chunks.log(session, shelf.collection, shelf.generation, switches, now)


def _fits(session: Session) -> Callable[[Job, Mapping[str, PassageEmbedding]], bool]:
    """Tells whether a job's vectors are as long as all others of its embedder, which is looked up once."""
    known = cache(partial(measured, session))
    return lambda job, embeddings: all(
        known(job.fingerprint, dim) == dim for dim in {len(embedding.vector) for embedding in embeddings.values()}
    )


def reading(parser: str, redact: Sequence[str]) -> str:
    """The parsers' version, and what was blackened: another choice of that reads the file anew."""
    return " -".join([parser, *redact])


def _lock(session: Session, publications: Sequence[Publication]) -> Sequence[Row[int, int, str]]:
    """Hold the collections, in the order of their ids, so that their live sets and logs have one writer."""
    return session.execute(
        select(tables.Collection.id, tables.Collection.generation, tables.Collection.fingerprint)
        .where(among(tables.Collection.id, {publication.job.collection for publication in publications}))
        .order_by(tables.Collection.id)
        .with_for_update(key_share=True)
    ).all()


def _known_before(
    live: live_chunks.LiveSets, publications: Sequence[Publication], chunks: Mapping[str, int]
) -> dict[JobId, Mapping[str, int]]:
    """How many chunks the document had before, and how many others stand elsewhere or more than once within it."""
    counts: dict[JobId, Mapping[str, int]] = {}
    others = Counter(live.holders)
    for publication in publications:
        job, before = publication.job, live.here.get(publication.job.document, frozenset[int]())
        distinct = {chunks[draft.key] for draft in publication.drafts}
        elsewhere = sum(chunk in live.elsewhere or others[chunk] > 0 for chunk in distinct - before)
        others.update(distinct - before)
        repeated = len(publication.drafts) - len(distinct)
        counts[job.id] = {"unchanged_chunks": len(distinct & before), "duplicate_chunks": elsewhere + repeated}
    return counts


def _as_told_now(session: Session, publications: Sequence[Publication]) -> list[Publication]:
    """With the name and the metadata that the uploader gives today: they may have changed since the job was claimed."""
    statement = select(tables.Version.id, tables.Version.name, tables.Version.given_metadata).where(
        among(tables.Version.id, [publication.job.version for publication in publications])
    )
    told = {row.id: row for row in session.execute(statement)}
    return [
        replace(publication, job=replace(publication.job, name=words.name, metadata=metadata.from_json(words[2])))
        for publication in publications
        for words in [told[publication.job.version]]
    ]


def _describe(
    session: Session,
    publications: Sequence[Publication],
    known_before: Mapping[JobId, Mapping[str, int]],
    now: datetime,
) -> None:
    """What each version shows of its file, and of its chunks where it is to answer."""
    rows = [
        {
            **descriptions.of_file(publication),
            "counts": _more_than_none({**publication.counts, **known_before.get(publication.job.id, {})}),
            "chunks": len(publication.drafts),
            "published_at": now if publication.drafts else None,
        }
        for publication in publications
    ]
    descriptions.tell(session, [publication.job.version for publication in publications], rows)


def _no_text(publication: Publication) -> Failure:
    reasons = "".join(f"; {warning}" for warning in publication.warnings)
    return Failure("no_text", storable(f"no text was found in this file{reasons}"[:_MESSAGE_LENGTH]), transient=False)


def _more_than_none(counts: Mapping[str, int]) -> dict[str, int]:
    return {step: count for step, count in counts.items() if count}


def _go_live(
    session: Session,
    live: live_chunks.LiveSets,
    publications: Sequence[Publication],
    chunks: Mapping[str, int],
    now: datetime,
) -> list[live_chunks.Switch]:
    """Switch each document to its new version, unless a newer one was published while this one was made."""
    documents = {publication.job.document for publication in publications}
    statement = (
        select(tables.Version.document_id, func.max(tables.Version.number))
        .where(among(tables.Version.document_id, documents), tables.Version.published_at.is_not(None))
        .group_by(tables.Version.document_id)
    )
    newest = {document: number for document, number in session.execute(statement)}  # noqa: C416
    numbers = select(tables.Version.id, tables.Version.number).where(
        among(tables.Version.id, [publication.job.version for publication in publications])
    )
    number_of = {version: number for version, number in session.execute(numbers)}  # noqa: C416
    switches: list[live_chunks.Switch] = []
    rows: list[dict[str, object]] = []
    for publication in publications:
        job = publication.job
        if number_of[job.version] == newest[job.document]:
            switches.append(live.switch(job.document, {chunks[draft.key] for draft in publication.drafts}))
            rows.append({"document": job.document, "version": job.version, "now": now})
    if rows:
        rows_of = table(tables.Document)
        switch = update(rows_of).where(rows_of.c.id == bindparam("document"))
        values = {
            "live_version_id": bindparam("version", type_=tables.RowId),
            "updated_at": bindparam("now", type_=tables.UtcDateTime()),
        }
        session.connection().execute(switch.values(values), rows)
        descriptions.follow_live(session, documents)
    return switches
