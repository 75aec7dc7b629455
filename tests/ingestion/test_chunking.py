"""Chunks hold all text once, in order, within the window, and move little when the text is edited."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.chunking import chunk, document_language
from ingestion.types import Block, BlockKind, ChunkDraft, Page, ParsedDocument
from retrieval.types import Region

WINDOW = 60


def count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) + sum(character > "\u3000" for character in text) for text in texts]


def parsed(*blocks: Block, title: str = "Handbook") -> ParsedDocument:
    return ParsedDocument(title, blocks, (), {}, ())


def drafts_of(*blocks: Block, title: str = "Handbook") -> tuple[ChunkDraft, ...]:
    return chunk(parsed(*blocks, title=title), WINDOW, count_words)


def heading(text: str, level: int = 1) -> Block:
    return Block("heading", text, level)


def paragraph(text: str) -> Block:
    return Block("paragraph", text)


def sentence(rng: random.Random) -> str:
    return " ".join("".join(rng.choices("abcdefgh", k=5)) for _ in range(rng.randint(4, 14))).capitalize() + "."


def test_a_section_that_fits_is_one_chunk_under_its_headings() -> None:
    (draft,) = drafts_of(heading("Travel"), heading("Meals", 2), paragraph("Lunch is paid. Dinner too."))

    assert draft.headings == ("Handbook", "Travel", "Meals")
    assert draft.prefix == "Handbook > Travel > Meals\n"
    assert draft.text == "Lunch is paid. Dinner too."
    assert [draft.text[start:end] for start, end in draft.sentences] == ["Lunch is paid.", "Dinner too."]


def test_a_heading_without_text_below_it_is_kept_as_text() -> None:
    drafts = drafts_of(heading("Empty"), heading("Next"), paragraph("Words."), heading("Last"))

    assert [(draft.headings, draft.text) for draft in drafts] == [
        (("Handbook",), "Empty"),
        (("Handbook", "Next"), "Words."),
        (("Handbook",), "Last"),
    ]


def test_the_title_is_not_said_twice() -> None:
    (draft,) = drafts_of(heading("Handbook"), paragraph("Words."))

    assert draft.headings == ("Handbook",)


def test_a_table_is_cut_between_rows_only() -> None:
    rows = [f"row {i} | {i * 7} | some words to fill it" for i in range(30)]

    drafts = drafts_of(Block("table", "\n".join(rows)))

    assert len(drafts) > 1
    assert [row for draft in drafts for row in draft.text.splitlines()] == rows


def test_each_chunk_of_a_table_is_told_its_heads() -> None:
    heads = ["Sales by region", "Region | 2021 | 2022"]
    rows = [f"region {i} | {i * 7} | {i * 8} and some words" for i in range(30)]

    first, *others = drafts_of(heading("Sales"), Block("table", "\n".join([*heads, *rows])))

    assert first.headings == ("Handbook", "Sales")
    assert first.text.splitlines()[:2] == heads
    assert {draft.headings for draft in others} == {("Handbook", "Sales", *heads)}
    assert {draft.prefix for draft in others} == {"Handbook > Sales > Sales by region > Region | 2021 | 2022\n"}
    assert [row for draft in (first, *others) for row in draft.text.splitlines()] == [*heads, *rows]
    assert all(count_words([draft.prefix])[0] + draft.tokens <= WINDOW for draft in others)


def test_heads_that_leave_a_row_no_room_are_not_repeated() -> None:
    long = "a word and another " * 14

    *_, last = drafts_of(Block("table", f"Kind | What it is\n{long}| first\n{long}| second"))

    assert last.text == f"{long}| second"
    assert last.headings == ("Handbook",)


def test_a_sentence_that_no_chunk_can_hold_is_split_without_loss() -> None:
    words = [f"word{i}" for i in range(300)]

    drafts = drafts_of(paragraph(" ".join(words)))

    assert [word for draft in drafts for word in draft.text.split()] == words
    assert all(draft.tokens <= WINDOW for draft in drafts)


def test_regions_follow_their_text_into_the_chunk() -> None:
    first = Block("paragraph", "One two.", 0, (Region(0, 8, 1, (0, 0, 9, 9)),))
    second = Block(
        "paragraph", "Three four.", 0, (Region(0, 5, 1, (1, 1, 2, 2), recognised=True), Region(6, 11, 2, None))
    )

    (draft,) = drafts_of(first, second)

    assert [(draft.text[r.start : r.end], r.page, r.recognised) for r in draft.regions] == [
        ("One two.", 1, False),
        ("Three", 1, True),
        ("four.", 2, False),
    ]
    assert (draft.pages, draft.page_labels) == ((1, 2), ())


@pytest.mark.parametrize(
    ("labels", "expected"), [(("ix", None), ("ix", "2")), (("1", "2"), ()), ((None, None), ())], ids=str
)
def test_what_is_printed_on_the_pages_goes_with_the_chunk_unless_it_is_their_number(
    labels: tuple[str | None, ...], expected: tuple[str, ...]
) -> None:
    block = Block("paragraph", "One two.", 0, (Region(0, 3, 1, None), Region(4, 8, 2, None)))
    pages = tuple(Page(number, 612, 792, label) for number, label in enumerate(labels, 1))

    (draft,) = chunk(ParsedDocument("Handbook", (block,), pages, {}, ()), WINDOW, count_words)

    assert (draft.pages, draft.page_labels) == ((1, 2), expected)


def test_an_edit_in_a_long_section_changes_a_handful_of_chunks() -> None:
    rng = random.Random(7)
    paragraphs = [" ".join(sentence(rng) for _ in range(rng.randint(1, 6))) for _ in range(300)]
    before = {draft.key for draft in drafts_of(*map(paragraph, paragraphs))}
    paragraphs[150] = paragraphs[150].replace(" ", " one ", 1)
    after = {draft.key for draft in drafts_of(*map(paragraph, paragraphs))}

    assert len(before) > 100
    assert 1 <= len(after - before) <= 4


def test_the_document_speaks_the_language_of_most_of_its_text() -> None:
    drafts = drafts_of(
        heading("One"),
        paragraph("Short English."),
        heading("二"),
        paragraph("出差的员工每天可以报销一百五十元的餐费。" * 2),
    )

    assert drafts[1].language == "zh"
    assert document_language(drafts) == "zh"


@pytest.mark.parametrize("window", [12, 40, 254])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["heading", "paragraph", "list", "table", "code"]),
            st.text(alphabet="abc 今天。.!?\n|", min_size=1, max_size=200).filter(lambda text: bool(text.strip())),
            st.integers(1, 6),
        ),
        max_size=12,
    )
)
def test_chunks_hold_all_text_once_in_order_within_the_window(
    window: int, blocks: list[tuple[BlockKind, str, int]]
) -> None:
    made = tuple(Block(kind, text, level if kind == "heading" else 0) for kind, text, level in blocks)

    drafts = chunk(parsed(*made), window, count_words)

    body = "".join(block.text for block in made if block.kind != "heading")
    headings = "".join(block.text for block in made if block.kind == "heading")
    chunked = "".join("".join(draft.text.split()) for draft in drafts)
    said = chunked + "".join("".join(part.split()) for draft in drafts for part in draft.headings)
    assert is_subsequence("".join(body.split()), chunked)
    assert set("".join(headings.split())) <= set(said)
    for draft in drafts:
        assert draft.tokens + sum(count_words([draft.prefix])) <= window
        joined = "".join(draft.text[start:end] for start, end in draft.sentences)
        assert "".join(joined.split()) == "".join(draft.text.split())
        assert list(draft.sentences) == sorted(draft.sentences)


def is_subsequence(needle: str, hay: str) -> bool:
    letters = iter(hay)
    return all(letter in letters for letter in needle)


def test_a_word_without_end_is_no_chunk_without_end() -> None:
    drafts = drafts_of(paragraph("f" * 100_000), Block("code", "\n".join("0" * 1900 for _ in range(100))))

    assert max(len(draft.text) for draft in drafts) <= 32 * WINDOW
    assert sum(draft.text.count("f") for draft in drafts) == 100_000
    assert sum(draft.text.count("0") for draft in drafts) == 190_000


def test_no_text_is_counted_that_is_past_every_window() -> None:
    longest = 0

    def count(texts: Sequence[str]) -> list[int]:
        nonlocal longest
        longest = max(longest, *map(len, texts), 0)
        return count_words(texts)

    chunk(parsed(paragraph("word " * 50_000)), WINDOW, count)

    assert longest <= 32 * WINDOW


@pytest.mark.parametrize("at_once", [1, 3, 40])
def test_a_long_section_is_cut_the_same_however_much_of_it_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    rng = random.Random(7)
    blocks = [paragraph(" ".join(sentence(rng) for _ in range(rng.randint(1, 5)))) for _ in range(150)]
    whole = drafts_of(*blocks)

    monkeypatch.setattr("ingestion.chunking._BLOCKS", at_once)

    assert drafts_of(*blocks) == whole
    assert len(whole) > 40


@pytest.mark.parametrize("kind", ["paragraph", "table"])
def test_whoever_looks_on_hears_how_far_the_cutting_is_and_can_end_it(kind: BlockKind) -> None:
    rng = random.Random(7)
    whole = parsed(Block(kind, "\n".join(sentence(rng) for _ in range(1500))))
    shares: list[float] = []

    def look(share: float) -> None:
        shares.append(share)
        if len(shares) == ended_at:
            raise ZeroDivisionError

    ended_at = 0
    chunk(whole, WINDOW, count_words, look)
    looks = len(shares)
    assert looks > 1500
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.002
    assert shares[-1] > 0.95

    for ended_at in (looks // 6, looks // 2, looks - 1):  # while it is parted, weighed and drafted
        shares.clear()
        with pytest.raises(ZeroDivisionError):
            chunk(whole, WINDOW, count_words, look)
        assert len(shares) == ended_at
