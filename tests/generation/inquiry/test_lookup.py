from dataclasses import replace

import numpy as np

from generation.inquiry.lookup import Finding, merged
from retrieval.types import Condition, Hit, SearchResult
from tests.generation.given import SCOPE, SearchByQuery, hit, lookup

ONE, TWO, THREE = (hit(text, rank) for rank, text in enumerate(("First text.", "Second text.", "Third text."), start=1))


def finding(*hits: Hit) -> Finding:
    return Finding("query", "asked", SearchResult(hits, {}, ()), 0.0, 0.0)


def test_every_search_has_the_scope_and_the_filter_of_the_asker() -> None:
    condition = Condition("metadata.year", "eq", 2024)
    search = SearchByQuery({"a": (ONE,)})
    bound = lookup(search, (condition,))
    found = bound.find("search", "a", 5)
    bound.deeper([found], 50)
    assert search.asked == [("a", SCOPE, (condition,))] * 2
    assert found.result.hits == (ONE,)


def test_what_a_search_was_narrowed_to_still_holds_deeper_and_beside_the_asker_s_filter() -> None:
    theirs, ours = Condition("metadata.year", "eq", 2024), Condition("document.id", "in", ("doc_1",))
    search = SearchByQuery({"a": (ONE,)})
    bound = lookup(search, (theirs,))
    found = bound.find("document", "a", 5, (ours,))
    bound.deeper([found], 50)
    assert search.asked == [("a", SCOPE, (theirs, ours))] * 2


def test_what_two_queries_find_comes_before_what_one_finds() -> None:
    first, second = finding(ONE, TWO), finding(replace(THREE, rank=1), TWO)
    merged_hits = merged([first, second], 10)
    assert merged_hits[0].chunk.id == TWO.chunk.id
    assert [each.rank for each in merged_hits] == list(range(1, len(merged_hits) + 1))


def test_what_one_query_finds_first_comes_before_what_two_find_far_down() -> None:
    runs = [[replace(hit(f"{run}{rank}", 10 * run + rank), rank=rank) for rank in range(1, 8)] for run in (1, 2)]
    order = [each.chunk.text for each in merged([finding(*run, hit("shared", 8)) for run in runs], 20)]
    assert order[:2] == ["11", "21"]
    assert "shared" in order[2:]


def test_one_query_alone_keeps_its_own_order_and_scores() -> None:
    assert merged([finding(TWO, ONE)], 1) == (TWO,)


def test_a_sentence_is_as_near_as_it_is_to_the_nearest_query() -> None:
    text = "A first sentence. A second one."
    near = merged([finding(hit(text, near=(0.9, 0.1))), finding(hit(text, near=(0.2, 0.8)))], 1)[0].similarities
    assert near is not None
    assert np.allclose(near, (0.9, 0.8))


def test_what_the_question_found_only_fills_up_beside_documents_searched_by_themselves() -> None:
    findings = [
        replace(finding(ONE, TWO), kind="question"),
        replace(finding(replace(THREE, rank=1)), kind="document"),
        replace(finding(replace(TWO, rank=1)), kind="document"),
    ]
    assert [each.chunk.id for each in merged(findings, 10)] == [each.chunk.id for each in (TWO, THREE, ONE)]
    assert [each.chunk.id for each in merged(findings, 2)] == [TWO.chunk.id, THREE.chunk.id]


def test_a_sentence_of_a_document_searched_by_itself_is_as_near_as_to_both_queries_in_the_mean() -> None:
    text = "A first sentence. A second one."
    asked = replace(finding(hit(text, near=(0.9, 0.1), score=0.9)), kind="question")
    own = replace(finding(hit(text, near=(0.2, 0.8), score=0.4)), kind="document")
    (joined,) = merged([asked, own], 1)
    assert joined.similarities is not None
    assert np.allclose(joined.similarities, (0.55, 0.45))
    assert joined.scores.final == 0.4


def test_a_hit_that_no_model_knows_has_no_similarity_to_either_query() -> None:
    asked = replace(finding(hit("Text.", near=None)), kind="question")
    assert merged([asked, replace(asked, kind="document")], 1)[0].similarities is None


def test_a_query_in_a_language_that_no_model_knows_takes_no_similarity_away() -> None:
    (joined,) = merged([finding(hit("Text.", near=None)), finding(hit("Text.", near=0.7))], 1)
    assert joined.similarities is not None
