"""BM25 by tantivy: the terms of our own analyser, joined by spaces, in fields for title, text and questions.

k1 = 1.2 and b = 0.75 are fixed in tantivy. Document frequencies count deleted chunks until a merge or a rebuild, so the
index rebuilds itself when a fifth is dead. A writer costs 15 MB and six threads: one is opened per batch.
"""

import errno
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tantivy

from retrieval.errors import IndexDamaged
from retrieval.ports import LexicalIndex, Persistent, Purgeable
from retrieval.ranking import QUESTIONS_WEIGHT, TIE, TITLE_WEIGHT, best
from retrieval.tokenizer import weighed
from retrieval.types import ChunkIds, IndexedText, Scored

DEAD_SHARE = 0.2  # above it, frequencies are too far off
CARRIED_SHARE = 0.05  # of all chunks: so many ids go into the query; more are cheaper to sift from its results
SLACK = 14  # fetched beyond k, so that ties rarely need a second search
WRITER_BYTES = 64_000_000
FIELDS = {"title": TITLE_WEIGHT, "terms": 1.0, "questions": QUESTIONS_WEIGHT}


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    """One tantivy index as searches see it; replaced as a whole."""

    folder: Path
    index: tantivy.Index
    ids: ChunkIds


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    # Signed: deleting by a term of an unsigned field silently deletes nothing.
    builder.add_integer_field("id", indexed=True, fast=True)
    # The same in every chunk, so its document frequency counts the dead as well.
    builder.add_integer_field("every", indexed=True)
    # Stored, because a rebuild reads the terms back.
    for field in FIELDS:
        builder.add_text_field(field, stored=True, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


_SCHEMA = _schema()


class TantivyIndex(LexicalIndex, Persistent, Purgeable):
    """Works in folders of its own below `folder`, which belongs to this object alone; starts empty."""

    def __init__(self, folder: Path, tokenize: Callable[[str], list[str]]) -> None:
        self._folder = folder
        self._tokenize = tokenize
        self._write = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._opened = self._create()

    def add(self, texts: Sequence[IndexedText]) -> None:
        latest = {text.id: text for text in texts}
        if not latest:
            return
        ids = np.fromiter(latest, np.int64, len(latest))
        joined = [(text.id, [" ".join(self._tokenize(part)) for part in text.fields]) for text in latest.values()]
        with self._write:
            opened = self._opened
            with _writer(opened) as writer:
                _delete_all(writer, np.intersect1d(ids, opened.ids))
                _write_all(writer, joined)
            self._opened = _Opened(opened.folder, opened.index, np.union1d(opened.ids, ids))
            self._rebuild_if_dead()

    def remove(self, ids: ChunkIds) -> None:
        with self._write:
            opened = self._opened
            present = np.intersect1d(ids, opened.ids)
            if not len(present):
                return
            with _writer(opened) as writer:
                _delete_all(writer, present)
            self._opened = _Opened(opened.folder, opened.index, np.setdiff1d(opened.ids, present))
            self._rebuild_if_dead()

    def search(self, query: str, k: int, allowed: ChunkIds | None = None) -> list[Scored]:
        words = weighed(self._tokenize(query))
        if not words or k <= 0 or (allowed is not None and not len(allowed)):
            return []
        clauses = [
            (tantivy.Occur.Should, tantivy.Query.boost_query(_term(field, word), weight * count))
            for word, count in words.items()
            for field, weight in FIELDS.items()
        ]
        matching = tantivy.Query.boolean_query(clauses)
        searcher = self._opened.index.searcher()
        if allowed is not None and len(allowed) <= CARRIED_SHARE * searcher.num_docs:
            among = tantivy.Query.term_set_query(_SCHEMA, "id", allowed.tolist())
            both = [(tantivy.Occur.Must, matching), (tantivy.Occur.Must, tantivy.Query.const_score_query(among, 0.0))]
            return _top(searcher, tantivy.Query.boolean_query(both), k, None)
        return _top(searcher, matching, k, allowed)

    def ids(self) -> ChunkIds:
        return self._opened.ids.copy()

    @property
    def dead(self) -> int:
        searcher = self._opened.index.searcher()
        return searcher.doc_freq("every", 0) - searcher.num_docs

    def purge(self) -> None:
        with self._write:
            if self.dead:
                self._rebuild()

    def save(self, folder: Path) -> None:
        with self._write:
            _link_all(self._opened.folder, folder)

    def restore(self, folder: Path) -> None:
        with self._write:
            copy = self._new_folder()
            try:
                with _told_of_room(copy):
                    _link_all(folder, copy)
                    tantivy.Index.open(str(copy))  # refuses a folder without an index; the next line would make one
                    restored = _open(copy)
            except (OSError, ValueError) as error:
                shutil.rmtree(copy)
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise  # nothing is wrong with what was saved
                raise IndexDamaged(f"{folder}: {error}") from error
            self._replace(restored)

    def _create(self) -> _Opened:
        folder = self._new_folder()
        with _told_of_room(folder):
            return _open(folder)

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(prefix="tantivy-", dir=self._folder))

    def _replace(self, opened: _Opened) -> None:
        old, self._opened = self._opened, opened
        shutil.rmtree(old.folder)  # a search under way keeps its files mapped

    def _rebuild_if_dead(self) -> None:
        if self.dead > DEAD_SHARE * (len(self._opened.ids) + self.dead):
            self._rebuild()

    def _rebuild(self) -> None:
        opened, fresh = self._opened, self._create()
        with _writer(fresh) as writer:
            _write_all(writer, _stored(opened.index.searcher()))
        self._replace(_Opened(fresh.folder, fresh.index, opened.ids))


