"""One file that holds many: a plain tar whose last member has the SHA-256 of every other, written and read as a stream.

Any tar program opens it. Reading believes nothing: a header must be, byte for byte, the one that we would have written,
so there are no links, paths, sparse files or extended headers to be careful of; names and sizes are bounded; what is
compressed is decompressed up to a bound. Memory is bounded too, however many members there are and however large.

ArchiveError
├── Damaged        not an archive of ours, or not as it was written
├── NewerFormat    written by a newer Openbook
└── WrongKind      an archive of ours that holds something else
"""

import hashlib
import io
import re
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import orjson
import zstandard

OPENING: Final = "openbook.json"
MANIFEST: Final = "manifest.jsonl"
PIECE_BYTES: Final = 1 << 20
"""About how many bytes of lines are compressed as one member."""
LINES_MAX_BYTES: Final = 256 << 20
"""The most that one member of lines may hold; a single line may be longer than a piece."""
_OPENING_MAX_BYTES: Final = 1 << 20
_BLOCK: Final = tarfile.BLOCKSIZE
_READ: Final = 1 << 20
_IN_MEMORY: Final = 4 << 20
_WINDOW_BYTES: Final = 8 << 20
_NAME: Final = re.compile(r"[a-z_]+(/[a-z0-9_]+){0,2}(\.[a-z]+){0,2}")


class ArchiveError(Exception):
    """Base of what is wrong with an archive."""


class Damaged(ArchiveError):
    """Not an archive of ours, or not as it was written; the message says where it shows."""


class NewerFormat(ArchiveError):
    """Written by a newer Openbook, which knows how to read it."""


class WrongKind(ArchiveError):
    """An archive of ours that holds something else than was asked for."""


@dataclass(frozen=True, slots=True)
class Member:
    """Something to write: `content` must give exactly `size` bytes."""

    name: str
    size: int
    content: Iterable[bytes]


def write(file: BinaryIO, kind: str, format: int, opening: dict[str, object], members: Iterable[Member]) -> None:
    """Write an archive whose first member tells its kind and format, beside what `opening` holds."""
    head = orjson.dumps({**opening, "kind": kind, "format": format}, option=orjson.OPT_INDENT_2)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as manifest:
        _write_member(file, Member(OPENING, len(head), [head]), manifest)
        for member in members:
            _write_member(file, member, manifest)
        size = manifest.tell()
        manifest.seek(0)
        _write_member(file, Member(MANIFEST, size, iter(lambda: manifest.read(_READ), b"")), io.BytesIO())
    file.write(bytes(2 * _BLOCK))


def lines(prefix: str, rows: Iterable[bytes]) -> Iterator[Member]:
    """Lines of JSON as numbered, compressed members."""
    compressor = zstandard.ZstdCompressor(level=3)
    piece: list[bytes] = []
    size = number = 0
    for row in rows:
        piece.append(row)
        size += len(row) + 1
        if size >= PIECE_BYTES:
            yield _piece(compressor, prefix, number, piece)
            piece, size, number = [], 0, number + 1
    if piece:
        yield _piece(compressor, prefix, number, piece)


def opening(file: BinaryIO, kind: str, format: int) -> dict[str, object]:
    """What the first member says; raises WrongKind, NewerFormat, or Damaged where it says nothing of that sort."""
    file.seek(0)
    name, content = next(members(file), ("", io.BytesIO()))
    if name != OPENING:
        raise Damaged("this is not a file that Openbook wrote")
    head = json_object(content.read(_OPENING_MAX_BYTES + 1))
    if not isinstance(head.get("format"), int) or not isinstance(head.get("kind"), str):
        raise Damaged(f"{OPENING} does not say what this is")
    if head["kind"] != kind:
        raise WrongKind(f"this is a {head['kind']}, and a {kind} is needed here")
    if int(str(head["format"])) > format:
        raise NewerFormat(
            f"this {kind} has format {head['format']}, and this Openbook reads up to {format}: take a newer Openbook"
        )
    return head


