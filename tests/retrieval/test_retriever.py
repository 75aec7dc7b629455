import errno
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.embedders.hashing import HashingEmbedder
from retrieval.errors import IndexDamaged, ModelUnavailable, RerankerUnavailable, SearchUnavailable
from retrieval.fusion import DENSE_WEIGHT, leaned, ranked
from retrieval.lexical_indexes.rank_bm25 import RankBM25Index
from retrieval.lexical_indexes.tantivy import TantivyIndex
from retrieval.naming import NAMED
from retrieval.ports import LexicalIndex, Reranker, VectorIndex
from retrieval.replica import Replica
from retrieval.rerankers.sentence import SentenceReranker
from retrieval.retriever import Retriever
from retrieval.sides import STAGES
from retrieval.tokenizer import terms
from retrieval.types import (
    ChunkId,
    ChunkIds,
    CollectionId,
    Condition,
    Filter,
    Matrix,
    PassageEmbedding,
    PassageInput,
    PlacedChunk,
    Scope,
    Scored,
    SearchMode,
    SearchResult,
    Vector,
)
from retrieval.vector_indexes.faiss import FaissIndex
from tests.builders import Known, Library

HOME, AWAY = CollectionId(1), CollectionId(2)
SCOPE = Scope(frozenset({HOME}))
BOTH = Scope(frozenset({HOME, AWAY}))
ONLY_B: Filter = (Condition("document.id", "eq", "b.md"),)
BIRDS = "Birds fly south in autumn. They follow rivers."
TAX = "Tax is due in May. Late tax costs interest."
KETTLES = "Kettles boil water. They whistle."


class WatchedEmbedder(HashingEmbedder):
    """Knows English alone, counts the queries that it is asked to embed, and can be out of order."""

    def __init__(self, dim: int = 64) -> None:
        super().__init__(dim)
        self.queries: list[str] = []
        self.broken = False

    @property
    def languages(self) -> frozenset[str]:
        return frozenset({"en"})

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        if self.broken:
            raise ModelUnavailable("no model: choose another with OPENBOOK_EMBEDDER")
        self.queries += texts
        return super().embed_queries(texts)

    def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageEmbedding]:
        return HashingEmbedder(self.dim).embed_passages(passages)


class WatchedVectors(FaissIndex):
    failure: Exception | None = None
    searches = 0

    def search(self, vector: Vector, k: int, allowed: ChunkIds | None = None) -> list[Scored]:
        type(self).searches += 1
        if self.failure:
            raise self.failure
        return super().search(vector, k, allowed)


class WatchedTerms(RankBM25Index):
    failure: Exception | None = None
    searches = 0

    def search(self, query: str, k: int, allowed: ChunkIds | None = None) -> list[Scored]:
        type(self).searches += 1
        if self.failure:
            raise self.failure
        return super().search(query, k, allowed)


@dataclass
class World:
    library: Library
    embedder: WatchedEmbedder
    retriever: Retriever

    def search(
        self, query: str, k: int = 3, scope: Scope = SCOPE, filter: Filter = (), mode: SearchMode = "hybrid"
    ) -> SearchResult:
        return self.retriever.search(query, scope, k, filter, mode)


def vectors(dim: int) -> VectorIndex:
    return WatchedVectors(dim)


def lexical(_: Path) -> LexicalIndex:
    return WatchedTerms(terms)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for watched in (WatchedVectors, WatchedTerms):
        monkeypatch.setattr(watched, "failure", None)
        monkeypatch.setattr(watched, "searches", 0)
    embedder = WatchedEmbedder()
    library = Library(embedder)
    library.create(HOME)
    library.publish(HOME, "a.md", [BIRDS, KETTLES])
    library.publish(HOME, "b.md", [TAX])
    followed = Replica(library, tmp_path, vectors, lexical, 20, 1000)
    yield World(library, embedder, Retriever(Known(embedder), library, followed, SentenceReranker()))
    followed.close()


def texts(result: SearchResult) -> list[str]:
    return [hit.chunk.text for hit in result.hits]


def test_the_chunk_that_the_query_is_about_is_the_first_hit(world: World) -> None:
    result = world.search("When is tax due?")

    assert texts(result)[0] == TAX
    assert [hit.rank for hit in result.hits] == list(range(1, len(result.hits) + 1))
    assert result.hits[0].source.name == "b.md"
    assert result.degraded == ()
    assert result.hits[0].similarities is not None


