"""HTML looked at as text, in linear time: how deep it nests, flattened where too deep, or without its tags."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Literal

MAX_DEPTH = 150
"""lxml drops what lies deeper than about 256 without a word, and selectolax is quadratic in depth (security.md R11)."""

_MAX_ATTRIBUTES = 4000  # the parsers compare each attribute with all before it
_ATTRIBUTE_MARKS = re.compile(r"[\s=/]")

_TAG_START = re.compile(r"<(?:(?P<comment>!--)|(?P<close>/)?(?P<name>[a-zA-Z][a-zA-Z0-9:-]*)|[!?/])")
_VOID = frozenset(
    re.findall(r"\w+", "area base br col embed frame hr img input keygen link meta param source track wbr")
)
_RAW = frozenset(("script", "style", "textarea", "title", "xmp"))
_HIDDEN = frozenset(("script", "style", "template"))
_CLOSES = {  # an opening tag that ends an open one of these, where that is the innermost
    "p": frozenset(("p",)),
    "li": frozenset(("li", "p")),
    "dt": frozenset(("dt", "dd", "p")),
    "dd": frozenset(("dt", "dd", "p")),
    "tr": frozenset(("tr", "td", "th", "p")),
    "td": frozenset(("td", "th", "p")),
    "th": frozenset(("td", "th", "p")),
    "option": frozenset(("option",)),
    "div": frozenset(("p",)),
    "table": frozenset(("p",)),
    "ul": frozenset(("p",)),
    "ol": frozenset(("p",)),
}
_INLINE = frozenset(
    re.findall(
        r"\w+",
        "a abbr b bdi bdo big cite code data del dfn em font i ins kbd mark q s samp small span strike strong sub sup "
        "time tt u var",
    )
)


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag's place in the text: `[start, end)`, with its name in lower case; a comment is called "!--"."""

    start: int
    end: int
    name: str
    kind: Literal["open", "close", "other"]


def tags(html: str) -> Iterator[Tag]:
    """Every tag in order; what stands inside scripts, styles and comments is none. Never reads a stretch twice."""
    last = {"-->": html.rfind("-->"), ">": html.rfind(">")}  # so that no search runs to the end in vain
    position = 0
    while (match := _TAG_START.search(html, position)) is not None:
        mark = "-->" if match["comment"] else ">"
        if last[mark] < match.end() - (2 if match["comment"] else 0):
            if mark == ">":
                return
            position = match.end()
            continue
        end = html.find(mark, match.end() - (2 if match["comment"] else 0)) + len(mark)
        name = "!--" if match["comment"] else (match["name"] or "").lower()
        kind = "other" if not match["name"] else "close" if match["close"] else "open"
        yield Tag(match.start(), end, name, kind)
        position = end
        if kind == "open" and name in _RAW:
            closing = re.compile(f"</{name}", re.IGNORECASE).search(html, end)
            if closing is None:
                return
            position = closing.start()


def flatten(html: str) -> tuple[str, bool]:
    """Return the page without tags deeper than MAX_DEPTH or full of attributes, text kept; and if there were any."""
    open_tags: list[str] = []
    dropped: Counter[str] = Counter()
    cuts: list[Tag] = []
    for tag in tags(html):
        if tag.kind == "open":
            closes = _CLOSES.get(tag.name, frozenset())
            while open_tags and open_tags[-1] in closes:
                open_tags.pop()
            if len(open_tags) >= MAX_DEPTH or _is_crowded(html, tag):
                dropped[tag.name] += tag.name not in _VOID
                cuts.append(tag)
            elif tag.name not in _VOID:
                open_tags.append(tag.name)
        elif tag.kind == "close" and dropped[tag.name]:
            dropped[tag.name] -= 1
            cuts.append(tag)
        elif tag.kind == "close" and tag.name in open_tags:
            while open_tags.pop() != tag.name:
                pass
    return (_without(html, cuts), any(tag.name not in _VOID for tag in cuts)) if cuts else (html, False)


def strip_tags(html: str) -> str:
    """Return the text between the tags, entities resolved, scripts and styles left out."""
    return unescape(_without(html, list(tags(html)), _HIDDEN))


def _is_crowded(html: str, tag: Tag) -> bool:
    """Whether the tag may have more attributes than any page needs; counts what could part them."""
    if tag.end - tag.start <= _MAX_ATTRIBUTES:
        return False
    return sum(1 for _ in _ATTRIBUTE_MARKS.finditer(html, tag.start, tag.end)) > _MAX_ATTRIBUTES


def _without(html: str, cuts: list[Tag], hidden: frozenset[str] = frozenset()) -> str:
    parts: list[str] = []
    position, inside = 0, ""
    for tag in cuts:
        if not inside:
            parts.append(html[position : tag.start])
            if tag.name not in _INLINE:
                parts.append("\n")
            if tag.kind == "open" and tag.name in hidden:
                inside = tag.name
        elif tag.kind == "close" and tag.name == inside:
            inside = ""
        position = tag.end
    if not inside:
        parts.append(html[position:])
    return "".join(parts)
