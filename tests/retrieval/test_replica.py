import errno
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval import follower
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.errors import SearchUnavailable, UnknownCollection
from retrieval.follower import CollectionIndexes
from retrieval.lexical_indexes.rank_bm25 import RankBM25Index
from retrieval.lexical_indexes.tantivy import TantivyIndex
from retrieval.ports import LexicalIndex, VectorIndex
from retrieval.replica import Replica
from retrieval.tokenizer import terms
from retrieval.types import ChunkIds, CollectionId, Head, IndexedText, Matrix
from retrieval.vector_indexes.faiss import FaissIndex
from tests.builders import Library
from tests.remains import holding

EMBEDDER = HashingEmbedder(32)
HOME, AWAY = CollectionId(1), CollectionId(2)
TEXTS = [f"{subject} {verb} here." for subject in ("Birds", "Whales", "Kettles", "Rivers") for verb in ("sing", "bend")]

LexicalBackend: TypeAlias = Callable[[Path], LexicalIndex]


def tantivy(folder: Path) -> LexicalIndex:
    return TantivyIndex(folder, terms)


def rank_bm25(_: Path) -> LexicalIndex:
    return RankBM25Index(terms)


class WatchedLibrary(Library):
    """Counts how many texts are read, and can be made to fail or to hold a reader up."""

    def __init__(self) -> None:
        super().__init__(EMBEDDER)
        self.read = 0
        self.down = False
        self.held = Event()
        self.held.set()

    def head(self, collection: CollectionId) -> Head:
        if self.down:
            raise ConnectionRefusedError("the database is down") from None
        return super().head(collection)

    def texts(self, ids: ChunkIds) -> list[IndexedText]:
        assert self.held.wait(20)
        self.read += len(ids)
        return super().texts(ids)


class Unembedded(WatchedLibrary):
    """Of which nobody knows yet how long its vectors are."""

    dim: int | None = None

    def head(self, collection: CollectionId) -> Head:
        return replace(super().head(collection), dim=self.dim)


def replica(
    library: Library,
    folder: Path,
    lexical: LexicalBackend = rank_bm25,
    vector: Callable[[int], VectorIndex] = FaissIndex,
    wait: float = 20,
    idle: float = 1000,
) -> Replica:
    return Replica(library, folder, vector, lexical, wait, idle)


@pytest.fixture
def library() -> WatchedLibrary:
    made = WatchedLibrary()
    made.create(HOME)
    return made


@pytest.fixture
def opened(library: WatchedLibrary, tmp_path: Path) -> Iterator[Replica]:
    made = replica(library, tmp_path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def snapshots_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "SNAPSHOT_SECONDS", 0.0)


def held(indexes: CollectionIndexes) -> list[int]:
    """What both indexes hold, which must be the same."""
    assert indexes.vector is not None
    assert indexes.vector.ids().tolist() == indexes.lexical.ids().tolist()
    return indexes.lexical.ids().tolist()


def found(indexes: CollectionIndexes, query: str) -> object:
    """All that a search can tell of the indexes."""
    assert indexes.vector is not None
    return indexes.lexical.search(query, 99), indexes.vector.search(EMBEDDER.embed_queries([query])[0], 99)


def snapshots(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder / "snapshots").as_posix() for path in folder.glob("snapshots/*/*"))


def test_what_was_published_is_held_at_the_next_search(library: WatchedLibrary, opened: Replica) -> None:
    assert held(opened.indexes(HOME)) == []

    library.publish(HOME, "birds.md", TEXTS[:3])
    assert held(opened.indexes(HOME)) == library.live_ids(HOME)

    library.publish(HOME, "birds.md", TEXTS[2:5])
    library.forget(HOME, "birds.md")
    library.publish(HOME, "whales.md", TEXTS[4:])
    indexes = opened.indexes(HOME)
    assert held(indexes) == library.live_ids(HOME)
    assert indexes.seq == library.head(HOME).seq


