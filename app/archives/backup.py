"""The whole service in one file, and back: every row of one instant, and every original that those rows refer to.

Rows are read in one transaction while services and workers go on; originals are copied after it, and a pin keeps them
until then. The file is the same for SQLite and PostgreSQL, a folder and a bucket. Sessions, one-time logins and the
data folder's `admin.key` are never in it.
"""

import hashlib
import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from app.archives import archive
from app.archives.archive import Damaged, Member, NewerFormat
from app.archives.whole_file import whole
from app.db import migration
from app.db.copies import dump, load
from app.db.copies.dump import Dump, Original
from app.db.copies.pins import Pin
from app.wiring import Services
from ingestion.errors import BlobMissing
from ingestion.types import BlobKey
from retrieval.types import CollectionId

KIND: Final = "backup"
FORMAT: Final = 1
_READ: Final = 1 << 20
_IN_MEMORY: Final = 4 << 20
_AT_ONCE: Final = 500  # originals deleted together
_LARGEST_ORIGINAL: Final = 1 << 40


class _Opening(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["backup"]
    format: int
    created_at: AwareDatetime
    revision: str
    late: dict[str, list[str]]
    counters: dict[str, int]


@dataclass(slots=True)
class Summary:
    """What a file holds; `lost` are originals that were not there, or not as they were uploaded."""

    created_at: datetime
    rows: int = 0
    originals: int = 0
    lost: list[BlobKey] = field(default_factory=list[BlobKey])


def back_up(services: Services, path: Path) -> Summary:
    """Write a backup of this instant, whole or not at all; whoever asks, uploads or deletes meanwhile may go on."""
    summary = Summary(datetime.now(UTC))
    with whole(path) as file, services.pins.hold() as pin, tempfile.SpooledTemporaryFile(_IN_MEMORY) as originals:
        try:
            with ExitStack() as snapshot:
                dumped = snapshot.enter_context(dump.dumping(services.db))
                opening: dict[str, object] = {
                    "created_at": summary.created_at,
                    "revision": dumped.revision(),
                    "late": dump.late_columns(),
                    "counters": dumped.counters(),
                }
                members = _members(services, snapshot, dumped, pin, originals, summary)
                archive.write(file, KIND, FORMAT, opening, members)
        finally:
            pin.release()
            _delete_what_waited(services, originals)
    services.audit.record("backup.create", "ok", target=path.name)
    return summary


def check(path: Path) -> Summary:
    """Read a backup to its end; raises ArchiveError where it is damaged, of another kind or too new."""
    with path.open("rb") as file:
        return _checked(file)[1]


def restore(services: Services, path: Path) -> Summary:
    """Fill an empty database and the blob store from a backup.

    Everything is verified before anything is written, and rows come in one transaction, after all originals: a restore
    that dies leaves an empty database, and another one does it all again. Raises ArchiveError, NotEmpty, Unloadable.
    """
    with path.open("rb") as file:
        opening, summary = _checked(file)
        load.prepare(services.db, opening.revision)
        shutil.rmtree(services.settings.data_dir / "indexes", ignore_errors=True)  # caches of another database
        for key, content in _originals(file):
            services.blobs.put(content, CollectionId(int(key.split("/")[0])), _LARGEST_ORIGINAL, key)
        with load.loading(services.db, opening.late) as loader:
            for table, lines in _rows(file):
                loader.insert(table, lines)
            for table, lines in _rows(file, tuple(opening.late)):
                loader.link(table, lines)
            loader.count_on(opening.counters)
        services.db.migrate()
    services.audit.record("backup.restore", "ok", target=path.name)
    return summary


def _members(
    services: Services, snapshot: ExitStack, dumped: Dump, pin: Pin, originals: "_Spool", summary: Summary
) -> Iterator[Member]:
    for table in dump.kept_tables():
        for member in archive.lines(f"rows/{table}", _counted(dumped.lines(table), summary)):
            yield member
            pin.renew()
    for original in dumped.originals():
        originals.write(orjson.dumps([original.key, original.sha256]) + b"\n")
    snapshot.close()  # PostgreSQL would end an idle transaction, and SQLite's log grows as long as one reads
    for original in _spooled(originals):
        try:
            content = services.blobs.open(original.key)
        except BlobMissing:
            summary.lost.append(original.key)
            continue
        with content:
            size = content.seek(0, io.SEEK_END)
            content.seek(0)
            yield Member(f"blobs/{original.key}", size, _pieces(content, original, pin, summary))
        summary.originals += 1


_Spool = tempfile.SpooledTemporaryFile[bytes]


def _counted(lines: Iterator[bytes], summary: Summary) -> Iterator[bytes]:
    for line in lines:
        summary.rows += 1
        yield line


def _pieces(content: BinaryIO, original: Original, pin: Pin, summary: Summary) -> Iterator[bytes]:
    digest = hashlib.sha256()
    while piece := content.read(_READ):
        digest.update(piece)
        yield piece
        pin.renew()
    if digest.hexdigest() != original.sha256:
        summary.lost.append(original.key)


def _spooled(originals: "_Spool") -> Iterator[Original]:
    originals.seek(0)
    for line in originals:
        key, sha256 = orjson.loads(line)
        yield Original(BlobKey(key), sha256)


def _delete_what_waited(services: Services, originals: "_Spool") -> None:
    """Originals whose documents were deleted while the pin held them."""
    keys: list[BlobKey] = []
    for original in _spooled(originals):
        keys.append(original.key)
        if len(keys) == _AT_ONCE:
            _delete_unreferenced(services, keys)
            keys = []
    _delete_unreferenced(services, keys)


def _delete_unreferenced(services: Services, keys: Sequence[BlobKey]) -> None:
    for key in sorted(set(keys) - services.remains.referenced(keys)):
        services.blobs.delete(key)


def _checked(file: BinaryIO) -> tuple[_Opening, Summary]:
    try:
        opening = _Opening.model_validate(archive.opening(file, KIND, FORMAT))
    except ValidationError as error:
        raise Damaged(f"{archive.OPENING} is not as it was written") from error
    if not migration.is_known(opening.revision):
        raise NewerFormat(
            f"the backup's schema is {opening.revision}, which this Openbook does not know: take a newer Openbook"
        )
    archive.verify(file)
    summary = Summary(opening.created_at)
    for name, _ in archive.members(file):
        summary.originals += name.startswith("blobs/")
    return opening, summary


def _originals(file: BinaryIO) -> Iterator[tuple[BlobKey, BinaryIO]]:
    for name, content in archive.members(file):
        if name.startswith("blobs/"):
            yield BlobKey(name.removeprefix("blobs/")), content


def _rows(file: BinaryIO, only: Sequence[str] | None = None) -> Iterator[tuple[str, list[bytes]]]:
    for name, content in archive.members(file):
        kind, _, rest = name.partition("/")
        table = rest.partition("/")[0]
        if kind == "rows" and (only is None or table in only):
            yield table, archive.read_lines(content)
