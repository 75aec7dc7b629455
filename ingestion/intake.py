"""Accept uploads: check what they are, keep the original, and register document, version and job in one transaction."""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath, PureWindowsPath
from typing import BinaryIO

from ingestion.errors import IngestionError, Outage, ParseError, ParserCrashed, Refused, TooLarge, Unreadable
from ingestion.formats import detect
from ingestion.ports import BlobStore, DocumentRegister
from ingestion.sandbox.sandbox import Sandbox
from ingestion.types import Accepted, DocumentId, MediaType, Metadata, Upload
from retrieval.types import CollectionId

_HEAD = 64 << 10
NAME_MAX = 255
_TRIED: frozenset[MediaType] = frozenset(
    {"application/pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"}
)


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A file as it comes in, from the start of `content`; `document` names the one whose next version it is."""

    name: str
    content: BinaryIO
    metadata: Metadata
    password: str | None = None
    document: DocumentId | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """What is accepted is on disk and in the database before the caller learns of it."""

    register: DocumentRegister
    blobs: BlobStore
    sandbox: Sandbox
    max_bytes: int

    def accept(self, file: IncomingFile, collection: CollectionId) -> Accepted:
        """One file; raises Refused or ParseError with a message that names the file and the way out."""
        outcome = self.accept_all([file], collection)[0]
        if isinstance(outcome, IngestionError):
            raise outcome
        return outcome

    def accept_all(
        self, files: Sequence[IncomingFile], collection: CollectionId, uploader: str | None = None
    ) -> list[Accepted | Refused | ParseError]:
        """One outcome per file, in order; a refused file does not keep the others out.

        Raises QueueFull or UnknownDocument when none of them can be registered; then nothing is kept.
        """
        stored = [self._store(file, collection) for file in files]
        uploads = [replace(upload, uploader=uploader) for upload in stored if isinstance(upload, Upload)]
        try:
            accepted = self.register.register(collection, uploads) if uploads else []
        except Outage:
            raise  # it may have come after the commit; what no version refers to is swept later
        except IngestionError:
            for upload in uploads:
                self.blobs.delete(upload.blob.key)
            raise
        for upload, outcome in zip(uploads, accepted, strict=True):
            if outcome.duplicate:
                self.blobs.delete(upload.blob.key)
        registered = iter(accepted)
        return [next(registered) if isinstance(upload, Upload) else upload for upload in stored]

    def _store(self, file: IncomingFile, collection: CollectionId) -> Upload | Refused | ParseError:
        name = display_name(file.name)
        try:
            media_type = detect(name, file.content.read(_HEAD))
            file.content.seek(0)
            content = self._opened(file, name, media_type) or file.content
            blob = self.blobs.put(content, collection, self.max_bytes)
        except (Refused, ParseError) as refusal:
            return refusal
        except ParserCrashed:
            return Unreadable(f"{name}: opening the file crashed the parser; save it anew and upload it again")
        return Upload(name, media_type, blob, file.metadata, file.document)

    def _opened(self, file: IncomingFile, name: str, media_type: MediaType) -> BinaryIO | None:
        """Open the file once for trial; gives the decrypted content of an encrypted one."""
        if media_type not in _TRIED:
            return None
        size = file.content.seek(0, os.SEEK_END)
        file.content.seek(0)
        if size > self.max_bytes:
            raise TooLarge(f"{name}: larger than {self.max_bytes >> 20} MiB (OPENBOOK_UPLOAD_MAX_MEBIBYTES)")
        try:
            decrypted = self.sandbox.unlock(file.content, media_type, file.password)
        finally:
            file.content.seek(0)
        return io.BytesIO(decrypted) if decrypted is not None else None


def display_name(name: str) -> str:
    """The last part of what the client called the file, printable; it is shown, never used as a path."""
    return shown_of(name) or "unnamed"


def shown_of(name: str) -> str:
    """What can be shown of a file's name; empty, where that is nothing but dots."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    printable = "".join(character for character in last if character.isprintable()).strip()
    return printable[-NAME_MAX:] if printable.strip(".") else ""
