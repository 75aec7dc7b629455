import json
import socket
from typing import NoReturn

import pytest

from ingestion.parsers.html.parser import HtmlParser
from ingestion.types import ParsedDocument
from tests.contracts.parser import ParserContract

SENTENCE = "This paragraph says something at some length, so that nobody takes it for a menu. "
PAGE = f"""<!DOCTYPE html><html lang="en"><head><title>The page - The site</title>
<meta name="author" content="Ann Lee"><meta property="article:published_time" content="2023-05-06"></head>
<body><nav><a href="/">Home</a> <a href="/shop">Shop</a></nav><div class="cookie-banner">We use cookies</div>
<main><article><h1>The page</h1><p>{SENTENCE * 4}</p><h2>First &amp; last</h2>
<ul><li>one<ul><li>inner</li></ul></li><li>two</li></ul><ol><li>first</li><li>second</li></ol>
<table><tr><th>Name</th><th>Age</th></tr><tr><td>Ann</td><td>3</td></tr></table>
<pre><code>def f(x):
    return x
</code></pre><p>{SENTENCE * 8}</p></article></main>
<footer>All rights reserved</footer></body></html>"""


def parse(html: str, encoding: str = "utf-8") -> ParsedDocument:
    return HtmlParser().parse(html.encode(encoding))


class TestHtmlParser(ParserContract):
    @pytest.fixture
    def parser(self) -> HtmlParser:
        return HtmlParser()

    @pytest.fixture
    def sample(self) -> bytes:
        return PAGE.encode()

    @pytest.fixture
    def textless(self) -> bytes:
        return b"<html><body><script>document.write('x')</script><img src=x></body></html>"


def test_the_main_text_is_read_and_the_rest_of_the_page_is_not() -> None:
    assert [(block.kind, block.level, block.text) for block in parse(PAGE).blocks] == [
        ("heading", 1, "The page"),
        ("paragraph", 0, (SENTENCE * 4).strip()),
        ("heading", 2, "First & last"),
        ("list", 0, "- one\n  - inner\n- two"),
        ("list", 0, "1. first\n2. second"),
        ("table", 0, "Name | Age\nAnn | 3"),
        ("code", 0, "def f(x):\n    return x"),
        ("paragraph", 0, (SENTENCE * 8).strip()),
    ]


def test_the_page_tells_its_author_dates_subject_keywords_and_address() -> None:
    told = """<meta property="article:modified_time" content="2023-06-07T08:09:10Z">
        <meta name="keywords" content="one, two; two"><meta property="article:section" content="Science">
        <link rel="canonical" href="https://example.org/page">"""
    parsed = parse(PAGE.replace("<title>", told + "<title>"))

    assert parsed.title == "The page"
    assert parsed.metadata == {
        "author": "Ann Lee",
        "modified": "2023-06-07",
        "published": "2023-05-06",
        "subject": "Science",
        "keywords": ("one", "two"),
        "source": "https://example.org/page",
        "language": "en",
    }


def test_linked_data_tells_what_the_page_does_not() -> None:
    graph = {
        "@graph": [
            {"@type": "WebSite", "name": "Site"},
            {
                "@type": "Article",
                "datePublished": "2024-02-29T10:00:00+01:00",
                "dateModified": "2024-03-01",
                "author": [{"name": "Bob"}, {"name": "Eve"}],
            },
        ]
    }
    page = f'<script type="application/ld+json">{json.dumps(graph)}</script><p>{SENTENCE * 3}</p>'

    assert parse(page).metadata == {"author": "Bob", "modified": "2024-03-01", "published": "2024-02-29"}


@pytest.mark.parametrize("said", ["yesterday", "2023-13-45", "0000", "2023", "[]"])
def test_a_date_that_is_none_is_not_told(said: str) -> None:
    assert parse(f'<meta name="date" content="{said}"><p>{SENTENCE * 3}</p>').metadata == {}