def test_a_chunk_shared_by_two_documents_stays_while_one_holds_it(library: WatchedLibrary, opened: Replica) -> None:
    library.publish(HOME, "one.md", TEXTS[:2])
    library.publish(HOME, "two.md", TEXTS[1:3])
    library.forget(HOME, "one.md")

    assert len(held(opened.indexes(HOME))) == 2


def test_collections_do_not_mix(library: WatchedLibrary, opened: Replica) -> None:
    library.create(AWAY)
    library.publish(HOME, "birds.md", TEXTS[:3])
    library.publish(AWAY, "birds.md", TEXTS[:3])

    assert held(opened.indexes(HOME)) == library.live_ids(HOME)
    assert held(opened.indexes(AWAY)) == library.live_ids(AWAY)


def test_a_search_of_what_has_not_changed_reads_the_head_alone(library: WatchedLibrary, opened: Replica) -> None:
    library.publish(HOME, "birds.md", TEXTS[:3])
    first = opened.indexes(HOME)

    assert opened.indexes(HOME) is first
    assert library.read == 3


def test_after_a_restart_the_snapshot_saves_the_reading(library: WatchedLibrary, tmp_path: Path) -> None:
    library.publish(HOME, "birds.md", TEXTS[:3])
    first = replica(library, tmp_path, tantivy)
    before = found(first.indexes(HOME), "birds")
    first.close()
    assert snapshots(tmp_path) == ["1-1/1"]
    assert list((tmp_path / "live").glob("*/*")) == []

    library.read = 0
    library.publish(HOME, "more.md", TEXTS[3:4])
    second = replica(library, tmp_path, tantivy)
    assert held(second.indexes(HOME)) == library.live_ids(HOME)
    assert library.read == 1
    library.forget(HOME, "more.md")
    after = found(second.indexes(HOME), "birds")
    second.close()
    assert after == before
    assert snapshots(tmp_path)[-1] == "1-1/3"


def test_two_processes_share_snapshots_and_nothing_else(library: WatchedLibrary, tmp_path: Path) -> None:
    library.publish(HOME, "birds.md", TEXTS[:3])
    one, other = replica(library, tmp_path, tantivy), replica(library, tmp_path, tantivy)
    one.indexes(HOME)
    other.indexes(HOME)
    one.close()
    library.publish(HOME, "more.md", TEXTS[3:])

    assert held(other.indexes(HOME)) == library.live_ids(HOME)
    other.close()


