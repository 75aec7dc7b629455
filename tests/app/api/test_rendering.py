"""Answers as trees: Markdown becomes a closed set of kinds, citations and sentences are found again."""

from itertools import chain
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it.token import Token

from app.api import rendering
from app.api.rendering import GrowingText, Kind, Node, rendered


def dumped(
    text: str, labels: tuple[int, ...] = (), sentences: tuple[tuple[int, int], ...] = ()
) -> list[dict[str, Any]]:
    return [node.model_dump() for node in rendered(text, labels, sentences)]


def text(words: str, **more: int) -> dict[str, Any]:
    return {"kind": "text", "text": words, **more}


def words_of(nodes: list[Node]) -> str:
    """All that the leaves say."""
    return "".join((node.text or "") + words_of(node.children or []) for node in nodes)


def kinds_of(nodes: list[Node]) -> set[str]:
    return {node.kind for node in nodes} | set(chain(*(kinds_of(node.children or []) for node in nodes)))


def test_only_known_labels_are_citations() -> None:
    assert dumped("It melts [1], says [7].", (1,)) == [
        {"kind": "paragraph", "children": [text("It melts "), {"kind": "citation", "label": 1}, text(", says [7].")]}
    ]


def test_each_leaf_knows_its_sentence() -> None:
    answer = "Gallium **melts** [1].\nIt boils."
    assert dumped(answer, (1,), ((0, 22), (23, 32))) == [
        {
            "kind": "paragraph",
            "children": [
                text("Gallium ", sentence=0),
                {"kind": "strong", "children": [text("melts", sentence=0)]},
                text(" ", sentence=0),
                {"kind": "citation", "label": 1, "sentence": 0},
                text(".", sentence=0),
                {"kind": "break"},
                text("It boils.", sentence=1),
            ],
        }
    ]


def test_blocks_keep_their_kind() -> None:
    answer = "## Head\n\n1. one\n2. two\n\n- dot\n\n> said\n\n---\n\n```py\nif a < b:\n```\n"
    assert [(node.kind, node.level, node.start, node.text) for node in rendered(answer, ())] == [
        ("heading", 2, None, None),
        ("list", None, 1, None),
        ("list", None, None, None),
        ("quote", None, None, None),
        ("rule", None, None, None),
        ("code", None, None, "if a < b:\n"),
    ]


@pytest.mark.parametrize("formula", ["$a*b*c$", r"\(x_1 * y_2\)", r"\[\sum_i x_i\]", "$$\n\\frac{a}{b}\n$$"])
def test_a_formula_is_one_text(formula: str) -> None:
    (paragraph,) = rendered(f"Thus {formula} holds.", ())
    assert [(leaf.kind, leaf.text) for leaf in paragraph.children or []][1] == ("formula", formula)


def test_prices_are_no_formula() -> None:
    assert kinds_of(rendered("It costs $5 or $7 a day.", ())) == {"paragraph", "text"}


def test_rows_of_a_quoted_table_become_a_table() -> None:
    answer = "Limits per night. [1]\nWhere | Hotel [1]\nParis | 190 euros [1]"
    paragraph, table = rendered(answer, (1,))
    assert (paragraph.kind, table.kind) == ("paragraph", "table")
    assert [[words_of([cell]) for cell in row.children or []] for row in table.children or []] == [
        ["Where", "Hotel "],
        ["Paris", "190 euros "],
    ]


def test_one_line_with_a_bar_is_a_line() -> None:
    assert dumped("this | that") == [{"kind": "paragraph", "children": [text("this"), text(" | "), text("that")]}]


@pytest.mark.parametrize(
    "hostile",
    [
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "![pixel](http://evil.example/p.png)",
        "<http://evil.example>",
        "&lt;script&gt;",
        "[a]: http://evil.example\n[a]",
    ],
)
def test_what_is_no_markdown_of_ours_stays_text(hostile: str) -> None:
    nodes = rendered(hostile, ())
    assert kinds_of(nodes) <= {"paragraph", "text", "break"}
    assert words_of(nodes) == hostile.replace("\n", "")


@given(st.text(alphabet="ab *_`#>-|[]1$\\()\n.中", max_size=200))
def test_any_text_becomes_a_tree_of_known_kinds(words: str) -> None:
    assert kinds_of(rendered(words, (1,), ((0, len(words)),))) <= set(get_args(Kind))


PIECES = st.sampled_from(
    [*"ab *_`$|>#-\n是", "\n\n", "- x", "1. z", "a | b", "|-|-|", "-|-", "\n    in", "```", "[1]", "---"]
)


@given(st.lists(PIECES, max_size=30))
def test_a_growing_text_has_at_each_piece_the_tree_of_all_the_text_so_far(pieces: list[str]) -> None:
    growing, so_far, nodes = GrowingText((1,)), "", list[Node]()
    for piece in pieces:
        so_far += piece
        grown = growing.grow(piece)
        assert grown is not None
        nodes[grown.kept :] = grown.nodes
        assert nodes == rendered(so_far, (1,))


def test_of_a_long_answer_each_word_is_rendered_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    characters: list[int] = []
    parse = rendering._PARSER.parse  # pyright: ignore[reportPrivateUsage]

    def counted(text: str) -> list[Token]:
        characters.append(len(text))
        return parse(text)

    monkeypatch.setattr(rendering._PARSER, "parse", counted)  # pyright: ignore[reportPrivateUsage]
    for parting in ("\n\n", "\n", " "):
        growing, sentences = GrowingText((1,)), [f"{parting}The {n}th clause says so. [1]" for n in range(1000)]
        characters.clear()
        last = [grown for grown in map(growing.grow, sentences) if grown is not None][-1]
        whole = "".join(sentences)
        assert sum(characters) < 12 * len(whole), parting
        assert last.nodes[-1].kind == "paragraph"


def test_a_long_paragraph_waits_until_it_has_grown_by_a_part() -> None:
    growing = GrowingText(())
    assert growing.grow("word " * 200) is not None
    assert growing.grow("word ") is None
    grown = growing.grow("word " * 25)
    assert grown is not None
    assert words_of(grown.nodes) == "word " * 225 + "word"


def test_what_follows_a_long_paragraph_does_not_wait() -> None:
    growing = GrowingText(())
    growing.grow("word " * 200)
    assert [growing.grow(piece) is None for piece in ("\n\n- one", "\n- two", "\n\nthen", " more")] == [False] * 4
