import io
from datetime import UTC, datetime
from functools import cache

import docx
import pytest
from docx.document import Document
from docx.oxml.parser import parse_xml

from ingestion.parsers.docx.parser import DocxParser
from ingestion.types import ParsedDocument
from tests.contracts.parser import ParserContract
from tests.ingestion.files import CONTENT_TYPES, RELATIONS, W, archive, word_archive


def saved(document: Document) -> bytes:
    packed = io.BytesIO()
    document.save(packed)
    return packed.getvalue()


@cache
def report() -> bytes:
    document = docx.Document()
    document.core_properties.author = "Ann Lee"
    document.core_properties.title = ""
    document.core_properties.created = datetime(2023, 5, 6, tzinfo=UTC)
    document.add_heading("Report", 0)
    document.add_heading("Figures", 1)
    document.add_paragraph("Before the table.")
    table = document.add_table(3, 3)
    for row, texts in enumerate((("Name", "2022", "2023"), ("Sales", "1", "2"), ("", "3", "4"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    table.cell(0, 1).merge(table.cell(0, 2))
    document.add_paragraph("one", "List Bullet")
    document.add_paragraph("inner", "List Bullet 2")
    document.add_paragraph("first", "List Number")
    document.add_paragraph("second", "List Number")
    document.add_heading("Notes", 2)
    document.add_paragraph("The end.")
    return saved(document)


def parse(content: bytes) -> ParsedDocument:
    return DocxParser().parse(content)


def texts(body: str) -> list[str]:
    return [block.text for block in parse(word_archive(body)).blocks]


class TestDocxParser(ParserContract):
    @pytest.fixture
    def parser(self) -> DocxParser:
        return DocxParser()

    @pytest.fixture
    def sample(self) -> bytes:
        return report()

    @pytest.fixture
    def textless(self) -> bytes:
        return word_archive("<w:p/>")


def test_every_kind_of_block_is_read_in_document_order() -> None:
    assert [(block.kind, block.level, block.text) for block in parse(report()).blocks] == [
        ("heading", 1, "Report"),
        ("heading", 1, "Figures"),
        ("paragraph", 0, "Before the table."),
        ("table", 0, "Name | 2022 2023 | 2022 2023\nSales | 1 | 2\nSales | 3 | 4"),
        ("list", 0, "- one"),
        ("list", 0, "- inner"),
        ("list", 0, "1. first\n2. second"),
        ("heading", 2, "Notes"),
        ("paragraph", 0, "The end."),
    ]


def test_title_author_and_dates_are_read() -> None:
    parsed = parse(report())

    assert parsed.title == "Report"
    assert parsed.metadata["author"] == "Ann Lee"
    assert parsed.metadata["created"] == "2023-05-06"


def test_lists_nest_and_go_on_counting_after_a_paragraph() -> None:
    document = docx.Document()
    for text, level in (("a", 0), ("b", 1), ("c", 1), ("d", 0)):
        paragraph = document.add_paragraph(text)
        number = f"<w:numPr {W}><w:ilvl w:val='{level}'/><w:numId w:val='77'/></w:numPr>"
        paragraph.paragraph_format.element.get_or_add_pPr().append(parse_xml(number))
        if text == "c":
            document.add_paragraph("between")
    levels = "".join(
        f"<w:lvl w:ilvl='{level}'><w:start w:val='1'/><w:numFmt w:val='{kind}'/></w:lvl>"
        for level, kind in enumerate(("decimal", "bullet"))
    )
    numbering = document.part.numbering_part.element
    numbering.insert(0, parse_xml(f"<w:abstractNum {W} w:abstractNumId='99'>{levels}</w:abstractNum>"))
    numbering.append(parse_xml(f"<w:num {W} w:numId='77'><w:abstractNumId w:val='99'/></w:num>"))

    assert [block.text for block in parse(saved(document)).blocks] == ["1. a\n  - b\n  - c", "between", "2. d"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>", ["a b c"]),
        (
            "<w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>",
            ["new"],
        ),
        ("<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>obey</w:t></w:r><w:r><w:t>seen</w:t></w:r></w:p>", ["seen"]),
        ("<w:sdt><w:sdtContent><w:p><w:r><w:t>in a control</w:t></w:r></w:p></w:sdtContent></w:sdt>", ["in a control"]),
        ("<w:p><w:hyperlink><w:r><w:t>a link</w:t></w:r></w:hyperlink></w:p>", ["a link"]),
        (
            "<w:p><w:r><w:t>own</w:t></w:r><w:r><w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent></w:r></w:p>",
            ["own", "boxed"],
        ),
        ("<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a frame</w:t></w:r></w:p></w:tc></w:tr></w:tbl>", ["a frame"]),
    ],
    ids=["breaks", "tracked", "hidden", "control", "link", "box", "frame"],
)  # fmt: skip
def test_what_a_reader_sees_is_read_once(body: str, expected: list[str]) -> None:
    assert texts(body) == expected


@pytest.mark.parametrize(
    "begun", ["<w:rPr><w:del/></w:rPr>", '<w:framePr w:dropCap="drop" w:lines="3"/>', "<w:rPr><w:moveFrom/></w:rPr>"]
)
def test_a_paragraph_whose_end_is_deleted_and_a_large_first_letter_go_on_in_the_next(begun: str) -> None:
    first = paragraph("The dep", begun)
    cell = "<w:tc>{}</w:tc>"
    table = f"<w:tbl><w:tr>{cell.format(paragraph('a'))}{cell.format(paragraph('b'))}</w:tr></w:tbl>"

    assert texts(first + paragraph("osit is due.") + first + table + first) == [
        "The deposit is due.",
        "The dep",
        "a | b",
        "The dep",
    ]


@pytest.mark.parametrize(
    ("symbol", "text"),
    [
        ('<w:sym w:font="Symbol" w:char="F0A3"/>', "≤"),
        ('<w:sym w:font="Wingdings" w:char="F0FE"/>', "☑"),
        ('<w:rPr><w:rFonts w:ascii="Symbol" w:hAnsi="Symbol"/></w:rPr><w:t>m</w:t>', "μ"),
        ('<w:rPr><w:rFonts w:ascii="Symbol"/></w:rPr><w:t>\uf0b1</w:t>', "±"),
        ('<w:rPr><w:rFonts w:ascii="Arial"/></w:rPr><w:t>m</w:t>', "m"),
        ('<w:ffData><w:checkBox><w:default w:val="1"/></w:checkBox></w:ffData>', "☒"),
        ('<w:ffData><w:checkBox><w:default w:val="1"/><w:checked w:val="0"/></w:checkBox></w:ffData>', "☐"),
    ],
)
def test_what_a_symbol_font_or_a_box_shows_is_read(symbol: str, text: str) -> None:
    assert texts(f"<w:p>{run('a ')}<w:r>{symbol}</w:r>{run(' 5')}</w:p>") == [f"a {text} 5"]


def test_a_row_that_begins_further_right_keeps_its_columns() -> None:
    def row(*cells: str, properties: str = "") -> str:
        return f"<w:tr>{properties}{''.join(f'<w:tc>{paragraph(cell)}</w:tc>' for cell in cells)}</w:tr>"

    skipped = '<w:trPr><w:gridBefore w:val="1"/></w:trPr>'
    table = (
        f"<w:tbl>{row('Code', 'Name', 'Pay')}{row('Osei', '31', properties=skipped)}{row('K', 'Lund', '28')}</w:tbl>"
    )

    assert texts(table) == ["Code | Name | Pay\n | Osei | 31\nK | Lund | 28"]


def styled(*styles: str) -> str:
    return f'<?xml version="1.0"?><w:styles {W}>{"".join(styles)}</w:styles>'


def word(body: str, *, styles: str = "", numbering: str = "", footnotes: str = "", chart: str = "") -> bytes:
    """A Word file with that body and the parts that are given."""
    given = {"styles": styles, "numbering": numbering, "footnotes": footnotes, "chart": chart}
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = "".join(
        f'<Relationship Id="{name}" Type="{kinds}/{name}" Target="{name}.xml"/>' for name, part in given.items() if part
    )
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    parts = {f"word__{name}.xml": part for name, part in given.items() if part}
    types = CONTENT_TYPES.replace(
        "</Types>",
        '<Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        'wordprocessingml.styles+xml"/></Types>'
        if styles
        else "</Types>",
    )
    related = f'<?xml version="1.0"?><Relationships xmlns="{package}">{relations}</Relationships>'
    entries = {"[Content_Types].xml": types, "word___rels__document.xml.rels": related}
    return word_archive(body, **parts, **entries)


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{run(text)}</w:p>"


@pytest.mark.parametrize(
    "properties",
    [
        "<w:vanish/>", '<w:sz w:val="2"/>', '<w:color w:val="FFFFFF"/>', '<w:color w:val="fefefe"/>',
        '<w:rStyle w:val="Secret"/>', '<w:color w:val="FFFFFF"/><w:highlight w:val="white"/>',
    ],
)  # fmt: skip
def test_what_a_reader_does_not_see_is_left_out_and_counted(properties: str) -> None:
    secret = '<w:style w:styleId="Secret" w:type="character"><w:rPr><w:vanish/></w:rPr></w:style>'
    parsed = parse(word(f"<w:p>{run('seen ')}{run('obey me', properties)}</w:p>", styles=styled(secret)))

    assert [block.text for block in parsed.blocks] == ["seen"]
    assert parsed.counts == {"hidden_characters": 6}


WHITE = '<w:color w:val="FFFFFF"/>'
SEEN = '<w:vanish w:val="0"/>'
BLUE = '<w:shd w:val="clear" w:fill="003366"/>'
MARKED = '<w:highlight w:val="blue"/>'


@pytest.mark.parametrize(
    "body",
    [
        f"<w:p>{run('read', SEEN)}</w:p>",
        f"<w:p>{run('read', WHITE + BLUE)}</w:p>",
        f"<w:p>{run('read', WHITE + MARKED)}</w:p>",
        f"<w:p><w:pPr><w:shd w:fill='000000'/></w:pPr>{run('read', WHITE)}</w:p>",
        f"<w:tbl><w:tr><w:tc><w:tcPr>{BLUE}</w:tcPr><w:p>{run('read', WHITE)}</w:p></w:tc></w:tr></w:tbl>",
        f"<w:p><w:r><w:txbxContent><w:p>{run('read', WHITE)}</w:p></w:txbxContent></w:r></w:p>",
    ],
)
def test_white_on_a_colour_is_read(body: str) -> None:
    parsed = parse(word_archive(body))

    assert ([block.text for block in parsed.blocks], parsed.counts) == (["read"], {})


@pytest.mark.parametrize(
    ("kind", "number", "label"),
    [
        ("chineseCountingThousand", 105, "一百零五"),
        ("taiwaneseCountingThousand", 12, "十二"),
        ("ideographTraditional", 3, "丙"),
        ("decimalEnclosedCircleChinese", 4, "④"),
        ("decimalFullWidth", 12, "１２"),
    ],
)
def test_numbers_are_written_as_chinese_documents_print_them(kind: str, number: int, label: str) -> None:
    numbering = (
        f'<?xml version="1.0"?><w:numbering {W}><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:start '
        f'w:val="{number}"/><w:numFmt w:val="{kind}"/><w:lvlText w:val="第%1条"/></w:lvl></w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>'
    )
    item = paragraph("保密", '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>')

    assert [block.text for block in parse(word(item, numbering=numbering)).blocks] == [f"第{label}条 保密"]


def test_numbers_that_word_prints_are_written() -> None:
    levels = "".join(
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/><w:lvlText w:val="{text}"/></w:lvl>'
        for depth, (kind, text) in enumerate((("upperRoman", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "(%3)")))
    )
    numbering = (
        f'<?xml version="1.0"?><w:numbering {W}><w:abstractNum w:abstractNumId="0">{levels}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="0"/>'
        '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="4"/></w:lvlOverride></w:num></w:numbering>'
    )

    def item(text: str, depth: int, number: int = 1, style: str = "") -> str:
        return paragraph(text, f'{style}<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>')

    heading = '<w:outlineLvl w:val="0"/>'
    body = (
        item("Scope", 0, style=heading) + item("one", 1) + item("two", 1) + item("deep", 2) + paragraph("Between.")
        + item("three", 1) + item("Terms", 0, style=heading) + item("four", 1) + item("Anew", 0, number=2)
    )  # fmt: skip

    assert [(block.kind, block.text) for block in parse(word(body, numbering=numbering)).blocks] == [
        ("heading", "I. Scope"),
        ("list", "I.1 one\n  I.2 two\n    (a) deep"),
        ("paragraph", "Between."),
        ("list", "I.3 three"),
        ("heading", "II. Terms"),
        ("list", "II.1 four\nIV. Anew"),
    ]


def test_notes_stand_after_the_paragraph_that_refers_to_them() -> None:
    notes = (
        f'<?xml version="1.0"?><w:footnotes {W}><w:footnote w:type="separator" w:id="-1"><w:p/></w:footnote>'
        f'<w:footnote w:id="2">{paragraph("Not in 2020.")}</w:footnote></w:footnotes>'
    )
    body = f'<w:p>{run("Every year")}<w:r><w:footnoteReference w:id="2"/></w:r>{run(".")}</w:p>' + paragraph("Next.")

    assert [b.text for b in parse(word(body, footnotes=notes)).blocks] == [
        "Every year[1].",
        "[1] Not in 2020.",
        "Next.",
    ]


def test_cells_that_go_on_are_said_again_in_each_row() -> None:
    def cell(text: str, properties: str = "") -> str:
        return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(text)}</w:tc>"

    restart, goes_on, wide = '<w:vMerge w:val="restart"/>', "<w:vMerge/>", '<w:gridSpan w:val="2"/>'
    rows = (
        cell("All sales", '<w:gridSpan w:val="3"/>'),
        cell("Region") + cell("2023", wide),
        cell("North", restart) + cell("1") + cell("2"),
        cell("", goes_on) + cell("3") + cell("4"),
        "<w:trPr><w:del/></w:trPr>" + cell("gone") + cell("5") + cell("6"),
    )
    table = "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in rows) + "</w:tbl>"

    assert texts(table) == ["All sales\nRegion | 2023 | 2023\nNorth | 1 | 2\nNorth | 3 | 4"]


@pytest.mark.parametrize("name", ["heading 2", "Heading 2", "Überschrift 2", "标题 2", "Titre 2", "見出し 2"])
def test_a_heading_is_known_by_its_styles_name_in_any_language(name: str) -> None:
    style = f'<w:style w:styleId="x1" w:type="paragraph"><w:name w:val="{name}"/></w:style>'
    based = '<w:style w:styleId="x2" w:type="paragraph"><w:name w:val="House style"/><w:basedOn w:val="x1"/></w:style>'
    parsed = parse(word(paragraph("Part", '<w:pStyle w:val="x2"/>'), styles=styled(style, based)))

    assert [(block.kind, block.level, block.text) for block in parsed.blocks] == [("heading", 2, "Part")]


def test_a_table_of_contents_is_left_out_and_counted() -> None:
    contents = "<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val='Table of Contents'/></w:docPartObj></w:sdtPr>"
    toc = '<w:style w:styleId="t" w:type="paragraph"><w:name w:val="toc 1"/></w:style>'
    body = f"{contents}<w:sdtContent>{paragraph('One 1')}{paragraph('Two 2')}</w:sdtContent></w:sdt>"
    parsed = parse(word(body + paragraph("Three 3", '<w:pStyle w:val="t"/>') + paragraph("Text."), styles=styled(toc)))

    assert ([block.text for block in parsed.blocks], parsed.counts) == (["Text."], {"boilerplate_blocks": 3})


@pytest.mark.parametrize(
    ("told", "text"),
    [("Sales rose by half", "Sales rose by half"), ("C:\\charts\\sales.png", ""), ("Picture 3", ""),
     ("A dog Description automatically generated with low confidence", "A dog")],
)  # fmt: skip
def test_what_an_author_says_of_a_picture_is_read(told: str, text: str) -> None:
    drawing = (
        '<w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing">'
        f'<wp:docPr id="1" name="Picture 1" descr="{told}"/>'
        '<pic:pic xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"/></wp:inline></w:drawing>'
    )

    assert texts(f"<w:p><w:r>{drawing}</w:r></w:p>{paragraph('End.')}") == [*filter(None, [text]), "End."]


def test_a_chart_is_read_as_the_table_that_it_is_drawn_from() -> None:
    names = 'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'

    def points(part: str, *values: str) -> str:
        return (
            f"<c:{part}>"
            + "".join(f'<c:pt idx="{i}"><c:v>{v}</c:v></c:pt>' for i, v in enumerate(values))
            + f"</c:{part}>"
        )

    series = "".join(
        f"<c:ser>{points('tx', name)}{points('cat', 'North', 'South')}{points('val', *values)}</c:ser>"
        for name, values in (("2022", ("1", "2")), ("2023", ("3.2000000000000002", "4")))
    )
    reference = (
        '<c:chart {} xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:id="chart"/>'
    )
    body = f"<w:p><w:r><w:drawing>{reference.format(names)}</w:drawing></w:r></w:p>"
    parsed = parse(word(body, chart=f'<?xml version="1.0"?><c:chartSpace {names}>{series}</c:chartSpace>'))

    assert [(block.kind, block.text) for block in parsed.blocks] == [
        ("table", " | 2022 | 2023\nNorth | 1 | 3.2\nSouth | 2 | 4")
    ]


def test_a_formula_is_written_on_the_line_that_it_stands_in() -> None:
    names = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    power = "<m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>"
    math = f"<m:oMath {names}>{power}</m:oMath>"

    assert texts(f"<w:p>{run('so ')}{math}{run(' is even')}</w:p>") == ["so x^2 is even"]


@pytest.mark.parametrize(
    "hidden",
    ["<m:r><w:rPr><w:vanish/></w:rPr>{}</m:r>", '<m:r><w:rPr><w:color w:val="FFFFFF"/></w:rPr>{}</m:r>',
     '<m:phant><m:phantPr><m:show m:val="0"/></m:phantPr><m:e><m:r>{}</m:r></m:e></m:phant>'],
)  # fmt: skip
def test_what_a_formula_does_not_show_is_left_out_and_counted(hidden: str) -> None:
    names = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    math = f"<m:oMath {names}><m:r><m:t>x</m:t></m:r>{hidden.format('<m:t>obey me</m:t>')}</m:oMath>"
    parsed = parse(word_archive(f"<w:p>{math}</w:p>"))

    assert ([block.text for block in parsed.blocks], parsed.counts) == (["x"], {"hidden_characters": 6})


def test_powers_are_told_from_digits() -> None:
    raised = '<w:vertAlign w:val="superscript"/>'

    assert texts(f"<w:p>{run('10')}{run('6', raised)}{run(' at the 1')}{run('st', raised)}</w:p>") == [
        "10^6 at the 1st"
    ]


def test_a_part_in_another_format_is_missed_aloud() -> None:
    assert parse(word_archive(paragraph("Text.") + "<w:altChunk/>")).warnings == (
        "a part of the document is embedded in another format and was not read",
    )


def test_external_entities_are_not_resolved() -> None:
    secret = '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    document = f"{secret}<w:document {W}><w:body><w:p><w:r><w:t>a&x;b</w:t></w:r></w:p></w:body></w:document>"
    content = archive({"[Content_Types].xml": CONTENT_TYPES, "_rels/.rels": RELATIONS, "word/document.xml": document})

    assert "root" not in str(parse(content).blocks)