def test_a_hit_has_its_score_of_each_stage(world: World) -> None:
    world.retriever = replace(world.retriever, candidates=1)
    found = world.search("tax on kettles", k=3).hits
    hits = {hit.chunk.text: hit.scores for hit in found}
    by_id = {hit.chunk.id: hit.scores for hit in found}

    best = max(scores.lexical or 0 for scores in hits.values())
    weight = leaned(
        DENSE_WEIGHT,
        ranked(Scored(key, scores.lexical) for key, scores in by_id.items() if scores.lexical is not None),
        ranked(Scored(key, scores.dense) for key, scores in by_id.items() if scores.dense is not None),
    )
    for scores in hits.values():
        assert scores.dense is not None
        assert scores.fused == pytest.approx(
            (1 - weight) * (scores.lexical or 0) / best + weight * max(scores.dense, 0)
        )
    assert hits[BIRDS].lexical is None
    assert all(scores.reranked is not None for scores in hits.values())


def test_what_one_side_alone_brought_up_is_scored_by_the_other_too(world: World) -> None:
    """With room for one candidate a side, the terms find kettles first and the vectors something else."""
    retriever = replace(world.retriever, candidates=1)
    query = "tax tax tax interest whistle"

    few = retriever.search(query, SCOPE, 1).hits
    many = world.search(query, k=3).hits

    assert {(hit.chunk.id, hit.scores.lexical, hit.scores.dense) for hit in few} <= {
        (hit.chunk.id, hit.scores.lexical, hit.scores.dense) for hit in many
    }


def test_the_reranked_score_blends_in_the_best_sentence(world: World) -> None:
    hit = world.search("When is tax due?").hits[0]

    assert hit.similarities is not None
    best = float(max(hit.similarities))
    assert 0.1 < best < 1
    assert hit.scores.reranked == pytest.approx(0.7 * hit.scores.fused + 0.3 * best, abs=1e-3)


def test_without_reranking_the_fused_order_stands(world: World) -> None:
    hits = world.retriever.search("When is tax due?", SCOPE, 3, rerank=False).hits

    assert [hit.scores.reranked for hit in hits] == [None] * len(hits)
    assert [hit.scores.fused for hit in hits] == sorted((hit.scores.fused for hit in hits), reverse=True)


def test_a_document_that_the_query_calls_by_its_name_gains(world: World) -> None:
    (kept,) = world.library.publish(HOME, "c.md", ["They whistle over rivers."])
    unnamed, named = ("Samovars of Tula",), ("Samovar",)

    def fused(headings: tuple[str, ...]) -> float:
        home, chunk = world.library.chunks[kept]
        world.library.chunks[kept] = home, replace(chunk, headings=headings)
        hits = world.search("Is tax due for a samovar?", k=4, mode="dense").hits
        return next(hit.scores.fused for hit in hits if hit.chunk.id == kept)

    assert fused(named) - fused(unnamed) == pytest.approx(NAMED)


def test_of_documents_called_by_the_same_words_the_one_of_which_less_is_found_gains_less(world: World) -> None:
    many = world.library.publish(HOME, "c.md", [f"Tax is due in {month}." for month in ("May", "June", "July")])
    (one,) = world.library.publish(HOME, "d.md", ["Tax is due in August."])

    def fused(title: str) -> float:
        for kept, headings in (*((each, (title,)) for each in many), (one, ("Samovar plans 2022",))):
            home, chunk = world.library.chunks[kept]
            world.library.chunks[kept] = home, replace(chunk, headings=headings)
        hits = world.search("When was tax due for Samovar in 2022?", k=7, mode="dense").hits
        return next(hit.scores.fused for hit in hits if hit.chunk.id == one)

    assert fused("Samovar report 2022") < fused("Pottery") - 0.01


def test_every_stage_says_how_long_it_took(world: World) -> None:
    timings = world.search("When is tax due?").timings_ms

    assert tuple(timings) == STAGES
    assert all(timings[stage] > 0 for stage in STAGES)
    assert timings["hydrate"] < timings["total"]


def test_lexical_search_asks_neither_the_embedder_nor_the_vectors(world: World) -> None:
    result = world.search("tax", mode="lexical")

    assert texts(result) == [TAX]
    assert result.hits[0].similarities is None
    assert (world.embedder.queries, WatchedVectors.searches) == ([], 0)
    assert result.hits[0].scores.reranked is None


def test_dense_search_does_not_ask_the_terms(world: World) -> None:
    result = world.search("tax", mode="dense")

    assert texts(result)[0] == TAX
    assert WatchedTerms.searches == 0
    assert {hit.scores.lexical for hit in result.hits} == {None}


