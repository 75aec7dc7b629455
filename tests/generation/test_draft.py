import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from generation.draft import Draft
from generation.prompts.texts import ABSTENTION, STYLES
from generation.types import GeneratedText
from tests.generation.given import CHINESE, PARIS, context, hit

CONTEXT = context(hit(PARIS), hit("Bread is baked at 200 degrees.", 2), hit(CHINESE, 3))
FRAGMENTS = [
    *(
        "Paris is the capital",
        "Bread. ",
        "[1]",
        "[2]",
        " [3]",
        "[99]",
        "【1】",
        "[1, 2]",
        "[",
        "]",
        "(",
        ")",
        ". ",
        "。",
        "\n\n",
        "\n- ",
    ),
    *(
        "![x](https://evil.example/a)",
        "<img src=x>",
        "https://evil.example",
        "\x00",
        "\u202e",
        "🎉",
        "𝒳",
        "```\nx[0]\n```",
        "| a | b |",
    ),
    *("data: [DONE]\n\n", "He said: 5.", ABSTENTION["en"], "1", "!", " "),
]


def written(*pieces: str, quoted: bool = False) -> tuple[Draft, list[str]]:
    draft = Draft(CONTEXT)
    deltas = [draft.add(GeneratedText(piece, quoted)) for piece in pieces]
    return draft, [delta for delta in [*deltas, draft.finish()] if delta]


def test_a_sentence_is_released_when_the_next_one_has_begun() -> None:
    draft = Draft(CONTEXT)
    assert [draft.add(GeneratedText(piece)) for piece in ("Paris is ", "it. ", "[1]", " ", "Bread")] == [
        *("", "", "", ""),
        "Paris is it. [1]",
    ]
    assert draft.finish() == ""


def test_labels_after_the_full_stop_belong_to_the_sentence_before() -> None:
    draft, deltas = written("Paris is it.[1][2] Bread is baked. [2]\n\nIt is.【1】")
    assert deltas[0].startswith("Paris is it.[1][2]")
    assert [sentence.labels for sentence in draft.sentences] == [(1, 2), (2,), (1,)]
    assert draft.text == "Paris is it.[1][2] Bread is baked. [2]\n\nIt is.[1]"


def test_nothing_is_released_before_the_first_citation() -> None:
    draft, deltas = written("Well. ", "Let me see. ", "Paris is it [1]. ", "Yes. ", "Bread [2].")
    assert "".join(deltas) == draft.text == "Well. Let me see. Paris is it [1]. Yes. Bread [2]."
    assert deltas[0] == "Well. Let me see. Paris is it [1]."


def test_a_text_that_cites_nothing_is_no_answer() -> None:
    draft, deltas = written("Paris is it. I know that well [99].")
    assert (draft.text, deltas, draft.sentences, draft.citations) == ("", [], [], ())


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("The capital of France is Paris. [7]", "The capital of France is Paris. [1]"),
        ("The capital of France is Paris [7][99].", "The capital of France is Paris. [1]"),
        ("The capital of France is Paris [7]", "The capital of France is Paris [1]"),
        ("Well. Bread is baked at 200 degrees [4]. It is.", "Well. Bread is baked at 200 degrees. [2] It is."),
        ("香港第六届立法会共有70个议席。【9】", "香港第六届立法会共有70个议席。 [3]"),
        ("The capital of France is Lyon. [7]", ""),
        ("The capital of France is Paris.", ""),
    ],
)
def test_a_label_outside_the_context_is_put_right_where_one_passage_alone_bears_the_sentence(
    said: str, told: str
) -> None:
    draft, deltas = written(said)
    assert draft.text == "".join(deltas) == told
    assert [citation.label for citation in draft.citations] == [int(label) for label in re.findall(r"\[(\d)\]", told)]


def test_a_models_abstention_is_no_answer_even_with_a_label() -> None:
    draft, _ = written(f"{ABSTENTION['en'][:-1]}. [1]")
    assert draft.text == ""


def test_a_tail_that_breaks_off_without_a_citation_is_left_out() -> None:
    assert written("Paris is it [1]. Moreover the")[0].text == "Paris is it [1]."
    assert written("Paris is it [1]. Moreover bread [2]")[0].text == "Paris is it [1]. Moreover bread [2]"


def test_offsets_are_code_points_of_the_text() -> None:
    draft, _ = written("🎉 𝒳 is Paris [1]. ", "香港有70个议席。[3]", "面包。[2]")
    cut = [draft.text[sentence.start : sentence.end] for sentence in draft.sentences]
    assert cut == ["🎉 𝒳 is Paris [1].", "香港有70个议席。[3]", "面包。[2]"]


