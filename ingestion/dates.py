"""From when on a document's content holds: what newer ones are preferred or demanded by."""

import re
from datetime import UTC, datetime

from ingestion.types import Metadata

EFFECTIVE = "effective_at"
_DATED_BY = (EFFECTIVE, "published", "modified", "created")
_YEAR_FIRST = re.compile(r"\d{4}(-\d{2})?")


def effective_at(metadata: Metadata) -> datetime | None:
    """What `effective_at` says, else when the file was published, modified or created; none where no date is told."""
    said = (metadata.get(key) for key in _DATED_BY)
    return next((found for value in said if isinstance(value, str) and (found := moment(value))), None)


def moment(text: str) -> datetime | None:
    """The time that ISO 8601 text names: a day, a month or a year means its beginning, no zone means UTC."""
    text = text.strip()
    if partial := _YEAR_FIRST.fullmatch(text):
        text += "-01" if partial[1] else "-01-01"
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def exact_moment(text: str) -> datetime | None:
    """The time that an RFC 3339 time or a day names, nothing looser: for what people type."""
    is_day = re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) is not None
    is_time = re.fullmatch(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", text, re.ASCII)
    return moment(text) if is_day or is_time else None