def test_a_query_asked_twice_is_embedded_once(world: World) -> None:
    world.search("When is tax due?")
    world.search("When is tax due?")

    assert world.embedder.queries == ["When is tax due?"]


def test_in_a_script_that_the_embedder_does_not_know_the_terms_alone_decide(world: World) -> None:
    world.library.publish(HOME, "zh.md", ["税款五月到期。", "鸟儿飞向南方。", "水壶会烧水。"])

    hybrid, lexical = (world.search("税款何时到期", mode=mode) for mode in ("hybrid", "lexical"))

    assert texts(hybrid) == texts(lexical)
    assert texts(hybrid)[0] == "税款五月到期。"
    assert world.embedder.queries == []
    assert hybrid.degraded == ()


def test_a_dense_search_in_an_unknown_script_is_not_reranked_by_its_noise(world: World) -> None:
    result = world.search("税款何时到期", mode="dense")

    assert world.embedder.queries == ["税款何时到期"]
    assert [hit.similarities for hit in result.hits] == [None] * len(result.hits)
    assert {hit.scores.reranked for hit in result.hits} <= {None}


def test_an_empty_scope_finds_nothing_and_asks_no_model(world: World) -> None:
    result = world.search("tax", scope=Scope(frozenset()))

    assert (result.hits, world.embedder.queries) == ((), [])


def test_a_filter_that_lets_nothing_through_asks_no_model(world: World) -> None:
    nowhere: Filter = (Condition("document.id", "eq", "nowhere.md"),)

    assert world.search("tax", filter=nowhere).hits == ()
    assert world.embedder.queries == []


@pytest.mark.parametrize("mode", ["hybrid", "lexical", "dense"])
def test_a_filter_sifts_before_the_ranking(world: World, mode: SearchMode) -> None:
    """However many better chunks there are elsewhere, the one that passes is found."""
    world.library.publish(HOME, "a.md", [f"Birds fly south, bird {number}." for number in range(200)])
    world.library.publish(HOME, "b.md", ["Some birds."])
    world.retriever = replace(world.retriever, candidates=10)

    assert texts(world.search("birds fly south", k=5, filter=ONLY_B, mode=mode)) == ["Some birds."]


def test_only_collections_in_scope_are_searched(world: World) -> None:
    world.library.create(AWAY)
    world.library.publish(AWAY, "secret.md", ["Tax is due in May, secretly."])

    assert "secret.md" not in {hit.source.name for hit in world.search("tax", k=10).hits}
    assert {hit.source.name for hit in world.search("tax", k=10, scope=BOTH).hits} >= {"secret.md", "b.md"}
    assert {hit.source.name for hit in world.search("tax", scope=Scope(frozenset({AWAY}))).hits} == {"secret.md"}


def test_hits_of_several_collections_are_ranked_by_score_together(world: World) -> None:
    world.library.create(AWAY)
    world.library.publish(AWAY, "noise.md", ["Whales sing of tax once."])

    assert texts(world.search("When is tax due?", scope=BOTH))[0] == TAX


def test_a_collection_deleted_since_the_scope_was_made_is_passed_over(world: World) -> None:
    assert texts(world.search("When is tax due?", scope=BOTH))[0] == TAX


def test_what_the_database_no_longer_holds_is_no_hit(world: World) -> None:
    world.search("tax")
    indexes = world.retriever.replica.indexes(HOME)
    world.library.forget(HOME, "b.md")
    world.retriever = replace(world.retriever, replica=Stale(indexes))  # pyright: ignore[reportArgumentType]

    assert TAX not in texts(world.search("When is tax due?"))


@dataclass(frozen=True)
class Stale:
    """A replica that does not catch up."""

    found: object

    def indexes(self, collection: CollectionId) -> object:
        return self.found


def test_dead_candidates_make_room_for_living_ones(world: World) -> None:
    world.library.publish(HOME, "old.md", [f"Birds fly south, bird {number}." for number in range(30)])
    world.library.publish(HOME, "a.md", ["Birds stay.", "Birds sing.", "Birds rest."])
    stale = Stale(world.retriever.replica.indexes(HOME))
    world.library.forget(HOME, "old.md")
    world.retriever = replace(world.retriever, replica=stale, candidates=10)  # pyright: ignore[reportArgumentType]

    assert set(texts(world.search("birds fly south", k=3))) == {"Birds stay.", "Birds sing.", "Birds rest."}


FAILURES = [IndexDamaged("terms"), OSError(errno.EIO, "disk"), RuntimeError("faiss"), ValueError("tantivy")]