def flip_a_bit(folder: Path) -> None:
    file = next(folder.glob("snapshots/1-1/*/vector/vectors.npy"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def cut_short(folder: Path) -> None:
    file = next(folder.glob("snapshots/1-1/*/vector/ids.npy"))
    file.write_bytes(file.read_bytes()[:-8])


def swap_collections(folder: Path) -> None:
    (folder / "snapshots/1-1").rename(folder / "snapshots/kept")
    (folder / "snapshots/2-1").rename(folder / "snapshots/1-1")
    (folder / "snapshots/kept").rename(folder / "snapshots/2-1")


@pytest.mark.parametrize("damage", [flip_a_bit, cut_short, swap_collections])
def test_a_damaged_snapshot_is_deleted_and_the_index_rebuilt(
    library: WatchedLibrary, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    library.create(AWAY)
    library.publish(HOME, "birds.md", TEXTS[:3])
    library.publish(AWAY, "whales.md", TEXTS[3:6])
    first = replica(library, tmp_path)
    intact = {collection: found(first.indexes(collection), "birds") for collection in (HOME, AWAY)}
    first.close()
    damage(tmp_path)
    library.read = 0

    second = replica(library, tmp_path)
    assert {collection: found(second.indexes(collection), "birds") for collection in (HOME, AWAY)} == intact
    assert library.read >= 3
    second.close()
    assert snapshots(tmp_path) == ["1-1/1", "2-1/1"]


def test_a_snapshot_of_another_database_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    """The same ids at the same seq with other texts: a data folder whose database was made anew."""
    for texts in (TEXTS[:3], TEXTS[3:6]):
        library = Library(EMBEDDER)
        library.create(HOME)
        library.publish(HOME, "guide.md", texts)
        searched = replica(library, tmp_path)
        indexes = searched.indexes(HOME)
        assert indexes.vector is not None
        for number, text in enumerate(texts, start=1):
            assert indexes.vector.search(EMBEDDER.embed_queries([text])[0], 1)[0].id == number
        searched.close()


def test_a_snapshot_ahead_of_the_database_is_deleted(library: WatchedLibrary, tmp_path: Path) -> None:
    for document in ("a.md", "b.md", "c.md"):
        library.publish(HOME, document, TEXTS[:3])
    first = replica(library, tmp_path)
    first.indexes(HOME)
    first.close()
    restored = Library(EMBEDDER)
    restored.create(HOME)
    restored.publish(HOME, "a.md", TEXTS[:2])

    second = replica(restored, tmp_path)
    assert held(second.indexes(HOME)) == restored.live_ids(HOME)
    second.close()
    assert snapshots(tmp_path) == ["1-1/1"]


def test_a_database_put_back_while_it_is_served_is_followed(library: WatchedLibrary, opened: Replica) -> None:
    for number in range(4):
        library.publish(HOME, f"{number}.md", [TEXTS[number]])
    opened.indexes(HOME)
    of = library.collections[HOME]
    of.seq, of.changes, of.documents = 1, of.changes[:1], {"0.md": of.documents["0.md"]}

    assert held(opened.indexes(HOME)) == library.live_ids(HOME)


def test_a_number_of_another_generation_is_passed_over(library: WatchedLibrary, opened: Replica) -> None:
    library.publish(HOME, "birds.md", TEXTS[:3])
    opened.indexes(HOME)
    library.skip_seq(HOME)
    library.read = 0

    assert opened.indexes(HOME).seq == 2
    assert library.read == 0


def test_a_lost_change_is_noticed_and_the_index_rebuilt(library: WatchedLibrary, opened: Replica) -> None:
    library.publish(HOME, "birds.md", TEXTS[:3])
    opened.indexes(HOME)
    library.publish(HOME, "whales.md", TEXTS[3:6])
    del library.collections[HOME].changes[-1]
    library.publish(HOME, "rivers.md", TEXTS[6:7])

    assert held(opened.indexes(HOME)) == library.live_ids(HOME)


def test_a_new_generation_takes_over_and_the_old_ones_files_go(library: WatchedLibrary, tmp_path: Path) -> None:
    library.publish(HOME, "birds.md", TEXTS[:3])
    served = replica(library, tmp_path, tantivy)
    old = served.indexes(HOME)
    library.create(HOME, generation=2)
    library.publish(HOME, "birds.md", TEXTS[3:5])

    new = served.indexes(HOME)
    assert (new.generation, held(new)) == (2, library.live_ids(HOME))
    assert old.lexical.search("birds", 5)  # who was searching it still may
    served.close()
    assert snapshots(tmp_path) == ["1-2/2"]


def test_collections_of_different_embedders_are_each_indexed_by_their_own(
    library: WatchedLibrary, opened: Replica
) -> None:
    library.create(AWAY, embedder=HashingEmbedder(16))
    library.publish(AWAY, "birds.md", TEXTS[:3])
    library.publish(HOME, "birds.md", TEXTS[:2])

    away, home = opened.indexes(AWAY), opened.indexes(HOME)

    assert (away.fingerprint, home.fingerprint) == ("hashing:16", EMBEDDER.fingerprint)
    assert (held(away), held(home)) == (library.live_ids(AWAY), library.live_ids(HOME))


def test_before_anything_was_embedded_there_are_no_vectors_to_index(tmp_path: Path) -> None:
    """The length of a server's vectors is not known before the first."""
    library = Unembedded()
    library.create(HOME)
    served = replica(library, tmp_path)
    before = served.indexes(HOME)
    library.dim = EMBEDDER.dim
    library.publish(HOME, "birds.md", TEXTS[:2])

    after = served.indexes(HOME)

    assert (before.vector, before.lexical.ids().tolist()) == (None, [])
    assert held(after) == library.live_ids(HOME)
    served.close()


def test_a_collection_that_is_gone_is_unknown_and_leaves_nothing(library: WatchedLibrary, tmp_path: Path) -> None:
    library.publish(HOME, "birds.md", TEXTS[:3])
    served = replica(library, tmp_path)
    served.indexes(HOME)
    library.delete(HOME)

    with pytest.raises(UnknownCollection):
        served.indexes(HOME)
    served.close()
    assert snapshots(tmp_path) == []


def test_snapshots_of_a_collection_that_nobody_asks_for_any_more_go(library: WatchedLibrary, tmp_path: Path) -> None:
    for collection in (HOME, AWAY):
        library.create(collection)
        library.publish(collection, "birds.md", TEXTS[:3])
    first = replica(library, tmp_path)
    first.indexes(HOME)
    first.indexes(AWAY)
    first.close()
    library.delete(AWAY)

    second = replica(library, tmp_path)
    second.tidy()
    assert not (tmp_path / "snapshots" / "2-1").exists()
    second.close()
    assert snapshots(tmp_path) == ["1-1/1"]


def eventually(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        Event().wait(0.01)
    assert holds()


@pytest.mark.parametrize("is_open", [True, False])
def test_nothing_that_was_removed_stays_in_a_file(library: WatchedLibrary, tmp_path: Path, is_open: bool) -> None:
    library.publish(HOME, "birds.md", TEXTS)
    library.publish(HOME, "secret.md", ["The zyxquorvexil is hidden."])
    served = replica(library, tmp_path, tantivy)
    served.indexes(HOME)
    eventually(lambda: any("snapshots" in path for path in holding(tmp_path, "zyxquorvexil")))
    if not is_open:
        served.close()
        served = replica(library, tmp_path, tantivy)

    library.forget(HOME, "secret.md")
    served.tidy()

    eventually(lambda: holding(tmp_path, "zyxquorvexil") == [])
    eventually(lambda: snapshots(tmp_path) == ["1-1/3"])
    assert held(served.indexes(HOME)) == library.live_ids(HOME)
    served.close()


def test_files_are_rid_of_the_removed_now_and_then_and_at_the_end(
    library: WatchedLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.publish(HOME, "birds.md", TEXTS)
    served = replica(library, tmp_path, tantivy)
    served.indexes(HOME)
    for number in range(3):
        library.publish(HOME, "secret.md", [f"The zyxquorvexil{number} is hidden."])
        served.indexes(HOME)
        library.forget(HOME, "secret.md")
        served.indexes(HOME)
    served.close()
    assert snapshots(tmp_path) == ["1-1/7"]
    assert holding(tmp_path, "zyxquorvexil") == []

    monkeypatch.setattr(follower, "QUICKLY_PURGED", 0)
    served = replica(library, tmp_path, tantivy)
    library.publish(HOME, "birds.md", TEXTS[1:])
    served.indexes(HOME)
    served.close()  # without a new snapshot, whose making would keep the end waiting
    reopened = replica(library, tmp_path, tantivy)
    assert held(reopened.indexes(HOME)) == library.live_ids(HOME)
    reopened.close()


def test_what_the_database_says_when_it_is_down_is_passed_on(library: WatchedLibrary, opened: Replica) -> None:
    library.publish(HOME, "birds.md", TEXTS[:3])
    opened.indexes(HOME)
    library.down = True

    with pytest.raises(ConnectionRefusedError):
        opened.indexes(HOME)

    library.down = False
    assert held(opened.indexes(HOME)) == library.live_ids(HOME)


def test_while_another_thread_catches_up_the_older_state_serves(library: WatchedLibrary, tmp_path: Path) -> None:
    library.publish(HOME, "birds.md", TEXTS[:3])
    served = replica(library, tmp_path, wait=0.05)
    before = held(served.indexes(HOME))
    library.held.clear()
    library.publish(HOME, "whales.md", TEXTS[3:6])

    assert held(served.indexes(HOME)) == before
    library.held.set()
    eventually(lambda: held(served.indexes(HOME)) == library.live_ids(HOME))
    served.close()


def test_an_index_that_takes_long_to_open_is_unavailable_meanwhile(
    library: WatchedLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.replica.OPEN_SECONDS", 0.05)
    library.publish(HOME, "birds.md", TEXTS[:3])
    library.held.clear()
    served = replica(library, tmp_path, wait=0)

    with pytest.raises(SearchUnavailable, match="being built"):
        served.indexes(HOME)

    library.held.set()
    monkeypatch.undo()
    eventually(lambda: held(served.indexes(HOME)) == library.live_ids(HOME))
    served.close()


def test_many_threads_that_ask_at_once_open_an_index_once(library: WatchedLibrary, tmp_path: Path) -> None:
    library.publish(HOME, "birds.md", TEXTS)
    served = replica(library, tmp_path, tantivy)

    def ask(_: int) -> list[int]:
        return held(served.indexes(HOME))

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(16)))
    served.close()

    assert answers == [library.live_ids(HOME)] * 16
    assert library.read == len(TEXTS)


def test_searches_go_on_while_changes_come_in(library: WatchedLibrary, tmp_path: Path) -> None:
    library.publish(HOME, "always.md", ["Birds fly south."])
    served = replica(library, tmp_path, tantivy)
    stop = Event()

    def search() -> int:
        searches = 0
        while not stop.is_set():
            indexes = served.indexes(HOME)
            assert indexes.vector is not None
            assert indexes.lexical.search("birds south", 3)[0].id == 1
            assert indexes.vector.search(EMBEDDER.embed_queries(["Birds fly south."])[0], 1)[0].id == 1
            searches += 1
        return searches

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(search) for _ in range(3)]
        for number in range(15):
            library.publish(HOME, f"{number % 4}.md", [f"Text {number} of rivers.", TEXTS[number % 8]])
            served.indexes(HOME)
        stop.set()
        assert all(search.result() for search in running)
    assert held(served.indexes(HOME)) == library.live_ids(HOME)
    served.close()


class FullDisk(FaissIndex):
    """Can be searched, but no snapshot fits."""

    def save(self, folder: Path) -> None:
        super().save(folder)
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_costs_the_snapshot_and_no_search(library: WatchedLibrary, tmp_path: Path) -> None:
    served = replica(library, tmp_path, tantivy, FullDisk)
    for number in range(3):
        library.publish(HOME, f"{number}.md", [TEXTS[number]])
        assert held(served.indexes(HOME)) == library.live_ids(HOME)
    served.close()

    assert snapshots(tmp_path) == []
    assert list((tmp_path / "live").glob("*/*")) == []


class Broken(FaissIndex):
    """Takes nothing any more once it is told to break."""

    broken = False

    def add(self, ids: ChunkIds, vectors: Matrix) -> None:
        if type(self).broken:
            raise RuntimeError("out of memory")
        super().add(ids, vectors)


def test_an_index_that_takes_nothing_serves_what_it_has(
    library: WatchedLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = replica(library, tmp_path, vector=Broken)
    library.publish(HOME, "birds.md", TEXTS[:3])
    served.indexes(HOME)
    monkeypatch.setattr(Broken, "broken", True)
    library.publish(HOME, "whales.md", TEXTS[3:])

    assert served.indexes(HOME).seq == 1
    monkeypatch.setattr(Broken, "broken", False)
    assert held(served.indexes(HOME)) == library.live_ids(HOME)
    served.close()


def test_an_index_that_cannot_be_opened_is_unavailable(
    library: WatchedLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Broken, "broken", True)
    library.publish(HOME, "birds.md", TEXTS[:3])
    served = replica(library, tmp_path, tantivy, vector=Broken)

    with pytest.raises(SearchUnavailable, match="cannot be opened"):
        served.indexes(HOME)

    assert list((tmp_path / "live").glob("*/*")) == []
    served.close()


def test_what_nobody_asks_for_is_closed_and_opened_again(library: WatchedLibrary, tmp_path: Path) -> None:
    library.create(AWAY)
    library.publish(HOME, "birds.md", TEXTS[:3])
    opened: list[VectorIndex] = []

    def counted(dim: int) -> VectorIndex:
        opened.append(FaissIndex(dim))
        return opened[-1]

    served = replica(library, tmp_path, vector=counted, idle=0.01)
    served.indexes(HOME)
    Event().wait(0.05)
    served.indexes(AWAY)
    served.tidy()
    eventually(lambda: snapshots(tmp_path)[:1] == ["1-1/1"])
    library.read = 0

    assert held(served.indexes(HOME)) == library.live_ids(HOME)
    assert library.read == 0  # from the snapshot
    assert len(opened) == 3
    served.close()


def test_a_discarded_index_is_opened_anew(library: WatchedLibrary, opened: Replica) -> None:
    library.publish(HOME, "birds.md", TEXTS[:3])
    first = opened.indexes(HOME)
    opened.discard(HOME)

    assert opened.indexes(HOME) is not first
    assert held(opened.indexes(HOME)) == library.live_ids(HOME)


def test_after_the_end_there_is_no_search(library: WatchedLibrary, tmp_path: Path) -> None:
    served = replica(library, tmp_path)
    served.indexes(HOME)
    served.close()
    served.close()

    with pytest.raises(SearchUnavailable, match="shutting down"):
        served.indexes(HOME)


document = st.sampled_from(["a.md", "b.md", "c.md"])
texts = st.lists(st.sampled_from(TEXTS), max_size=4, unique=True)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), document, texts),
        st.tuples(st.just("forget"), document),
        st.tuples(st.sampled_from(["search", "restart", "kill", "damage", "skip", "lose", "generation"])),
    ),
    min_size=2,
    max_size=14,
)