def test_what_is_left_out_of_a_page_is_counted() -> None:
    parsed = parse(PAGE.replace("<footer>", "<p style='display:none'>four</p><footer>a\u200bb "))

    assert parsed.counts == {"boilerplate_blocks": 3, "hidden_characters": 5}


DOCUMENTATION = f"""<html><body><nav><ul><li><a href="/a">Chapter one</a></li></ul></nav>
<main><h1>sort</h1><pre><code>def sort(items, *, key=None)</code></pre><p>Sorts.<a href="#x">¶</a></p>
<h2>Parameters <a href="#parameters">§</a></h2>
<dl><dt>items</dt><dd>What to sort.</dd><dt>key</dt><dd>By what.</dd></dl>
<h2>See also</h2><ul><li><a href="/reverse">reverse</a></li></ul><p>{SENTENCE * 6}</p></main>
<div class="sidebar"><p>{SENTENCE}</p></div><footer>{SENTENCE}</footer></body></html>"""


def test_a_page_with_code_is_documentation_and_loses_nothing_of_its_main_part() -> None:
    assert [(block.kind, block.text) for block in parse(DOCUMENTATION).blocks] == [
        ("heading", "sort"),
        ("code", "def sort(items, *, key=None)"),
        ("paragraph", "Sorts."),
        ("heading", "Parameters"),
        ("list", "- items\n  What to sort.\n- key\n  By what."),
        ("heading", "See also"),
        ("list", "- reverse"),
        ("paragraph", (SENTENCE * 6).strip()),
    ]


def test_where_too_little_is_found_all_is_read_but_the_furniture() -> None:
    tiles = "".join(
        f"<div><div><span>Model {n}</span><div>Weighs {n} kg and costs {n}0 euros.</div></div></div>" for n in range(60)
    )
    texts = [block.text for block in parse(f"<body><nav>Home</nav><div>{tiles}</div><footer>Imprint</footer>").blocks]

    assert texts == [text for n in range(60) for text in (f"Model {n}", f"Weighs {n} kg and costs {n}0 euros.")]


def test_text_in_an_element_of_the_pages_own_making_stays_in_its_sentence() -> None:
    page = "<p>Seen in one study (<x-source><a href='/1'>1</a></x-source>).</p><x-card><p>Another.</p></x-card>"

    assert [block.text for block in parse(page).blocks] == ["Seen in one study (1).", "Another."]


def test_cells_that_span_others_are_said_in_each_row_and_column() -> None:
    table = """<table><caption>Sales</caption><tr><th rowspan=2>Region</th><th colspan=2>2023</th></tr>
        <tr><th>Q1</th><th>Q2</th></tr><tr><td rowspan=2>North</td><td>1</td><td>2</td></tr>
        <tr><td>3</td><td>4</td></tr><tr><td colspan=3>All in millions</td></tr></table>"""

    assert parse(table).blocks[0].text == (
        "Sales\nRegion | 2023 | 2023\nRegion | Q1 | Q2\nNorth | 1 | 2\nNorth | 3 | 4\nAll in millions"
    )


def test_a_table_keeps_its_rows_when_a_cell_holds_a_list_or_a_table() -> None:
    table = """<table><tr><td>Name</td><td>Parts</td></tr>
        <tr><td>Pump</td><td><ul><li>valve</li><li>seal</li></ul></td></tr>
        <tr><td>Tank</td><td><table><tr><td>wall</td><td>lid</td></tr></table></td></tr></table>"""

    assert [(block.kind, block.text) for block in parse(table).blocks] == [
        ("table", "Name | Parts\nPump | valve seal\nTank | wall lid")
    ]


