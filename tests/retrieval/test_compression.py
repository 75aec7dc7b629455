from hypothesis import given
from hypothesis import strategies as st

from retrieval.compression import GAP, compress, excerpt, sentence_scores, whole
from retrieval.embedders.hashing import HashingEmbedder
from tests.builders import chunk, hit

EMBEDDER = HashingEmbedder()
GUIDE = (
    "Kettles boil water. Whales sing at night. Tax is due in May. Late tax costs interest. "
    "Birds fly south. Rivers bend. Stones lie still."
)


def kept(text: str, query: str, *, dense: bool = True) -> list[str]:
    found = hit(text, EMBEDDER, query=query if dense else None)
    chosen = compress(found, query)
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

    assert compress(found, "zebra") == whole(found.chunk)


def test_a_single_sentence_is_kept_whole() -> None:
    assert kept("Birds fly south.", "birds") == ["Birds fly south."]


def test_a_row_of_a_table_brings_its_header() -> None:
    rows = ["Name | Dose", *(f"Drug{number} | {number} mg" for number in range(20)), "Aspirin | 500 mg", "Zinc | 9 mg"]
    text = ". ".join(rows) + "."

    assert kept(text, "aspirin")[0] == "Name | Dose."


def test_a_sentence_scores_by_meaning_and_by_the_terms_it_shares() -> None:
    text, query = "Birds fly south. Rivers bend.", "birds fly"

    near = sentence_scores(hit(text, EMBEDDER, query=query), query)
    without = sentence_scores(hit(text, EMBEDDER), query)

    assert without.tolist() == [0.30000001192092896, 0]
    assert near[0] > without[0]


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

    chosen = compress(found, " ".join(query))

    assert list(chosen.kept) == sorted(set(chosen.kept))
    assert len(chosen.kept) >= min(2, len(said))
    at = 0
    for part in chosen.text.split(GAP):
        at = found.chunk.text.index(part, at) + len(part)
    for place in chosen.kept:
        start, end = found.chunk.sentences[place]
        assert found.chunk.text[start:end] in chosen.text