def members(file: BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    """Every member from the file's start, in order, but the manifest; raises Damaged.

    A member can be read until the next one is asked for; what is not read of it is passed over.
    """
    file.seek(0)
    while (found := _header(file)) is not None:
        name, size = found
        start = file.tell()
        if name == MANIFEST:
            return
        yield name, io.BufferedReader(_Section(file, size), _READ)
        file.seek(start + size + _padding(size))


def verify(file: BinaryIO) -> None:
    """Read all of it once; raises Damaged unless every byte is as it was written."""
    file.seek(0)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as found:
        while (head := _header(file)) is not None and head[0] != MANIFEST:
            _write_line(found, head[0], head[1], _digest(file, head[1]))
            _expect(file, bytes(_padding(head[1])), head[0])
        if head is None:
            raise Damaged("the file ends before its manifest: it was not written to its end")
        _compare(file, head[1], found)
    _expect(file, bytes(_padding(head[1]) + 2 * _BLOCK), "the end")
    if file.read(1):
        raise Damaged("there is something after the end")


def read_lines(content: BinaryIO) -> list[bytes]:
    """The lines of a compressed member; raises Damaged for what is too large once it is decompressed."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
    try:
        with decompressor.stream_reader(content) as reader:
            text = reader.read(LINES_MAX_BYTES + 1)
    except zstandard.ZstdError as error:
        raise Damaged(f"a member cannot be decompressed: {error}") from error
    if len(text) > LINES_MAX_BYTES:
        raise Damaged(f"a member holds more than {LINES_MAX_BYTES >> 20} MiB of lines")
    return text.splitlines()


def json_object(line: bytes) -> dict[str, object]:
    """A line's JSON object; raises Damaged."""
    try:
        value = orjson.loads(line)
    except ValueError as error:
        raise Damaged("a line is not JSON") from error
    if not isinstance(value, dict):
        raise Damaged("a line is not a JSON object")
    return value  # pyright: ignore[reportUnknownVariableType]  # JSON has no other keys than text


class _Section(io.RawIOBase):
    """The next `size` bytes of a file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        read = self._file.read(min(len(buffer), self._left))
        if not read and self._left:
            raise Damaged("the file ends within a member: it was not written to its end")
        buffer[: len(read)] = read
        self._left -= len(read)
        return len(read)


def _piece(compressor: zstandard.ZstdCompressor, prefix: str, number: int, rows: list[bytes]) -> Member:
    content = compressor.compress(b"\n".join(rows))
    return Member(f"{prefix}/{number:06}.jsonl.zst", len(content), [content])


def _write_member(file: BinaryIO, member: Member, manifest: BinaryIO | tempfile.SpooledTemporaryFile[bytes]) -> None:
    digest = hashlib.sha256()
    size = 0
    file.write(_made_header(member.name, member.size))
    for piece in member.content:
        digest.update(piece)
        size += len(piece)
        file.write(piece)
    if size != member.size:
        raise Damaged(f"{member.name} has {size} bytes and not {member.size}: it changed while it was read")
    file.write(bytes(_padding(size)))
    _write_line(manifest, member.name, size, digest.hexdigest())


def _write_line(manifest: BinaryIO | tempfile.SpooledTemporaryFile[bytes], name: str, size: int, sha256: str) -> None:
    manifest.write(orjson.dumps({"name": name, "size": size, "sha256": sha256}) + b"\n")


def _made_header(name: str, size: int) -> bytes:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o600
    return header.tobuf(tarfile.USTAR_FORMAT)


def _header(file: BinaryIO) -> tuple[str, int] | None:
    """Name and size of the member that begins here; None at the end."""
    block = file.read(_BLOCK)
    if not block or block == bytes(_BLOCK):
        return None
    try:
        header = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        fits = _NAME.fullmatch(header.name) is not None and block == _made_header(header.name, header.size)
    except (tarfile.HeaderError, ValueError) as error:
        raise Damaged("a member's header cannot be read") from error
    if not fits:
        raise Damaged("a member's header is not one that Openbook writes")
    return header.name, header.size


def _padding(size: int) -> int:
    return -size % _BLOCK


def _digest(file: BinaryIO, size: int) -> str:
    digest = hashlib.sha256()
    left = size
    while left:
        piece = file.read(min(_READ, left))
        if not piece:
            raise Damaged("the file ends within a member: it was not written to its end")
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()


def _expect(file: BinaryIO, expected: bytes, where: str) -> None:
    if file.read(len(expected)) != expected:
        raise Damaged(f"{where}: damaged")


def _compare(file: BinaryIO, size: int, found: tempfile.SpooledTemporaryFile[bytes]) -> None:
    """The manifest that is here with what was found, line by line."""
    manifest = io.BufferedReader(_Section(file, size), _READ)
    found.seek(0)
    for line in found:
        if manifest.readline(len(line)) != line:
            name = json_object(line)["name"]
            raise Damaged(f"{name}: its SHA-256 is not the one in the manifest: the file was damaged; take another")
    if manifest.read(1):
        raise Damaged("the manifest names more than there is: the file was damaged; take another")
