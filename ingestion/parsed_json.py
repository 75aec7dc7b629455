"""ParsedDocument ⇄ compact JSON bytes: what crosses the sandbox's pipe and what the database keeps, compressed."""

from collections.abc import Iterator
from typing import Any, cast

import orjson

from ingestion.types import Block, BlockKind, Page, ParsedDocument
from retrieval.regions import flat, region_of
from retrieval.types import MetadataValue

_KINDS: tuple[BlockKind, ...] = ("heading", "paragraph", "list", "table", "code")


def dump(parsed: ParsedDocument) -> bytes:
    """Return the document as compact JSON: blocks, regions and pages are arrays, not objects."""
    return orjson.dumps(
        {
            "title": parsed.title,
            "blocks": [
                [_KINDS.index(block.kind), block.level, block.text, [flat(region) for region in block.regions]]
                for block in parsed.blocks
            ],
            "pages": [[page.number, page.width, page.height, page.label, page.textless] for page in parsed.pages],
            "metadata": dict(parsed.metadata),
            "warnings": parsed.warnings,
            "counts": dict(parsed.counts),
        }
    )


def load(content: bytes) -> ParsedDocument:
    """Return the document that `dump` wrote; raises ValueError for bytes that it cannot have written."""
    try:
        tree = cast("dict[str, Any]", orjson.loads(content))
        return ParsedDocument(
            title=str(tree["title"]),
            blocks=tuple(
                Block(_KINDS[int(kind)], str(text), int(level), tuple(map(region_of, regions)))
                for kind, level, text, regions in _emptied(tree["blocks"])
            ),
            pages=tuple(
                Page(int(number), float(width), float(height), None if label is None else str(label), bool(textless))
                for number, width, height, label, textless in tree["pages"]
            ),
            metadata={str(key): _value(value) for key, value in tree["metadata"].items()},
            warnings=tuple(str(warning) for warning in tree["warnings"]),
            counts={str(step): int(count) for step, count in tree["counts"].items()},
        )
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"no parsed document: {error!r}") from error


def _emptied(parts: list[list[Any]]) -> Iterator[list[Any]]:
    """Each part in order, which the list then lets go of: a book's tree is as large as what is made of it."""
    parts.reverse()
    while parts:
        yield parts.pop()


def _value(value: object) -> MetadataValue:
    if isinstance(value, list):
        return tuple(_scalar(part) for part in cast("list[object]", value))
    return _scalar(value)


def _scalar(value: object) -> str | int | float | bool:
    if isinstance(value, str | int | float):
        return value
    raise TypeError(f"no metadata value: {value!r}")