@pytest.mark.parametrize(("lexical", "examples"), [(rank_bm25, 60), (tantivy, 12)])
def test_any_history_replayed_in_any_way_equals_a_rebuild(
    tmp_path_factory: pytest.TempPathFactory, lexical: LexicalBackend, examples: int
) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.nested_given])
    @given(steps)
    def replayed(history: list[tuple[str, ...]]) -> None:
        folder = tmp_path_factory.mktemp("replay")
        library = Library(EMBEDDER)
        library.create(HOME)
        served = replica(library, folder, lexical)
        for step in [*history, ("search",)]:
            match step:
                case ("publish", name, said):
                    library.publish(HOME, name, said)
                case ("forget", name):
                    library.forget(HOME, name)
                case ("generation",):
                    library.create(HOME, library.head(HOME).generation + 1)
                case ("skip",):
                    library.skip_seq(HOME)
                case ("lose",):
                    # What a log that was cut short looks like: read, at the earliest, after a restart.
                    served.close()
                    library.collections[HOME].changes.clear()
                    served = replica(library, folder, lexical)
                case ("search",):
                    assert held(served.indexes(HOME)) == library.live_ids(HOME)
                case ("restart",):
                    served.close()
                    served = replica(library, folder, lexical)
                case ("kill",):
                    killed, served = served, replica(library, folder, lexical)
                    killed.discard(HOME)
                    killed.close()
                case _:
                    served.close()
                    for file in folder.glob("snapshots/*/*/vector/ids.npy"):
                        file.write_bytes(np.zeros(9, np.int64).tobytes())
                    served = replica(library, folder, lexical)
        rebuilt = replica(library, tmp_path_factory.mktemp("rebuilt"), lexical)
        if lexical is rank_bm25:
            assert found(served.indexes(HOME), "birds sing") == found(rebuilt.indexes(HOME), "birds sing")
        assert held(served.indexes(HOME)) == held(rebuilt.indexes(HOME))
        served.close()
        rebuilt.close()

    replayed()
