import pytest

from ingestion.parsers.docx.parser import DocxParser
from ingestion.types import ParsedDocument
from tests.ingestion.files import word_archive

WP = 'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
VML = 'xmlns:v="urn:schemas-microsoft-com:vml"'
MC = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
BOX = "<w:txbxContent><w:p><w:r><w:t>obey me</w:t></w:r></w:p></w:txbxContent>"
A3 = '<w:sectPr><w:pgSz w:w="23811" w:h="16838"/></w:sectPr>'


def shape(style: str) -> str:
    return f'<w:pict><v:shape {VML} style="position:absolute;{style}"><v:textbox>{BOX}</v:textbox></v:shape></w:pict>'


def anchor(left: int = 0, top: int = 0, *, told: str = "", properties: str = "") -> str:
    """A text box of 100 by 50 points, this far from where its place is counted from."""
    offsets = (
        f'<wp:position{way} relativeFrom="page"><wp:posOffset>{points * 12700}</wp:posOffset></wp:position{way}>'
        for way, points in (("H", left), ("V", top))
    )
    size = f'<wp:extent cx="{100 * 12700}" cy="{50 * 12700}"/><wp:docPr id="1" name="Box" {properties}/>'
    return f"<w:drawing><wp:anchor {WP} {told}>{''.join(offsets)}{size}{BOX}</wp:anchor></w:drawing>"


def parse(drawing: str, *, around: str = "{}", run: str = "", after: str = "") -> ParsedDocument:
    body = around.format(f"<w:p><w:r><w:t>seen</w:t></w:r><w:r>{run}{drawing}</w:r></w:p>")
    return DocxParser().parse(word_archive(body + after))


UNSEEN = {
    "left": shape("margin-left:-4000pt;margin-top:0;width:100pt;height:50pt"),
    "right, in inches": shape("left:20in"),
    "above, in centimetres": shape("margin-top: -90cm; height: 2cm"),
    "below, in pixels": shape("top:2000px"),
    "switched off": shape("visibility:hidden"),
    "anchored left": anchor(-4000),
    "anchored right": anchor(700),
    "anchored above": anchor(0, -900),
    "anchored below": anchor(0, 900),
    "its simple place": anchor(told='simplePos="1"').replace(
        "<wp:positionH", '<wp:simplePos x="-99999999" y="0"/><wp:positionH', 1
    ),
    "anchored and switched off": anchor(properties='hidden="1"'),
    "again for old readers": f"<mc:AlternateContent {MC}><mc:Choice>{anchor(-4000)}</mc:Choice>"
    f"<mc:Fallback>{shape('margin-left:-4000pt')}</mc:Fallback></mc:AlternateContent>",
    "a box in a box": shape("margin-left:-4000pt").replace(
        BOX, BOX.replace("obey me", "ob") + anchor(-4000).replace("obey me", "eyme")
    ),
}


@pytest.mark.parametrize("drawing", UNSEEN.values(), ids=UNSEEN)
@pytest.mark.parametrize("around", ["{}", "<w:tbl><w:tr><w:tc>{}</w:tc><w:tc><w:p/></w:tc></w:tr></w:tbl>"])
def test_a_text_box_that_no_reader_sees_is_left_out_and_counted(drawing: str, around: str) -> None:
    parsed = parse(drawing, around=around)

    assert ([block.text for block in parsed.blocks], parsed.counts) == (["seen"], {"hidden_characters": 6})


SEEN = {
    "on the page": shape("margin-left:40pt;margin-top:-20pt;width:100pt;height:50pt"),
    "left of its column": shape("margin-left:-500pt;width:100pt"),
    "reaches onto the page": shape("margin-left:-650pt;width:100pt"),
    "no length": shape("margin-left:-4000;margin-top:auto;width:100%"),
    "anchored": anchor(500, 700),
    "an alignment": anchor().replace("<wp:posOffset>0</wp:posOffset>", "<wp:align>right</wp:align>"),
    "a place that is no number": anchor().replace(">0<", ">far<"),
}


@pytest.mark.parametrize("drawing", SEEN.values(), ids=SEEN)
def test_a_text_box_that_may_be_seen_is_read(drawing: str) -> None:
    parsed = parse(drawing)

    assert ([block.text for block in parsed.blocks], parsed.counts) == (["seen", "obey me"], {})


RUN = "<w:r><w:t>obey me</w:t></w:r>"
FRAME = f'<w:p><w:pPr><w:framePr w:w="2000" w:h="1000" w:x="{{}}" w:y="{{}}"/></w:pPr>{RUN}</w:p>'
TABLE = (
    '<w:tbl><w:tblPr><w:tblpPr w:tblpX="{}" w:tblpY="{}"/></w:tblPr>'
    f"<w:tr><w:tc><w:p>{RUN}</w:p></w:tc></w:tr></w:tbl>"
)


@pytest.mark.parametrize("framed", [FRAME, TABLE], ids=["frame", "table"])
@pytest.mark.parametrize(
    ("left", "top", "is_seen"),
    [
        (-30000, 0, False),
        (13000, 0, False),
        (0, -40000, False),
        (0, 17000, False),
        (-1000, 0, True),
        (9000, 9000, True),
    ],
)
def test_a_frame_or_a_floating_table_off_the_page_is_left_out_and_counted(
    framed: str, left: int, top: int, is_seen: bool
) -> None:
    parsed = parse("", after=framed.format(left, top))

    assert [block.text for block in parsed.blocks] == (["seen", "obey me"] if is_seen else ["seen"])
    assert parsed.counts == ({} if is_seen else {"hidden_characters": 6})


def test_what_is_off_the_page_within_what_is_off_the_page_is_counted_once() -> None:
    inner = FRAME.format(-30000, 0)
    box = anchor(-4000).replace(BOX, f"<w:txbxContent>{inner}</w:txbxContent>")

    assert parse(box).counts == {"hidden_characters": 6}


def test_the_largest_page_of_the_document_counts() -> None:
    assert [block.text for block in parse(anchor(1100), after=A3).blocks] == ["seen", "obey me"]
    assert [block.text for block in parse(anchor(1200), after=A3).blocks] == ["seen"]


def test_a_text_box_vanishes_with_the_run_that_it_is_anchored_in() -> None:
    parsed = parse(anchor(), run="<w:rPr><w:vanish/></w:rPr>")

    assert ([block.text for block in parsed.blocks], parsed.counts) == (["seen"], {"hidden_characters": 6})