def test_spans_past_all_reason_do_not_make_a_large_table_of_a_small_page() -> None:
    row = "<tr>" + "<td colspan=1000 rowspan=60000>cell</td>" * 20 + "</tr>"

    assert len(parse(f"<table>{row * 500}</table>").blocks[0].text) < 2_000_000


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("10<sup>6</sup> m<sup>2</sup>, the 1<sup>st</sup>", "10^6 m^2, the 1st"),
        ("as shown<sup><a href='#n'>12</a></sup> by H<sub>2</sub>O", "as shown[12] by H2O"),
        ("<ruby>東京<rt>とうきょう</rt></ruby>", "東京"),
        ("so <math alttext='x^{2}'><msup><mi>x</mi><mn>2</mn></msup></math> is", "so x^{2} is"),
        ("a <math><mi>b</mi><mo>+</mo><mi>c</mi></math> d", "a b+c d"),
        ("line one<br>line two", "line one line two"),
    ],
)
def test_what_only_its_looks_would_tell_is_written(html: str, text: str) -> None:
    assert [block.text for block in parse(f"<p>{html}</p>").blocks] == [text]


def test_two_line_breaks_part_paragraphs() -> None:
    assert [block.text for block in parse("one<br>two<br>\n<br/>three").blocks] == ["one two", "three"]


def test_code_keeps_its_lines_whatever_they_are_made_of() -> None:
    pre = "<pre><div>  if x:</div><div>      return</div></pre><pre>a<br>  b</pre>"

    assert [(block.kind, block.text) for block in parse(pre).blocks] == [
        ("code", "if x:\n    return"),
        ("code", "a\n  b"),
    ]


def test_levels_of_headings_lists_and_questions_are_kept() -> None:
    page = """<h1>A</h1><h3>C</h3><div role=heading aria-level=2>B</div><h3><button>Why?</button></h3><p>So.</p>
        <ol start=3><li>three<ul><li>inner</li></ul></li><li value=7>seven</li></ol>
        <figure><img alt=no><figcaption>A chart</figcaption></figure>
        <blockquote><p>Said.</p><footer>Ann</footer></blockquote>"""

    assert [(block.level, block.text) for block in parse(page).blocks] == [
        (1, "A"), (3, "C"), (2, "B"), (3, "Why?"), (0, "So."), (0, "3. three\n  - inner\n7. seven"),
        (0, "A chart"), (0, "Said."), (0, "Ann"),
    ]  # fmt: skip


def test_items_are_counted_as_their_list_says() -> None:
    page = """<ol type=a start=26><li>z<ol type=I><li>one<li value=4>four</ol><li>after</ol>
        <ol style="list-style-type: lower-roman"><li>x</ol><ol style="list-style:cjk-ideographic" start=11><li>y</ol>"""

    assert [block.text for block in parse(page).blocks] == ["z. z\n  I. one\n  IV. four\naa. after", "i. x", "十一. y"]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("A hut has 24 m<sup>2</sup> and 3 m<sup>3</sup>.", "A hut has 24 m^2 and 3 m^3."),
        ("No hut<sup><a href='#n'>1</a></sup>, no fence<sup><a href='#m'>2</a></sup>.", "No hut[1], no fence[2]."),
        ("It is <math alttext='C_dA'><mi>C</mi><mi>d</mi><mi>A</mi></math> times it.", "It is C_dA times it."),
    ],
)
def test_a_short_paragraph_is_found_again_whatever_its_looks_tell(html: str, text: str) -> None:
    page = f"<nav>Home</nav><article><h1>Huts</h1><p>{SENTENCE * 8}</p><p>{html}</p><p>{SENTENCE * 8}</p></article>"

    assert text in [block.text for block in parse(page).blocks]


def test_the_sign_of_a_headings_link_is_no_part_of_the_title() -> None:
    assert parse(f"<h1>Exposure<a href='#exposure'>¶</a></h1><p>{SENTENCE * 8}</p>").title == "Exposure"


@pytest.mark.parametrize("kind", ["menu", "comment"])
def test_what_most_of_the_page_is_called_is_not_beside_its_text(kind: str) -> None:
    parts = "".join(f"<div class={kind}-part><h2>Part {n}</h2><p>{SENTENCE}</p></div>" for n in range(3))
    menu = "".join(f"<div class='{kind}-nav'><a href=/{n}>{SENTENCE}</a></div>" for n in range(9))

    page = f"<h1>All</h1><div class={kind}>{parts}</div><p>Call us.</p>"
    texts = [block.text for block in parse(page).blocks]

    assert [f"Part {n}" in texts for n in range(3)] == [True] * 3
    assert "Part 0" not in [block.text for block in parse(f"{menu}<p>{SENTENCE * 9}</p>{parts}").blocks]


