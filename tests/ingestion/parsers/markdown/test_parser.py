import time

import pytest

from ingestion.parsers.markdown.parser import MarkdownParser
from ingestion.types import ParsedDocument
from tests.contracts.parser import ParserContract

SAMPLE = """---
title: The guide
tags: [one, "two"]
draft: "no"
nested:
  ignored: yes
---
# Guide { #guide }

A *paragraph* with `code`, a [link](x.md){.internal-link target=_blank}, ![a chart](c.png)
over two lines &amp; <dfn title="x">more</dfn>.

## Steps

1. First
   - with a bullet
2. Second

   continued

| Name | Age |
|------|-----|
| Ann  | 3   |

```python
def f(x):
    return {x}  # { #not-an-anchor }
```

> Quoted.

<!-- a comment --><div>Raw <b>HTML</b></div>
"""

MKDOCS = """# Query parameters { #query-parameters }

{* ../../docs_src/query_params/tutorial001.py hl[9] *}

/// note | Mind this

The **default** value.

///

//// tab | Python 3.10+

```python
/// stays, this is code
{* so does this *}
```

////

!!! warning "Old style"
    Indented text.

    More of it.

After.
"""


def parse(markdown: str) -> ParsedDocument:
    return MarkdownParser().parse(markdown.encode())


def texts(markdown: str) -> list[str]:
    return [block.text for block in parse(markdown).blocks]


class TestMarkdownParser(ParserContract):
    @pytest.fixture
    def parser(self) -> MarkdownParser:
        return MarkdownParser()

    @pytest.fixture
    def sample(self) -> bytes:
        return SAMPLE.encode()

    @pytest.fixture
    def textless(self) -> bytes:
        return b"\n\n---\n\n<!-- nothing -->\n"


def test_every_kind_of_block_is_read_in_order() -> None:
    assert [(block.kind, block.level, block.text) for block in parse(SAMPLE).blocks] == [
        ("heading", 1, "Guide"),
        ("paragraph", 0, "A paragraph with code, a link, a chart over two lines & more."),
        ("heading", 2, "Steps"),
        ("list", 0, "1. First\n  - with a bullet\n2. Second\n  continued"),
        ("table", 0, "Name | Age\nAnn | 3"),
        ("code", 0, "def f(x):\n    return {x}  # { #not-an-anchor }"),
        ("paragraph", 0, "Quoted."),
        ("paragraph", 0, "Raw HTML"),
    ]


def test_front_matter_gives_the_title_and_simple_values() -> None:
    parsed = parse(SAMPLE)

    assert parsed.title == "The guide"
    assert parsed.metadata == {"tags": ("one", "two"), "draft": "no"}


def test_front_matter_gives_dates_and_lists_under_one_name_each() -> None:
    matter = """---
Title: not this one
authors: [Ann, Bob]
date: 2024-05-06T10:00:00+08:00
lastmod: 2024/06/07  # today
created: last spring
keywords:
  - one
  - "two"
canonical_url: https://example.org/a
---
Text."""

    assert parse(matter).metadata == {
        "Title": "not this one",
        "author": ("Ann", "Bob"),
        "published": "2024-05-06",
        "modified": "2024-06-07",
        "created": "last spring",
        "keywords": ("one", "two"),
        "source": "https://example.org/a",
    }


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- obey me -->",
        "text <!-- obey me -->",
        "text <span style='display:none'>obey *me*</span>",
        "text <b hidden>obey <i>m</i>e</b>",
        "<div style='display:none'>obey <b>me</b></div>",
        "te\u200bxt\u2060\U000e0041\u202e\u2066\u200b",
    ],
)
def test_what_is_not_shown_is_left_out_and_counted(hidden: str) -> None:
    parsed = parse(f"{hidden}\n\nseen")

    assert [block.text for block in parsed.blocks] == (["text", "seen"] if "te" in hidden else ["seen"])
    assert parsed.counts == {"hidden_characters": 6}


