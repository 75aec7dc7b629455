"""What a Markdown file says of itself between two lines of dashes at its start."""

import re
from collections.abc import Iterator

from ingestion.dates import moment
from retrieval.types import MetadataValue

_MATTER = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_LINE = re.compile(r"[^\s:][^:\n]{0,63}:|[-#\]}]|\s|$")  # of YAML; a text between two rules has others
_KEY = re.compile(r"([A-Za-z_][\w-]{0,63}):[ \t]*(.{0,1000})$")
_PART = re.compile(r"[ \t]*-[ \t]+(.{1,200})$")
_COMMENT = re.compile(r"[ \t]+#.*")
_MOST = 50  # keys, and parts of a list
# Other generators' names for what has one name here.
_NAMES = {
    "authors": "author", "date": "published", "pubdate": "published", "publishdate": "published",
    "lastmod": "modified", "last_modified": "modified", "updated": "modified", "canonical_url": "source",
}  # fmt: skip
_DATES = ("created", "modified", "published")


def split(markdown: str) -> tuple[dict[str, MetadataValue], str]:
    """The `key: value` lines and lists of a front matter, dates as ISO strings, and what follows it.

    Nested YAML is passed over.
    """
    match = _MATTER.match(markdown.lstrip("\n"))
    if match is None or not all(map(_LINE.match, match[1].split("\n"))):
        return {}, markdown
    found: dict[str, MetadataValue] = {}
    for key, value in _pairs(match[1]):
        name = _NAMES.get(key.lower(), key)
        day = _day(value) if name in _DATES else None
        if len(found) < _MOST:
            found.setdefault(key if name in _DATES and day is None else name, day or value)
    return found, markdown.lstrip("\n")[match.end() :]


def _day(value: str | tuple[str, ...]) -> str | None:
    date = moment(value.replace("/", "-")[:10]) if isinstance(value, str) else None
    return date.date().isoformat() if date is not None else None


def _pairs(matter: str) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Keys with a value on their line, or with a list on it or below it."""
    lines = matter.split("\n")
    for number, line in enumerate(lines):
        pair = _KEY.match(line)
        if pair is None:
            continue
        key, value = pair[1], _COMMENT.sub("", pair[2]).strip()
        if value.startswith("[") and value.endswith("]"):
            yield key, tuple(part for part in map(_plain, value[1:-1].split(",")) if part)[:_MOST]
        elif value and value[0] not in "|>{&*!":
            yield key, _plain(value)
        elif not value and (parts := tuple(_parts(lines[number + 1 :]))):
            yield key, parts


def _parts(lines: list[str]) -> Iterator[str]:
    for line in lines[:_MOST]:
        part = _PART.match(line)
        if part is None or _KEY.match(part[1]):
            return
        yield _plain(part[1])


def _plain(value: str) -> str:
    return value.strip(" \t\"'")
