"""A version's metadata: whose word counts, and the rows by which a filter finds it."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from app.db.sql import Row, storable
from ingestion.types import Metadata, VersionId
from retrieval.types import MetadataValue, Scalar

KEY: Final = re.compile(r"\w[\w .:/-]{0,63}")
"""Keys that a filter may name; others are shown, not filtered by."""
TEXT_LENGTH: Final = 1024
TEXT_BYTES: Final = 2048  # PostgreSQL refuses an index entry past 2,704 bytes


def merged(parsed: Metadata, given: Metadata) -> dict[str, MetadataValue]:
    """What the file says of itself, overridden by what its uploader says."""
    return {key: value for key, value in {**parsed, **given}.items() if not _is_not_json(value)}


def from_json(stored: Mapping[str, Any]) -> dict[str, MetadataValue]:
    """Metadata as the domain knows it: lists come back as tuples."""
    return {key: _value(value) for key, value in stored.items()}


def comparable(value: Scalar) -> str | float:
    """What a filter compares: numbers as numbers, all else as text, truth as "true" and "false"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = storable(value[:TEXT_LENGTH])
        return text if text.isascii() else text.encode()[:TEXT_BYTES].decode(errors="ignore")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def filter_rows(version: VersionId, metadata: Metadata) -> list[Row]:
    """One row per value of every key that a filter may name; equal values of a list give one."""
    rows: list[Row] = []
    for key, value in metadata.items():
        if KEY.fullmatch(key) and not _is_not_json(value):
            for single in dict.fromkeys(map(comparable, value if isinstance(value, tuple) else (value,))):
                text, number = (single, None) if isinstance(single, str) else (None, single)
                rows.append({"version_id": version, "key": key, "text": text, "number": number})
    return rows


def _value(stored: Any) -> MetadataValue:
    return tuple(cast("list[Scalar]", stored)) if isinstance(stored, list) else stored


def _is_not_json(value: MetadataValue) -> bool:
    """NaN and the infinities, which neither JSON nor a comparison knows."""
    values = value if isinstance(value, tuple) else (value,)
    return any(isinstance(single, float) and not math.isfinite(single) for single in values)
