from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.compression import GAP
from retrieval.context import heading, pack, shown
from retrieval.duplicates import VARIANTS
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.types import Hit, Place
from tests.builders import hit, source

EMBEDDER = HashingEmbedder()
QUERY = "Where do birds fly?"
BIRDS = "Birds fly south in autumn. They follow rivers. Geese fly by day."
TAX = "Tax is due in May. Late tax costs interest. Ask before you pay."
PLENTY = 10_000


def count(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def hits(*texts: str, query: str | None = QUERY) -> list[Hit]:
    return [hit(text, EMBEDDER, number, query=query) for number, text in enumerate(texts, start=1)]


def cost(label: int, found: Hit, text: str) -> int:
    return count([shown(label, found, text)])[0]


def test_passages_stand_in_the_order_of_the_hits_under_labels_from_1() -> None:
    context = pack(hits(BIRDS, TAX), QUERY, PLENTY, False, count)

    assert [(passage.label, passage.text) for passage in context.passages] == [(1, BIRDS), (2, TAX)]


def test_a_passage_is_shown_with_its_title_and_headings() -> None:
    found = hit(BIRDS, EMBEDDER, headings=("Guide", "Autumn"))

    assert shown(3, found, "Birds fly.") == "[3] Guide > Autumn\nBirds fly."
    assert heading(found) == "Guide > Autumn"


def test_headings_count_against_the_budget() -> None:
    found = hit(BIRDS, EMBEDDER, headings=("Birds in general",), query=QUERY)

    context = pack([found], QUERY, cost(1, found, BIRDS), False, count)

    assert context.tokens == cost(1, found, BIRDS) == sum(count(["[1] Guide > Birds in general", BIRDS]))
    assert context.passages[0].text == BIRDS


def test_the_last_passage_is_cut_at_a_sentence_around_the_best_one() -> None:
    first, last = hits(TAX, BIRDS)
    budget = cost(1, first, TAX) + cost(2, last, "Birds fly south in autumn. They follow rivers.")

    context = pack([first, last], QUERY, budget, False, count)

    assert [passage.text for passage in context.passages] == [TAX, "Birds fly south in autumn. They follow rivers."]
    assert context.passages[1].kept == (0, 1)
    assert context.tokens == budget


def test_nothing_is_packed_after_a_passage_that_was_cut() -> None:
    first, second, third = hits(BIRDS, TAX, "Hm.")
    budget = cost(1, first, BIRDS) + cost(2, second, "Tax is due in May.")

    assert len(pack([first, second, third], QUERY, budget, False, count).passages) == 2


def test_a_sentence_too_long_for_the_budget_makes_room_for_the_next_hit() -> None:
    long, short = hits("Birds " + "and birds " * 50 + "fly.", TAX)

    context = pack([long, short], QUERY, cost(1, short, TAX), False, count)

    assert [(passage.label, passage.text) for passage in context.passages] == [(1, TAX)]


def test_compression_is_counted_against_the_same_passages_whole() -> None:
    text = BIRDS + " Stones lie still. Kettles boil. Whales sing. Rivers bend."
    (found,) = hits(text)

    context = pack([found], QUERY, PLENTY, True, count)

    assert context.tokens < context.tokens_uncompressed == cost(1, found, text)
    assert "Birds fly south in autumn." in context.passages[0].text
    assert "Whales sing." not in context.passages[0].text


def test_compression_leaves_out_what_is_beside_the_point_after_the_first_three_and_counts_it_as_uncompressed() -> None:
    said = [BIRDS, TAX, "Kettles boil.", "Whales sing.", "Where do birds fly in winter? Birds fly to Africa."]
    found = hits(*said)

    context = pack(found, QUERY, PLENTY, True, count)

    assert [(passage.label, passage.hit.rank) for passage in context.passages] == [(1, 1), (2, 2), (3, 3), (4, 5)]
    assert context.tokens_uncompressed == sum(cost(1, each, text) for each, text in zip(found, said, strict=True))


@pytest.mark.parametrize(("named", "packed"), [("Orca Song", [1, 2, 3, 4]), ("Orca Songs", [1, 2, 3])])
def test_compression_spares_a_document_that_one_of_the_first_three_names(named: str, packed: list[int]) -> None:
    first, *others = hits(f"{BIRDS} Birds know the {named}.", TAX, "Kettles boil.", "Whales sing.")
    found = [first, *(replace(each, source=replace(each.source, id=f"doc_{each.rank}")) for each in others)]
    found[3] = replace(found[3], chunk=replace(found[3].chunk, headings=("Orca Song",)))

    context = pack(found, QUERY, PLENTY, True, count)

    assert [passage.hit.rank for passage in context.passages] == packed


def test_a_repeat_is_left_out() -> None:
    nearly = BIRDS.replace("autumn", "Autumn").replace("They", "they")

    context = pack(hits(BIRDS, nearly, BIRDS[:40], TAX), QUERY, PLENTY, False, count)

    assert [(passage.label, passage.text) for passage in context.passages] == [(1, BIRDS), (2, TAX)]


def test_what_differs_in_a_number_is_no_repeat() -> None:
    years = [
        f"The revenue of the company and of all that it owns was good in the year {year}." for year in (2023, 2024)
    ]

    assert len(pack(hits(*years), QUERY, PLENTY, False, count).passages) == 2


def test_a_chinese_repeat_is_left_out() -> None:
    text = "鸟儿在秋天飞向南方。它们沿着河流飞行。大雁白天飞行。"

    assert len(pack(hits(text, text, query=None), "鸟儿飞向哪里", PLENTY, False, count).passages) == 1


def test_without_hits_or_budget_the_context_is_empty() -> None:
    for context in (pack([], QUERY, PLENTY, True, count), pack(hits(BIRDS), QUERY, 2, True, count)):
        assert (context.passages, context.tokens, context.tokens_uncompressed) == ((), 0, 0)


words = st.sampled_from(["birds", "fly", "south", "rivers", "bend", "tax", "may", "kettle", "whales", "2023", "2024"])
sentences = st.lists(words, min_size=1, max_size=8).map(lambda said: " ".join(said).capitalize() + ".")
texts = st.lists(sentences, min_size=1, max_size=8).map(" ".join)


@given(st.lists(texts, max_size=6), st.integers(0, 120), st.booleans(), st.booleans())
def test_a_context_keeps_to_its_budget_its_labels_and_the_words_of_its_chunks(
    said: list[str], budget: int, compress: bool, dense: bool
) -> None:
    found = hits(*said, query=QUERY if dense else None)

    context = pack(found, QUERY, budget, compress, count)

    spent = sum(cost(passage.label, passage.hit, passage.text) for passage in context.passages)
    whole = sum(cost(passage.label, passage.hit, passage.hit.chunk.text) for passage in context.passages)
    assert spent == context.tokens <= budget
    assert whole == context.tokens_uncompressed or (compress and whole < context.tokens_uncompressed)
    assert [passage.label for passage in context.passages] == list(range(1, len(context.passages) + 1))
    ranks = [passage.hit.rank for passage in context.passages]
    assert ranks[:VARIANTS] == sorted(ranks[:VARIANTS])
    assert len(set(ranks)) == len(ranks)
    for passage in context.passages:
        spans = [passage.hit.chunk.sentences[place] for place in passage.kept]
        assert passage.text.replace(GAP, " ") == " ".join(passage.hit.chunk.text[start:end] for start, end in spans)
        assert list(passage.kept) == sorted(set(passage.kept))


@pytest.mark.parametrize("compress", [False, True])
def test_a_chunk_without_sentences_is_packed_whole_or_not_at_all(compress: bool) -> None:
    (found,) = hits("")

    assert len(pack([found], QUERY, PLENTY, compress, count).passages) == 1
    assert pack([found], QUERY, 1, compress, count).passages == ()


def test_the_places_of_what_was_left_out_as_a_repeat_are_kept() -> None:
    first, again, nearly, other = hits(BIRDS, BIRDS, BIRDS.replace("They", "they"), TAX)
    elsewhere = Place(source("c.md"), (7,))
    again = replace(again, source=source("b.md"), places=(elsewhere,))
    nearly = replace(nearly, source=source("d.md"))

    context = pack([first, again, nearly, other], QUERY, PLENTY, False, count)

    assert [[place.source.name for place in passage.hit.places] for passage in context.passages] == [
        ["b.md", "c.md", "d.md"],
        [],
    ]
    assert context.left_out == 2


def test_variants_in_numbers_alone_leave_room_for_what_says_something_else() -> None:
    variants = [f"Notice {number}: birds fly south in autumn along the rivers." for number in range(100, 130)]

    context = pack(hits(*variants, TAX, "Kettles boil water for tea."), QUERY, PLENTY, False, count, 6)

    assert [passage.text for passage in context.passages] == [
        *variants[:3],
        TAX,
        "Kettles boil water for tea.",
        variants[3],
    ]
    assert context.left_out == 3


def test_variants_are_all_packed_where_nothing_else_wants_the_room() -> None:
    years = [f"The revenue of the company was {year - 2000} million in the year {year}." for year in range(2015, 2023)]

    context = pack(hits(*years), QUERY, PLENTY, False, count, 10)

    assert [passage.text for passage in context.passages] == years