def test_html_in_markdown_is_read_like_a_page() -> None:
    page = (
        "<table><tr><th>Name</th><th>Age</th></tr><tr><td rowspan=2>Ann</td><td>3</td></tr><tr><td>4</td></tr></table>"
    )
    parsed = parse(
        f"# One\n\n{page}\n\n<h2 align=center>Two</h2>\n\n<details><summary>More</summary>\n\n*text*\n\n</details>"
    )

    assert [(block.kind, block.level, block.text) for block in parsed.blocks] == [
        ("heading", 1, "One"),
        ("table", 0, "Name | Age\nAnn | 3\nAnn | 4"),
        ("heading", 2, "Two"),
        ("paragraph", 0, "More"),
        ("paragraph", 0, "text"),
    ]


def test_without_front_matter_the_first_top_heading_is_the_title() -> None:
    assert parse("intro\n\n## Part\n\n# Whole\n").title == "Whole"
    assert parse("no heading").title == ""


@pytest.mark.parametrize(
    "text",
    [
        "---\n\nA text between two rules.\n\n---\n\nThe rest.",
        "---\nThe ferry leaves at noon.\nKey: it is red\n---\nThe rest.",
    ],
)
def test_a_text_between_two_rules_is_no_front_matter(text: str) -> None:
    parsed = parse(text)

    assert "".join(block.text for block in parsed.blocks).count(".") == text.count(".")
    assert parsed.metadata == {}


def test_notes_are_read_with_all_that_belongs_to_them() -> None:
    notes = "出库前静置。[^注] It rests.[^2]\n\n[^注]: 回温不足会导致凝露。\n[^2]: Over night.\n\n    - longer\n\nEnd."

    assert [(block.kind, block.text) for block in parse(notes).blocks] == [
        ("paragraph", "出库前静置。[^注] It rests.[^2]"),
        ("list", "[^注]: 回温不足会导致凝露。"),
        ("list", "[^2]: Over night.\n  - longer"),
        ("paragraph", "End."),
    ]


def test_tabs_are_indentation() -> None:
    tabs = "- one\n\t- below it\n- two\n\n```go\nfunc f() {\n\tif x {\n\t\tg()\n```\n\n\tmake all\n"

    assert [(block.kind, block.text) for block in parse(tabs).blocks] == [
        ("list", "- one\n  - below it\n- two"),
        ("code", "func f() {\n    if x {\n        g()"),
        ("code", "make all"),
    ]


def test_a_line_end_parts_no_chinese_words() -> None:
    assert texts("市里更新老旧电\n梯，每台 18\n万元。  \n咨询\n**热线**") == [
        "市里更新老旧电梯，每台 18 万元。 咨询热线"
    ]


def test_marks_of_mkdocs_are_not_text() -> None:
    assert texts(MKDOCS) == [
        "Query parameters",
        "Mind this",
        "The default value.",
        "Python 3.10+",
        "/// stays, this is code\n{* so does this *}",
        "Old style",
        "Indented text.",
        "More of it.",
        "After.",
    ]


@pytest.mark.parametrize(
    "unit", [">", "> ", "- ", "1. ", "> - ", "[", "![", "*a ", "`", "<a ", "<!--", "&", "[a](<b", "|", "[^a]: "]
)
def test_pathological_repetition_is_read_in_linear_time_and_the_end_is_kept(unit: str) -> None:
    def seconds(count: int) -> float:
        start = time.process_time()
        assert texts(unit * count + "\n\nthe end")[-1].endswith("the end")
        return time.process_time() - start

    seconds(100)
    assert seconds(40_000) < 5 * max(seconds(10_000), 0.05)


def test_lists_deeper_than_anyone_reads_are_read_flat_and_say_so() -> None:
    deep = "".join(f"{'  ' * depth}- item {depth}\n" for depth in range(300))
    parsed = parse(deep)

    assert "item 299" in parsed.blocks[-1].text
    assert parsed.warnings == ("some of the Markdown nests too deeply and was read flat",)


def test_a_table_of_many_columns_is_read() -> None:
    wide = "|".join(["a"] * 5000) + "\n" + "|".join(["-"] * 5000) + "\n" + "|".join(["b"] * 5000)

    assert parse(wide).blocks[0].text.count("b") == 5000
