import io
import stat
import struct
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import docx
import pytest
from docx.document import Document
from docx.oxml.parser import parse_xml

from ingestion.errors import ParseLimit, Unreadable
from ingestion.parsers.docx import DocxParser
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
        ("table", 0, "Name | 2022 2023\nSales | 1 | 2\n | 3 | 4"),
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


def test_external_entities_are_not_resolved() -> None:
    secret = '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    document = f"{secret}<w:document {W}><w:body><w:p><w:r><w:t>a&x;b</w:t></w:r></w:p></w:body></w:document>"
    content = archive({"[Content_Types].xml": CONTENT_TYPES, "_rels/.rels": RELATIONS, "word/document.xml": document})

    assert "root" not in str(parse(content).blocks)


def laughing() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    document = f'<!DOCTYPE d [<!ENTITY l0 "ha">{entities}]><w:document {W}><w:body>&l9;</w:body></w:document>'
    return archive({"[Content_Types].xml": CONTENT_TYPES, "_rels/.rels": RELATIONS, "word/document.xml": document})


def symlinked() -> bytes:
    packed = io.BytesIO(word_archive(""))
    with zipfile.ZipFile(packed, "a") as writer:
        link = zipfile.ZipInfo("word/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        writer.writestr(link, "/etc/passwd")
    return packed.getvalue()


def encrypted() -> bytes:
    content = bytearray(word_archive(""))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(signature, at + 4)
    return bytes(content)


def twice() -> bytes:
    packed = io.BytesIO(word_archive(""))
    with zipfile.ZipFile(packed, "a") as writer, pytest.warns(UserWarning, match="Duplicate"):
        writer.writestr("word/document.xml", "<other/>")
    return packed.getvalue()


def strict() -> bytes:
    strict_relations = RELATIONS.replace(
        "schemas.openxmlformats.org/officeDocument", "purl.oclc.org/ooxml/officeDocument"
    )
    return archive({"[Content_Types].xml": CONTENT_TYPES, "_rels/.rels": strict_relations, "word/document.xml": ""})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (encrypted, "encrypted"),
        (symlinked, "outside itself"),
        (twice, "names a part twice"),
        (lambda: word_archive("", **{"..__..__evil": "x"}), "outside itself"),
        (lambda: word_archive("", **{"__etc__passwd": "x"}), "outside itself"),
        (lambda: word_archive("", **{"C:evil": "x"}), "outside itself"),
        (strict, "Strict Open XML"),
        (lambda: archive({"a.txt": "x"}), "no Word document"),
        (lambda: word_archive("<w:p>"), "damaged"),
        (lambda: word_archive("")[:-30], "damaged"),
        (lambda: b"", "damaged"),
        (laughing, "damaged"),
    ],
)
def test_a_tricky_or_damaged_file_is_unreadable(make: Callable[[], bytes], says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        parse(make())


def many_entries() -> bytes:
    return archive({f"part{number}": "" for number in range(5001)})


def lying_directory() -> bytes:
    """A directory that claims a million entries: refused by what it claims, before it is read."""
    content = bytearray(word_archive(""))
    struct.pack_into("<L", content, content.rfind(b"PK\x05\x06") + 12, 100_000_000)
    return bytes(content)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: word_archive("<w:p/>" * 2_000_000), "100 to 1"),
        (many_entries, "more than 5000 parts"),
        (lying_directory, "more than 5000 parts"),
    ],
)
def test_a_bomb_is_refused_before_it_is_inflated(make: Callable[[], bytes], says: str) -> None:
    content = make()
    start = time.process_time()

    with pytest.raises(ParseLimit, match=says):
        parse(content)

    assert time.process_time() - start < 1


def test_parts_that_inflate_past_the_cap_in_all_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.parsers.docx_archive.MAX_INFLATED_BYTES", 1000)

    with pytest.raises(ParseLimit, match="inflates"):
        parse(word_archive("<w:p/>" * 200))
