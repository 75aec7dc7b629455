import io
import stat
import struct
import time
import zipfile
from collections.abc import Callable

import pytest

from ingestion.errors import ParseLimit, Unreadable
from ingestion.parsers.docx.parser import DocxParser
from ingestion.types import ParsedDocument
from tests.ingestion.files import CONTENT_TYPES, RELATIONS, W, archive, word_archive


def parse(content: bytes) -> ParsedDocument:
    return DocxParser().parse(content)


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
    monkeypatch.setattr("ingestion.parsers.docx.archive.MAX_INFLATED_BYTES", 1000)

    with pytest.raises(ParseLimit, match="inflates"):
        parse(word_archive("<w:p/>" * 200))
