"""An archive is as it was written or it is refused, and neither side needs memory for what goes through it."""

import io
import random
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import zstandard

from app.archives import archive
from app.archives.archive import ArchiveError, Damaged, Member, NewerFormat, WrongKind

MEBIBYTE = 1 << 20


def written(*members: Member, kind: str = "backup", format: int = 1) -> io.BytesIO:
    file = io.BytesIO()
    archive.write(file, kind, format, {"note": "here"}, members)
    return file


def small() -> io.BytesIO:
    return written(
        *archive.lines("rows/metals", (b'{"n":%d}' % n for n in range(500))), Member("blobs/1/ab", 3, [b"abc"])
    )


def test_what_was_written_is_read() -> None:
    file = small()

    archive.verify(file)

    assert archive.opening(file, "backup", 1)["note"] == "here"
    found = {name: content.read() for name, content in archive.members(file)}
    assert found["blobs/1/ab"] == b"abc"
    rows = archive.read_lines(io.BytesIO(found["rows/metals/000000.jsonl.zst"]))
    assert [archive.json_object(row)["n"] for row in rows] == list(range(500))


def test_any_tar_program_reads_it() -> None:
    file = small()
    file.seek(0)

    with tarfile.open(fileobj=file) as tar:
        assert tar.getnames() == ["openbook.json", "rows/metals/000000.jsonl.zst", "blobs/1/ab", "manifest.jsonl"]
        manifest = tar.extractfile("manifest.jsonl")
        assert manifest is not None
        assert [orjson.loads(line)["size"] for line in manifest][-1] == 3


@pytest.mark.parametrize("seed", range(200))
def test_one_flipped_bit_is_refused(seed: int) -> None:
    content = bytearray(small().getvalue())
    bit = random.Random(seed).randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8

    with pytest.raises(ArchiveError):
        read(bytes(content))


def test_an_archive_cut_anywhere_is_refused() -> None:
    content = small().getvalue()

    for end in range(0, len(content), 256):
        with pytest.raises(ArchiveError):
            read(content[:end])


def test_an_archive_with_something_added_is_refused() -> None:
    with pytest.raises(Damaged):
        read(small().getvalue() + b"\0")


def test_a_newer_format_and_another_kind_are_named() -> None:
    with pytest.raises(NewerFormat, match="format 2, and this Openbook reads up to 1"):
        archive.opening(written(format=2), "backup", 1)
    with pytest.raises(WrongKind, match="a collection, and a backup is needed"):
        archive.opening(written(kind="collection"), "backup", 1)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../../etc/passwd", b"0"),
        ("/etc/passwd", b"0"),
        ("blobs/1/ab", tarfile.SYMTYPE),
        ("blobs/1/ab", tarfile.LNKTYPE),
    ],
)
def test_a_member_that_leads_elsewhere_is_refused(name: str, kind: bytes) -> None:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, "/etc/passwd"

    with pytest.raises(Damaged):
        list(archive.members(io.BytesIO(header.tobuf(tarfile.USTAR_FORMAT) + bytes(1024))))


def test_an_extended_header_that_announces_gigabytes_is_refused_unread() -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 1 << 32

    with pytest.raises(Damaged):
        list(archive.members(io.BytesIO(header.tobuf(tarfile.USTAR_FORMAT))))


def test_lines_that_swell_are_refused() -> None:
    bomb = zstandard.compress(bytes(archive.LINES_MAX_BYTES + 1))

    tracemalloc.start()
    with pytest.raises(Damaged, match="more than 256 MiB"):
        archive.read_lines(io.BytesIO(bomb))
    tracemalloc.stop()


def test_memory_does_not_grow_with_what_goes_through(tmp_path: Path) -> None:
    def large() -> Iterator[Member]:
        for number in range(2000):
            yield Member(f"blobs/1/{number}", 1, [b"x"])
        yield Member("blobs/2/0", 64 * MEBIBYTE, (bytes(MEBIBYTE) for _ in range(64)))

    tracemalloc.start()
    with (tmp_path / "large").open("w+b") as file:
        archive.write(file, "backup", 1, {}, large())
        archive.verify(file)
        assert sum(1 for _ in archive.members(file)) == 2002
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 12 * MEBIBYTE


def read(content: bytes) -> None:
    file = io.BytesIO(content)
    archive.opening(file, "backup", 1)
    archive.verify(file)
