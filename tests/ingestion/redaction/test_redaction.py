from hypothesis import given
from hypothesis import strategies as st

from ingestion.redaction.personal import find
from ingestion.redaction.redaction import redact
from ingestion.types import Block, ParsedDocument
from retrieval.types import Region

MAIL = "ann@example.org"
IP = "86.121.97.248"


def document(*blocks: Block, title: str = "") -> ParsedDocument:
    return ParsedDocument(title, blocks, (), {}, (), {"navigation": 2})


def test_each_kind_gives_way_to_its_name_and_is_counted() -> None:
    parsed = ParsedDocument(
        f"Letter to {MAIL}",
        (Block("heading", f"From {IP}", 1), Block("table", f"Ann | {MAIL}\nBob | bob@example.org")),
        (),
        {"author": MAIL, "tags": ("x", f"by {MAIL}"), "year": 2026},
        (),
        {"navigation": 2},
    )
    redacted = redact(parsed, ("email", "ip"))
    assert redacted == ParsedDocument(
        "Letter to [EMAIL]",
        (Block("heading", "From [IP]", 1), Block("table", "Ann | [EMAIL]\nBob | [EMAIL]")),
        (),
        {"author": "[EMAIL]", "tags": ("x", "by [EMAIL]"), "year": 2026},
        (),
        {"navigation": 2, "redacted_email": 5, "redacted_ip": 1},
    )


def test_kinds_that_were_not_asked_for_stay() -> None:
    parsed = document(Block("paragraph", f"{MAIL} from {IP}"))
    assert redact(parsed, ("ip",)).blocks[0].text == f"{MAIL} from [IP]"
    assert redact(parsed, ()) is parsed


def test_regions_follow_their_words() -> None:
    text = f"Write {MAIL} or\nlook at {IP} now."
    second = text.index("look")
    box = (1.0, 2.0, 3.0, 4.0)
    split = text.index("example")  # an address that breaks over two lines of the page
    regions = (Region(0, split, 1, box), Region(split, second - 1, 2, box), Region(second, len(text), 3, None))
    [block] = redact(document(Block("paragraph", text, 0, regions)), ("email", "ip")).blocks
    assert block.text == "Write [EMAIL] or\nlook at [IP] now."
    assert [(block.text[region.start : region.end], region.page, region.box) for region in block.regions] == [
        ("Write [EMAIL]", 1, box),
        ("[EMAIL] or", 2, box),
        ("look at [IP] now.", 3, None),
    ]


@given(st.lists(st.sampled_from([MAIL, IP, "word", "电话 010-85202353", "\n", ", "]), max_size=12), st.data())
def test_any_region_keeps_the_text_that_was_not_blackened(parts: list[str], data: st.DataObject) -> None:
    text = " ".join(parts)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    [block] = redact(
        document(Block("paragraph", text, 0, (Region(start, end, 1, None),))), ("email", "ip", "phone")
    ).blocks
    [region] = block.regions
    inside = [each for each in find(text) if each.start < end and start < each.end]
    kept = text[start:end]
    for each in reversed(inside):
        left, right = max(each.start, start) - start, min(each.end, end) - start
        kept = kept[:left] + f"[{each.kind.upper()}]" + kept[right:]
    assert block.text[region.start : region.end] == kept or start == end
