from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.compression import GAP, Weighing, compress, excerpt, sentence_scores, whole
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.types import Hit
from tests.builders import chunk, hit

EMBEDDER = HashingEmbedder()
GUIDE = (
    "Kettles boil water. Whales sing at night. Tax is due in May. Late tax costs interest. "
    "Birds fly south. Rivers bend. Stones lie still."
)


def kept(text: str, query: str, *others: Hit, dense: bool = True) -> list[str]:
    """What is left of a first hit with that text, beside others."""
    found = hit(text, EMBEDDER, query=query if dense else None)
    return left_of(found, query, [found, *others])


def left_of(found: Hit, query: str, among: Sequence[Hit]) -> list[str]:
    chosen = compress(Weighing(query, among).of(found))
    if chosen is None:
        return []
    return [found.chunk.text[start:end] for start, end in (found.chunk.sentences[place] for place in chosen.kept)]


def test_the_best_sentence_is_kept_with_those_beside_it() -> None:
    assert kept(GUIDE, "Where do birds fly?") == [
        "Late tax costs interest.",
        "Birds fly south.",
        "Rivers bend.",
    ]


def test_a_second_sentence_that_comes_near_the_best_is_kept_wherever_it_stands() -> None:
    text = "Birds fly south. Rivers bend. Kettles boil. Whales sing. Stones lie still. Birds fly north."

    assert kept(text, "Where do birds fly?") == [
        "Birds fly south.",
        "Rivers bend.",
        "Birds fly north.",
    ]


def test_sentences_left_out_leave_a_mark_and_neighbours_stay_as_they_stand() -> None:
    found = chunk("One is here.\n\nTwo  is here. Three is here. Four is here.")

    assert excerpt(found, {3, 0, 1}).text == f"One is here.\n\nTwo  is here.{GAP}Four is here."


def test_without_similarities_shared_terms_decide() -> None:
    assert "Birds fly south." in kept(GUIDE, "birds", dense=False)
    assert len(kept(GUIDE, "birds", dense=False)) == 3


def test_chinese_terms_decide_as_well() -> None:
    text = "水壶会烧水。鲸鱼在夜里唱歌。税款五月到期。鸟儿飞向南方。河流弯曲。石头不动。"

    assert kept(text, "税款何时到期", dense=False) == [
        "鲸鱼在夜里唱歌。",
        "税款五月到期。",
        "鸟儿飞向南方。",
    ]


def test_a_chunk_of_which_nothing_matters_is_kept_whole() -> None:
    found = hit(GUIDE, EMBEDDER)

    assert compress(Weighing("zebra", [found]).of(found)) == whole(found.chunk)


def test_a_single_sentence_is_kept_whole() -> None:
    assert kept("Birds fly south.", "birds") == ["Birds fly south."]


def test_a_hit_with_nothing_near_the_best_sentence_of_all_is_left_out() -> None:
    query = "When is tax due in May?"
    taxes = hit("Tax is due in May. Kettles boil water.", EMBEDDER, 1, query=query)
    kettles = hit("Kettles boil water. Rivers bend.", EMBEDDER, 4, query=query)

    assert left_of(kettles, query, [kettles]) == ["Kettles boil water.", "Rivers bend."]
    assert left_of(kettles, query, [taxes, kettles]) == []
    assert "Tax is due in May." in left_of(taxes, query, [taxes, kettles])
    spared = compress(Weighing(query, [taxes, kettles]).of(kettles), spare=True)
    assert spared is not None
    assert spared.kept == (0, 1)


def test_sentences_are_compared_within_a_collection_and_among_those_that_a_model_judged() -> None:
    query = "When is tax due in May?"
    taxes = hit("Tax is due in May.", EMBEDDER, 1, query=query)
    kettles = hit("Kettles boil water in May. Rivers bend.", EMBEDDER, 4, query=query)
    elsewhere = replace(kettles, source=replace(kettles.source, collection="other"))

    assert left_of(kettles, query, [taxes, kettles]) == []
    assert left_of(elsewhere, query, [taxes, elsewhere]) != []
    assert left_of(replace(kettles, similarities=None), query, [taxes, replace(kettles, similarities=None)]) != []


def test_terms_in_the_headings_count_for_each_sentence_below_but_less_than_its_own() -> None:
    text, query = "Aspirin is taken at night. Rivers bend.", "aspirin dose"

    under_dose = sentence_scores(hit(text, EMBEDDER, headings=("Dose",)), query)
    bare = sentence_scores(hit(text, EMBEDDER), query)

    assert under_dose.tolist() == pytest.approx([0.85, 0.35])
    assert bare.tolist() == pytest.approx([0.5, 0])


def test_a_row_of_a_table_brings_its_header() -> None:
    rows = ["Name | Dose", *(f"Drug{number} | {number} mg" for number in range(20)), "Aspirin | 500 mg", "Zinc | 9 mg"]
    text = ". ".join(rows) + "."

    assert kept(text, "aspirin")[0] == "Name | Dose."


def test_a_sentence_scores_by_meaning_and_by_the_terms_it_shares() -> None:
    text, query = "Birds fly south. Rivers bend.", "birds fly"

    found = hit(text, EMBEDDER, query=query)
    near = sentence_scores(found, query)
    assert found.similarities is not None
    first, second = map(float, found.similarities)
    without = sentence_scores(hit(text, EMBEDDER), query)

    assert without.tolist() == [1, 0]
    assert near.tolist() == pytest.approx([0.3 + first, max(second, 0.0)])


def test_a_term_is_found_in_each_form_that_it_takes() -> None:
    said = [
        "Hoping helps.",
        "HOPES rise.",
        "Two 1,000 m runs.",
        "Set max_hope here.",
        "A Café there.",
        "HopeFactory does.",
        "Nothing of that.",
    ]
    found = hit(" ".join(said), EMBEDDER)

    scores = sentence_scores(found, "hope 1000 cafe")

    assert (scores > 0).tolist() == [True] * 6 + [False]


words = st.sampled_from(["birds", "fly", "south", "rivers", "bend", "tax", "may", "due", "kettle", "whales"])
sentences = st.lists(
    st.lists(words, min_size=1, max_size=6).map(lambda said: " ".join(said).title() + "."), max_size=12
)


@given(sentences, st.lists(words, max_size=4), st.booleans())
def test_what_is_kept_stands_in_the_chunk_in_order(said: list[str], query: list[str], dense: bool) -> None:
    found = hit(" ".join(said), EMBEDDER, query=" ".join(query) if dense else None)

    chosen = compress(Weighing(" ".join(query), [found]).of(found))

    assert chosen is not None
    assert list(chosen.kept) == sorted(set(chosen.kept))
    assert len(chosen.kept) >= min(2, len(said))
    at = 0
    for part in chosen.text.split(GAP):
        at = found.chunk.text.index(part, at) + len(part)
    for place in chosen.kept:
        start, end = found.chunk.sentences[place]
        assert found.chunk.text[start:end] in chosen.text
