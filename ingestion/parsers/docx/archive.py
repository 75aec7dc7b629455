"""Looks at a Word file's ZIP directory before anything is inflated, and refuses what no word processor writes."""

import re
import stat
import struct
import zipfile
import zlib
from io import BytesIO

from ingestion.errors import ParseLimit, Unreadable

MAX_ENTRIES = 5000
MAX_INFLATED_BYTES = 200 * 2**20
MAX_RATIO = 100  # unpacked to packed size; ordinary XML stays far below
_RATIO_FROM_BYTES = 2**20  # small parts may well compress better than that
_MAX_DIRECTORY_BYTES = MAX_ENTRIES * 512  # reading a directory of a million entries takes zipfile many seconds

_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_UNSAFE_NAME = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)|^[/\\]|^[A-Za-z]:|[\x00-\x1f]")
_STRICT_NAMESPACE = b"purl.oclc.org/ooxml"


def check(content: bytes) -> None:
    """Raise ParseLimit for a bomb, Unreadable for what is damaged, encrypted, tricky or no Word file."""
    _check_directory_size(content)
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            entries = archive.infolist()
            _check_sizes(entries)
            _check_names(entries)
            relations = archive.read("_rels/.rels")
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        KeyError,
        EOFError,
        OSError,
        ValueError,
        zlib.error,
    ) as error:
        raise Unreadable(f"the file is damaged or no Word document: {error}") from error
    if _STRICT_NAMESPACE in relations:
        raise Unreadable("the file is in the Strict Open XML format: save it as an ordinary Word document (.docx)")


def _check_directory_size(content: bytes) -> None:
    at = content.rfind(_END_SIGNATURE, max(0, len(content) - 65_536 - _END.size))
    if at < 0 or len(content) - at < _END.size:
        raise Unreadable("the file is damaged: its archive has no directory")
    _, _, _, _, entries, size, _, _ = _END.unpack_from(content, at)
    if entries > MAX_ENTRIES or size > _MAX_DIRECTORY_BYTES:  # ZIP64 writes its sizes elsewhere, and 0xFFFF here
        raise ParseLimit(f"the file has more than {MAX_ENTRIES} parts")


def _check_sizes(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise ParseLimit(f"the file has more than {MAX_ENTRIES} parts")
    inflated = sum(entry.file_size for entry in entries)
    if inflated > MAX_INFLATED_BYTES:
        raise ParseLimit(
            f"the file inflates to {inflated / 2**20:.0f} MiB; at most {MAX_INFLATED_BYTES >> 20} are read"
        )
    for entry in entries:
        if entry.file_size > max(_RATIO_FROM_BYTES, MAX_RATIO * entry.compress_size):
            raise ParseLimit(f"the file is packed more than {MAX_RATIO} to 1, as only a bomb is")


def _check_names(entries: list[zipfile.ZipInfo]) -> None:
    names: set[str] = set()
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise Unreadable("the file is encrypted: save it without a password")
        if _UNSAFE_NAME.search(entry.orig_filename) or stat.S_ISLNK(entry.external_attr >> 16):
            raise Unreadable("the file's archive points outside itself")
        if entry.filename in names:
            raise Unreadable("the file's archive names a part twice")
        names.add(entry.filename)
