"""What a page says about itself: title, author, dates, subject, keywords, its own address."""

import json
from collections.abc import Iterator
from typing import cast

from selectolax.lexbor import LexborHTMLParser
from trafilatura.settings import Document

from ingestion.dates import moment
from ingestion.normalize import one_line
from ingestion.parsers.html.tree import matching
from retrieval.types import MetadataValue

_MAX_LINKED_DATA = 200_000  # characters of JSON-LD
_MAX_KEYWORDS = 30
_MAX_FACT = 500  # characters
# In meta elements, by name, property or itemprop, in lower case; the first that is there counts.
_CREATED = ("dcterms.created", "dc.date.created", "datecreated")
_MODIFIED = (
    "article:modified_time",
    "og:updated_time",
    "datemodified",
    "dcterms.modified",
    "dc.date.modified",
    "last-modified",
)
_PUBLISHED = ("article:published_time", "datepublished", "dcterms.issued", "dc.date.issued", "dc.date", "date")
_SUBJECT = ("dc.subject", "dcterms.subject", "article:section", "subject")
_KEYWORDS = ("keywords", "news_keywords")
_ADDRESSES = ("http://", "https://")


def read(tree: LexborHTMLParser, found: Document | None) -> tuple[str, dict[str, MetadataValue]]:
    """Title and metadata; dates as ISO strings. `found` is what trafilatura read of the page, if it could."""
    told = _told(tree)
    linked = dict(_linked_data(tree))
    published = _day(_first(told, _PUBLISHED) or linked.get("datePublished", ""))
    facts: dict[str, MetadataValue] = {
        "author": one_line((found.author if found else None) or told.get("author", "") or linked.get("author", "")),
        "created": _day(_first(told, _CREATED) or linked.get("dateCreated", "")),
        "modified": _day(_first(told, _MODIFIED) or linked.get("dateModified", "")),
        "published": published or _day((found.date if found else None) or ""),
        "subject": one_line(_first(told, _SUBJECT))[:_MAX_FACT],
        "keywords": _keywords(_first(told, _KEYWORDS)),
        "source": _source(tree, told),
        "language": one_line((tree.root.attributes.get("lang") if tree.root is not None else None) or "")[:35],
    }
    node = tree.css_first("title")
    title = (found.title if found else None) or (node.text() if node is not None else "")
    return one_line(title), {key: value for key, value in facts.items() if value}


def _day(text: str) -> str:
    """The day, as 2023-05-06, of a moment in ISO 8601; empty for anything else, a month or a year alone among it."""
    day = text.strip()[:10]
    found = moment(day) if len(day) == len("2023-05-06") else None
    return found.date().isoformat() if found is not None else ""


def _told(tree: LexborHTMLParser) -> dict[str, str]:
    """The page's meta elements, and times marked as its own; of several under one name, the first."""
    told: dict[str, str] = {}
    for node in matching(tree, "meta[content], time[itemprop][datetime]").values():
        attributes = node.attributes
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop") or ""
        value = attributes.get("content") or attributes.get("datetime") or ""
        told.setdefault(name.lower(), value[: 10 * _MAX_FACT])
    return told


def _first(told: dict[str, str], names: tuple[str, ...]) -> str:
    return next((told[name] for name in names if told.get(name)), "")


def _keywords(text: str) -> tuple[str, ...]:
    """Distinct keywords in their order."""
    parts = text.replace("，", ",").replace("、", ",").replace(";", ",").split(",")
    return tuple(dict.fromkeys(word[:100] for word in map(one_line, parts) if word))[:_MAX_KEYWORDS]


def _source(tree: LexborHTMLParser, told: dict[str, str]) -> str:
    link = tree.css_first("link[rel=canonical i][href]")
    address = (link.attributes.get("href") if link is not None else None) or told.get("og:url", "")
    return one_line(address)[:2000] if address.lower().startswith(_ADDRESSES) else ""


def _linked_data(tree: LexborHTMLParser) -> Iterator[tuple[str, str]]:
    """Dates and author of the JSON-LD that says what the page is."""
    for node in reversed(matching(tree, "script[type='application/ld+json' i]").values()):
        text = node.text()
        try:
            told: object = json.loads(text) if len(text) <= _MAX_LINKED_DATA else None
        except (ValueError, RecursionError):
            continue
        for thing in reversed(_things(told)):
            for key in ("datePublished", "dateModified", "dateCreated"):
                if isinstance(value := thing.get(key), str):
                    yield key, value
            if author := _name(thing.get("author")):
                yield "author", author


def _name(person: object) -> str:
    """The name of a person, or of the first of several."""
    if isinstance(person, list):
        return _name(next(iter(cast("list[object]", person)), None))
    name = cast("dict[str, object]", person).get("name") if isinstance(person, dict) else person
    return name if isinstance(name, str) else ""


def _things(told: object) -> list[dict[str, object]]:
    """The objects at the top, or in the graph that stands there."""
    things = cast("list[object]", told) if isinstance(told, list) else [told]
    objects = [cast("dict[str, object]", thing) for thing in things if isinstance(thing, dict)]
    graphs = [cast("list[object]", thing["@graph"]) for thing in objects if isinstance(thing.get("@graph"), list)]
    return objects + [cast("dict[str, object]", part) for graph in graphs for part in graph if isinstance(part, dict)]