@contextmanager
def _writer(opened: _Opened) -> Generator[tantivy.IndexWriter]:
    """A writer for one batch: all of it is searchable afterwards, or none when an error is raised."""
    with _told_of_room(opened.folder):
        writer = opened.index.writer(WRITER_BYTES, 1)
        try:
            yield writer
            writer.commit()
        finally:
            writer.wait_merging_threads()
        opened.index.reload()


@contextmanager
def _told_of_room(folder: Path) -> Generator[None]:
    """Raise for a full disk what everybody else does: tantivy's ValueError often does not even say the reason."""
    try:
        yield
    except ValueError as error:
        if shutil.disk_usage(folder).free < WRITER_BYTES:
            raise OSError(errno.ENOSPC, "No space left on device") from error
        raise


def _delete_all(writer: tantivy.IndexWriter, ids: ChunkIds) -> None:
    for chunk in ids.tolist():
        writer.delete_documents_by_term("id", chunk)


def _write_all(writer: tantivy.IndexWriter, texts: Iterable[tuple[int, Sequence[str]]]) -> None:
    for chunk, parts in texts:
        document = tantivy.Document()
        document.add_integer("id", chunk)
        document.add_integer("every", 0)
        for field, terms in zip(FIELDS, parts, strict=True):
            document.add_text(field, terms)
        writer.add_document(document)


def _open(folder: Path) -> _Opened:
    index = tantivy.Index(_SCHEMA, str(folder), sort_by_field="id")
    index.config_reader("manual")  # else a thread per index watches its files
    index.reload()
    _, ids = _every(index.searcher())
    return _Opened(folder, index, np.sort(ids))


def _every(searcher: tantivy.Searcher) -> tuple[list[tantivy.DocAddress], ChunkIds]:
    """Where each live chunk stands, and its id."""
    if not searcher.num_docs:
        return [], np.empty(0, np.int64)
    hits = searcher.search(tantivy.Query.all_query(), searcher.num_docs, count=False).hits
    addresses = [address for _, address in hits]
    return addresses, np.array(searcher.fast_field_values("id", addresses), np.int64)


def _stored(searcher: tantivy.Searcher) -> Iterator[tuple[int, Sequence[str]]]:
    addresses, ids = _every(searcher)
    for address, chunk in zip(addresses, ids.tolist(), strict=True):
        document = searcher.doc(address)
        yield chunk, [str(document.get_first(field)) for field in FIELDS]


def _term(field: str, word: str) -> tantivy.Query:
    return tantivy.Query.term_query(_SCHEMA, field, word, "freq")


def _top(searcher: tantivy.Searcher, query: tantivy.Query, k: int, allowed: ChunkIds | None) -> list[Scored]:
    """The best k, fetched until the k-th is better than the last one fetched: then no tie is cut in two."""
    limit = k + SLACK if allowed is None else 4 * k
    while True:
        limit = min(limit, max(searcher.num_docs, 1))
        hits = searcher.search(query, limit, count=False).hits
        scores = np.array([score for score, _ in hits], np.float64)
        ids = np.array(searcher.fast_field_values("id", [address for _, address in hits]), np.int64)
        tolerance = TIE * float(scores[0]) if len(scores) else 0.0
        kept = np.isin(ids, allowed) if allowed is not None else np.ones(len(ids), np.bool_)
        exhausted = len(hits) < limit or limit == searcher.num_docs
        if exhausted or (kept.sum() >= k and scores[kept][k - 1] - scores[-1] > tolerance):
            return best(ids[kept], scores[kept], k)
        limit *= 4


def _link_all(source: Path, target: Path) -> None:
    """Segment files never change once written, so a second name is as good as a copy."""
    target.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        if file.suffix == ".lock":
            continue
        try:
            (target / file.name).hardlink_to(file)
        except OSError:  # another file system, or one without links
            shutil.copyfile(file, target / file.name)