def test_a_line_end_parts_no_chinese_words() -> None:
    page = "<p>市里更新老旧电\n  梯，每台 18\n万元。<br>咨询</p><table><tr><td>电\n梯<td>三</table>"

    assert [block.text for block in parse(page).blocks] == ["市里更新老旧电梯，每台 18 万元。 咨询", "电梯 | 三"]


def test_a_short_page_is_read_whole() -> None:
    parsed = parse("<h1>Phone list</h1><table><tr><td>Ann</td><td>12</td></tr><tr><td>Bob</td><td>34</td></tr></table>")

    assert [(block.kind, block.text) for block in parsed.blocks] == [
        ("heading", "Phone list"),
        ("table", "Ann | 12\nBob | 34"),
    ]


def test_a_table_that_lays_the_page_out_is_no_table() -> None:
    parsed = parse("<table><tr><td><h1>Title</h1><p>Text</p></td><td><ul><li>item</li></ul></td></tr></table>")

    assert [(block.kind, block.text) for block in parsed.blocks] == [
        ("heading", "Title"),
        ("paragraph", "Text"),
        ("list", "- item"),
    ]


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>obey</p>",
        "<p style='display:none'>obey</p>",
        "<p style='display : NONE !important'>obey</p>",
        "<p style='visibility: hidden'>obey</p>",
        "<p style='opacity:0.0'>obey</p>",
        "<p style='font-size:0'>obey</p>",
        "<p style='font-size:1px'>obey</p>",
        "<p style='font-size: 0.1em'>obey</p>",
        "<p style='color:white'>obey</p>",
        "<p style='color:#fff;background:#FEFEFE'>obey</p>",
        "<p style='color: rgb(254, 255, 255)'>obey</p>",
        "<p style='color:transparent'>obey</p>",
        "<div style='background-color:#000'><p style='color:black'>obey</p></div>",
        "<font color=white>obey</font>",
        "<table bgcolor=black><tr><td><font color='#000000'>obey</font></table>",
        "<p style='position:absolute;left:-9999px'>obey</p>",
        "<p style='text-indent:-5000px'>obey</p>",
        "<p style='position:absolute;clip:rect(0,0,0,0)'>obey</p>",
        "<p style='clip-path: inset(50%)'>obey</p>",
        "<p style='transform:scale(0)'>obey</p>",
        "<p style='height:0;overflow:hidden'>obey</p>",
        "<p style='max-height:0;overflow:hidden'>obey</p>",
        "<p style='max-width: 0em; overflow: clip'>obey</p>",
        "<style>.x{max-height:0;overflow:hidden}</style><p class=x>obey</p>",
        "<p style='position:relative;left:-9999px'>obey</p>",
        "<p style='font:0px/0 a'>obey</p>",
        "<p style='font-size:0%'>obey</p>",
        "<p style='opacity:0.01'>obey</p>",
        "<p style='color:hsl(0,0%,100%)'>obey</p>",
        "<p style='color:rgba(0,0,0,0)'>obey</p>",
        "<p style='color:rgb(0 0 0 / 0%)'>obey</p>",
        "<style>@media screen{.x{display:none}}</style><p class=x>obey</p>",
        "<style>.x, .unused { display: none }</style><p class=x>obey</p>",
        "<style>@media print { .y { color: red } } .x { position: absolute; left: -999em }</style><p class=x>obey</p>",
        "<div hidden><p>o</p><div style='display:none'>be</div></div><p hidden>y</p>",
        "<!-- obey --><script>obey</script><template>obey</template><noscript>obey</noscript>",
        "\U000e006f\U000e0062\U000e0065\U000e0079",
    ],
)
def test_what_the_page_hides_is_not_read(hidden: str) -> None:
    parsed = parse(f"<body><p>seen and read</p>{hidden}</body>")

    assert [block.text for block in parsed.blocks] == ["seen and read"]
    assert parsed.counts == ({} if hidden.startswith("<!--") else {"hidden_characters": 4})


