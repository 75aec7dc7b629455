"""What can go wrong in ingestion.

IngestionError
├── Refused                    the intake says no; nothing was stored
│   ├── TooLarge               past the byte cap
│   ├── EmptyFile              no bytes at all
│   ├── UnsupportedFormat      neither PDF, Word, HTML, Markdown nor text
│   ├── FormatMismatch         name and content disagree
│   ├── PasswordRequired       encrypted, and no or a wrong password
│   ├── QueueFull              too many jobs wait (transient)
│   └── StorageFull            no room left on the disk (transient)
├── Outage                     what ingestion leans on is away or full; the job waits (transient)
├── UnknownDocument            no such document, or not yours
├── BlobMissing                the original is not in the blob store
├── ParseError                 the file cannot be read (permanent)
│   ├── Unreadable             damaged or not what it says
│   └── ParseLimit             past the memory, time or output that parsing may take
│       └── TookTooLong        past the time
├── ParserCrashed              the parsing child died; tried again, then permanent
└── NoLongerWanted             the job was cancelled, deleted or retaken while its file was parsed
"""

from typing import ClassVar, Final

TOO_MUCH_MEMORY: Final = "the file needs more memory than parsing may take (OPENBOOK_PARSE_MEMORY_MEBIBYTES)"


class IngestionError(Exception):
    """Base of all errors that ingestion raises."""

    code: ClassVar[str] = "ingestion"


class Refused(IngestionError):
    """The intake says no; nothing was stored."""

    code = "refused"


class TooLarge(Refused):
    """The file is past the byte cap; the message names the cap and the setting."""

    code = "too_large"


class EmptyFile(Refused):
    """The file has no bytes."""

    code = "empty"


class UnsupportedFormat(Refused):
    """Neither PDF, Word, HTML, Markdown nor text."""

    code = "unsupported_format"


class FormatMismatch(Refused):
    """The name says one format and the content another."""

    code = "format_mismatch"


class PasswordRequired(Refused):
    """The file is encrypted, and no password or a wrong one was given."""

    code = "password_required"


class QueueFull(Refused):
    """Too many jobs wait; try again later."""

    code = "queue_full"


class StorageFull(Refused):
    """No room is left where files are kept; try again when there is."""

    code = "storage_full"


class Outage(IngestionError):
    """Database, disk or blob store cannot be used right now; no file is to blame, and none loses an attempt by it."""

    code = "outage"


class UnknownDocument(IngestionError):
    """No such document, or not yours."""

    code = "unknown_document"


class BlobMissing(IngestionError):
    """The original is not in the blob store."""

    code = "blob_missing"


class ParseError(IngestionError):
    """The file cannot be read, and trying again will not help."""

    code = "parse_error"


class Unreadable(ParseError):
    """The file is damaged or not what it says it is."""

    code = "unreadable"


class ParseLimit(ParseError):
    """Parsing took more memory, time or output than it may."""

    code = "parse_limit"


class TookTooLong(ParseLimit):
    """Parsing took more time than it may."""


class ParserCrashed(IngestionError):
    """The parsing child died without a word."""

    code = "parser_crashed"


class NoLongerWanted(IngestionError):
    """Nobody waits for this file any more; its child was killed."""

    code = "no_longer_wanted"