@pytest.mark.parametrize("failure", FAILURES)
def test_without_the_vectors_the_terms_answer_and_say_so(
    world: World, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    monkeypatch.setattr(WatchedVectors, "failure", failure)

    result = world.search("tax")

    assert (texts(result), result.degraded) == ([TAX], ("dense",))


@pytest.mark.parametrize("failure", FAILURES)
def test_without_the_terms_the_vectors_answer_and_say_so(
    world: World, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    monkeypatch.setattr(WatchedTerms, "failure", failure)

    result = world.search("When is tax due?")

    assert (texts(result)[0], result.degraded) == (TAX, ("lexical",))


def test_without_a_model_the_terms_answer_and_say_so(world: World) -> None:
    world.embedder.broken = True

    result = world.search("tax")

    assert (texts(result), result.degraded, result.hits[0].similarities) == ([TAX], ("dense",), None)


@pytest.mark.parametrize("mode", ["hybrid", "lexical", "dense"])
def test_with_neither_side_there_is_no_search(world: World, monkeypatch: pytest.MonkeyPatch, mode: SearchMode) -> None:
    world.embedder.broken = True
    monkeypatch.setattr(WatchedTerms, "failure", OSError(errno.EIO, "disk"))

    with pytest.raises(SearchUnavailable, match=r"OPENBOOK_EMBEDDER|lexical search: does not answer$"):
        world.search("tax", mode=mode)


def test_a_damaged_index_is_opened_anew_for_the_next_search(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.retriever.replica.indexes(HOME)
    monkeypatch.setattr(WatchedTerms, "failure", IndexDamaged("terms"))
    world.search("tax")
    monkeypatch.setattr(WatchedTerms, "failure", None)

    assert world.search("tax").degraded == ()
    assert world.retriever.replica.indexes(HOME).lexical is not before.lexical


def test_a_collection_whose_embedder_cannot_be_had_is_searched_by_terms(world: World) -> None:
    world.library.create(AWAY, embedder=HashingEmbedder(32))
    world.library.publish(AWAY, "away.md", ["Tax is owed in June."])

    result = world.search("When is tax due?", scope=BOTH)

    assert result.degraded == ("dense",)
    assert texts(result)[0] == TAX
    (away,) = [hit for hit in result.hits if hit.source.name == "away.md"]
    assert (away.scores.dense, away.scores.reranked, away.similarities) == (None, None, None)
    assert result.hits[0].similarities is not None
    with pytest.raises(SearchUnavailable, match="hashing:32: not to be had"):
        world.search("tax", scope=Scope(frozenset({AWAY})), mode="dense")


def test_collections_of_two_embedders_answer_one_query_each_by_its_own_vectors(world: World) -> None:
    other = WatchedEmbedder(32)
    world.retriever = replace(world.retriever, embedders=Known(world.embedder, other))
    world.library.create(AWAY, embedder=other)
    world.library.publish(AWAY, "away.md", ["Tax is owed in June.", "Whales sing."])

    result = world.search("When is tax due?", k=10, scope=BOTH)

    assert result.degraded == ()
    assert world.embedder.queries == other.queries == ["When is tax due?"]
    assert texts(result)[:2] == [TAX, "Tax is owed in June."]
    assert {hit.source.name for hit in result.hits if hit.scores.dense is not None} >= {"away.md", "b.md"}
    for hit in result.hits:
        assert hit.similarities is not None
        assert len(hit.similarities) == len(hit.chunk.sentences)


def test_the_scale_of_a_models_cosines_does_not_decide_between_collections(world: World) -> None:
    """An embedder that finds all texts alike, and no word of the query in its collection."""
    flat = Flat()
    world.retriever = replace(world.retriever, embedders=Known(world.embedder, flat))
    world.library.create(AWAY, embedder=flat)
    world.library.publish(AWAY, "away.md", [f"Whale number {number} sings." for number in range(9)])

    result = world.search("Gardens, mountains, rockets, rivers, whistles, autumn and tax", k=2, scope=BOTH)

    first, second = result.hits
    assert (first.chunk.text, second.source.name) == (TAX, "away.md")
    assert (first.scores.dense or 1) < 0.5 < 0.99 < (second.scores.dense or 0)
    assert first.scores.reranked == pytest.approx(0.7 * first.scores.fused + 0.3)  # its sentence is its model's best


class Flat(HashingEmbedder):
    """Finds every text very near to every other."""

    def __init__(self) -> None:
        super().__init__(16)

    def embed_queries(self, texts: Sequence[str]) -> Matrix:
        vectors = super().embed_queries(texts)
        vectors[:, 0] += 9
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def _vector(self, text: str) -> Vector:
        vector = super()._vector(text)
        vector[0] += 9
        return (vector / np.linalg.norm(vector)).astype(np.float32)


@dataclass(frozen=True)
class Backwards(Reranker):
    """Prefers what has the higher id, or is not there."""

    weight: float = 1.0
    failure: Exception | None = None
    most: int | None = None

    def scores(self, query: str, query_vector: Vector | None, candidates: Sequence[PlacedChunk]) -> list[float]:
        if self.failure:
            raise self.failure
        return [one.chunk.id / 1000 for one in candidates]


def test_the_rerankers_weight_decides_how_much_it_says(world: World) -> None:
    world.retriever = replace(world.retriever, reranker=Backwards())

    assert [hit.chunk.id for hit in world.search("birds").hits] == [3, 2, 1]


def test_what_a_reranker_does_not_judge_stands_after_what_it_does(world: World) -> None:
    fused = [hit.chunk.id for hit in world.retriever.search("birds fly south", SCOPE, 3, rerank=False).hits]
    world.retriever = replace(world.retriever, reranker=Backwards(most=2))

    hits = world.search("birds fly south").hits

    assert [hit.chunk.id for hit in hits] == [*sorted(fused[:2], reverse=True), fused[2]]
    assert [hit.scores.reranked for hit in hits[1:]] == [min(fused[:2]) / 1000, 0]


@pytest.mark.parametrize("failure", [RerankerUnavailable("no server"), RuntimeError("CUDA")])
def test_without_the_reranker_the_fused_order_stands_and_says_so(world: World, failure: Exception) -> None:
    fused = world.retriever.search("When is tax due?", SCOPE, 3, rerank=False)
    world.retriever = replace(world.retriever, reranker=Backwards(failure=failure))

    result = world.search("When is tax due?")

    assert (texts(result), result.degraded) == (texts(fused), ("rerank",))


def test_without_a_reranker_there_is_no_second_score(world: World) -> None:
    world.retriever = replace(world.retriever, reranker=None)

    assert {hit.scores.reranked for hit in world.search("tax").hits} == {None}


def test_a_search_by_terms_imports_no_torch() -> None:
    loaded = "import sys, retrieval.retriever; print('torch' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True)

    assert said.stdout.strip() == "False"


words = st.lists(st.sampled_from(["birds", "fly", "tax", "due", "kettles", "税款", "到期"]), min_size=1, max_size=4)
documents = st.dictionaries(
    st.sampled_from(["a.md", "b.md", "c.md"]), st.lists(words.map(" ".join), max_size=4, unique=True), max_size=3
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("found")


@settings(max_examples=15, deadline=None)
@given(
    documents,
    documents,
    st.sets(st.sampled_from(["a.md", "b.md", "c.md"])),
    words,
    st.integers(1, 12),
    st.sampled_from([(), ONLY_B]),
    st.sampled_from(["hybrid", "lexical", "dense"]),
    st.sampled_from([SCOPE, BOTH, Scope(frozenset({AWAY})), Scope(frozenset())]),
)
def test_hits_are_distinct_ranked_and_only_what_the_database_gives(
    folders: Path,
    home: dict[str, list[str]],
    away: dict[str, list[str]],
    forgotten: set[str],
    query: list[str],
    k: int,
    filter: Filter,
    mode: SearchMode,
    scope: Scope,
) -> None:
    embedder = WatchedEmbedder()
    library = Library(embedder)
    for collection, published in ((HOME, home), (AWAY, away)):
        library.create(collection)
        for name, said in published.items():
            library.publish(collection, name, said)
    followed = Replica(library, folders, FaissIndex, lambda folder: TantivyIndex(folder, terms), 20, 1000)
    for collection in (HOME, AWAY):
        followed.indexes(collection)
    for name in forgotten:
        library.forget(HOME, name)

    result = Retriever(Known(embedder), library, followed, SentenceReranker(), candidates=2).search(
        " ".join(query), scope, k, filter, mode
    )

    ids = [hit.chunk.id for hit in result.hits]
    scores = [hit.scores.fused if hit.scores.reranked is None else hit.scores.reranked for hit in result.hits]
    followed.close()
    assert len(ids) == len(set(ids)) <= k
    assert scores == sorted(scores, reverse=True)
    assert {placed.chunk.id for placed in library.placed(ids, scope, filter)} == set(ids)
    every = [ChunkId(int(number)) for collection in scope.collections for number in library.allowed(collection, filter)]
    if mode == "dense":
        assert len(ids) == min(k, len(set(every)))