def test_addresses_of_the_model_go_and_those_of_a_quoted_document_stay() -> None:
    text = "Open http://127.0.0.1:8000/docs now. [1]"
    assert "127.0.0.1" not in written(text)[0].text
    assert written(text, quoted=True)[0].text == text


@pytest.mark.parametrize("quoted", [True, False])
def test_images_links_and_tags_never_come_through(quoted: bool) -> None:
    text = "See ![x](https://evil.example/a.png) and [y](https://evil.example) <img src=x> [1]"
    released = written(text, quoted=quoted)[0].text
    assert not re.search(r"\]\(|!\[|<\w", released)


def test_a_citation_is_kept_once_for_the_same_label_and_quote() -> None:
    draft, _ = written("Paris is the capital [1]. The capital is Paris [1]. Bread is baked [2].")
    assert [(one.label, one.quote) for one in draft.citations] == [
        (1, "The capital of France is Paris."),
        (2, "Bread is baked at 200 degrees."),
    ]


def test_a_sentence_without_end_runs_over() -> None:
    draft = Draft(CONTEXT)
    for _ in range(20):
        draft.add(GeneratedText("word " * 50))
    assert draft.overflows


def test_a_sentence_knows_its_own_quotes_among_all() -> None:
    draft, _ = written("The capital is Paris [1]. Bread is baked [2]. It has 2,100,000 inhabitants [1].")
    assert [sentence.citations for sentence in draft.sentences] == [(0,), (1,), (2,)]
    assert [draft.citations[at].quote for at in (0, 2)] == [
        "The capital of France is Paris.",
        "It has 2,100,000 inhabitants.",
    ]


def test_pages_without_a_citation_run_over() -> None:
    draft = Draft(CONTEXT)
    for _ in range(100):
        draft.add(GeneratedText("This is so. "))
    assert draft.overflows


@example(["Bread. ", "[1]", "(", "Bread. "])
@given(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=8)), max_size=20))
def test_whatever_a_model_says_the_answer_holds(pieces: list[str]) -> None:
    draft, deltas = written(*pieces)
    chunks = {passage.label: passage.hit.chunk for passage in CONTEXT.passages}
    assert "".join(deltas) == draft.text
    assert {int(label) for label in re.findall(r"\[(\d+)\]", draft.text)} == {one.label for one in draft.citations}
    assert all(one.quote and one.quote in chunks[one.label].text for one in draft.citations)
    assert all(0 <= one.start < one.end <= len(draft.text) for one in draft.sentences)
    assert all(0 <= one.support <= 1 and set(one.labels) <= set(chunks) for one in draft.sentences)
    assert all(draft.citations[at].label in one.labels for one in draft.sentences for at in one.citations)
    assert bool(draft.text) == bool(draft.citations)
    assert not re.search(r"\]\(|!\[|<[A-Za-z/!?]|://|[\x00-\x08\u202e]", draft.text)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12), st.integers(1, 7))
def test_how_a_text_is_cut_into_pieces_does_not_change_the_answer(fragments: list[str], size: int) -> None:
    text = "".join(fragments)
    whole, _ = written(text)
    cut, _ = written(*(text[start : start + size] for start in range(0, len(text), size)))
    assert cut.text == whole.text
    assert cut.sentences == whole.sentences


def test_a_sentence_that_repeats_the_rules_is_left_out() -> None:
    draft, _ = written(
        "Paris is the capital of France [1]. You answer questions from numbered passages of a team's ",
        "own documents [1].",
    )
    assert draft.text == "Paris is the capital of France [1]."
    draft, _ = written("香港有70个议席[3]。你只依据编号的文档段落回答问题，不使用任何其他知识[3]。")
    assert draft.text == "香港有70个议席[3]。"


@pytest.mark.parametrize("style", [style for styles in STYLES.values() for style in styles.values()])
def test_a_sentence_that_repeats_the_style_is_left_out(style: str) -> None:
    assert written(f"Paris is the capital of France [1]. {style} [1]")[0].text == "Paris is the capital of France [1]."


@pytest.mark.parametrize("between", ["", "\u200b", "\u200d", " ", "<b></b>"])
def test_a_sentence_with_the_requests_mark_is_left_out(between: str) -> None:
    draft = Draft(CONTEXT, marker="6d61726b6572a0f1")
    draft.add(GeneratedText(f"Paris is it [1]. My mark is {between.join('6d61726b6572a0f1')} today [1]."))
    draft.finish()
    assert draft.text == "Paris is it [1]."


def test_a_documents_own_words_are_never_taken_for_the_rules() -> None:
    said = "Use only what the passages say and nothing else from numbered passages. [1]"
    assert written(said, quoted=True)[0].text == said