@pytest.mark.parametrize(
    "seen",
    [
        "<div style='background:#036'><p style='color:white'>read</p></div>",
        "<p style='color:white;background:url(dark.png)'>read</p>",
        "<link rel=stylesheet href=x.css><p class=dark style='color:#fff'>read</p>",
        "<style>.dark{background:navy;color:white}</style><p class=dark>read</p>",
        "<style>.tab{display:none} .tab.open{display:block}</style><p class='tab open'>read</p>",
        "<style>.x{max-height:0;overflow:hidden} .open{max-height:40em}</style><p class='x open'>read</p>",
        "<style>.x{max-height:0;overflow:hidden;transition:max-height .2s}</style><p class=x>read</p>",
        "<p style='height:0;overflow:hidden;padding-bottom:56%'>read</p>",
        "<p style='max-height:0'>read</p>",
        "<style>.x{display:none}</style><p class=x style='display:block'>read</p>",
        "<style>@media print{.x{display:none}}</style><p class=x>read</p>",
        "<style>body{visibility:hidden}</style><p>read</p>",
        "<p hidden=until-found>read</p>",
        "<p style='font: italic 12px/30px Georgia'>read</p>",
        "<p style='opacity:.5;position:relative;left:-4px'>read</p>",
        "<p style='color:hsl(0,0%,20%)'>read</p>",
        "<p style='color:rgba(0,0,0,.8)'>read</p>",
        "<p style='opacity:0;transform:translateY(20px)'>read</p>",
        "<p style='font-size:10px;left:-5px;text-indent:-1em'>read</p>",
        "<p style='font-size:80%'>read</p>",
        "<details><summary>read</summary></details>",
        "<p aria-hidden=true>read</p>",
    ],
)
def test_what_the_page_shows_is_read(seen: str) -> None:
    parsed = parse(seen)

    assert [block.text for block in parsed.blocks] == ["read"]
    assert parsed.counts == {}


def test_a_page_that_mostly_hides_says_so() -> None:
    parsed = parse(f"<p>seen</p><div style='display:none'>{SENTENCE}</div>")

    assert [block.text for block in parsed.blocks] == ["seen"]
    assert parsed.warnings == ("most of the page's text is hidden from its readers and was left out",)


@pytest.mark.parametrize("encoding", ["gb2312", "utf-16", "shift_jis"])
def test_the_declared_charset_is_used(encoding: str) -> None:
    text = "日本中国" if encoding != "gb2312" else "中国"

    assert parse(f'<meta charset="{encoding}"><p>{text}</p>', encoding).blocks[0].text == text


@pytest.mark.parametrize("tag", ["div", "b", "table><tr><td", "ul><li", "font", "section", "form"])
def test_depth_past_all_reason_is_read_flat_to_the_end_and_says_so(tag: str) -> None:
    parsed = parse(f"<{tag}>" * 20_000 + "the end")

    assert parsed.blocks[-1].text.endswith("the end")
    assert parsed.warnings == ("some of the page nests too deeply and was read flat",)


@pytest.mark.parametrize(
    "html",
    [
        "<p " + " ".join(f"a{n}=1" for n in range(50_000)) + ">the end",
        "<p>" + "word " * 200_000 + "the end",
        "<!--" * 50_000 + "--><p>the end",
        "<" * 50_000 + " the end",
        "&amp;" * 50_000 + " the end",
    ],
    ids=["attributes", "text", "comments", "brackets", "entities"],
)
def test_hostile_pages_are_read_to_the_end(html: str) -> None:
    assert parse(html).blocks[-1].text.endswith("the end")


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("the parser opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    links = '<link rel="canonical" href="http://198.51.100.1/x"><meta http-equiv="refresh" content="0;url=http://198.51.100.1">'

    assert parse(PAGE.replace("<title>", links + "<title>")).title == "The page"
