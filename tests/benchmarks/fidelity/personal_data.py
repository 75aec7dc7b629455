"""Personal data in sentences made from templates: how much of it is found, and how much of what is found is it."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.redaction.personal import Found, find
from ingestion.types import PersonalKind
from measure import Table

KINDS: dict[str, PersonalKind] = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "IBAN_CODE": "iban",
    "CREDIT_CARD": "card",
    "US_SSN": "id",
    "IP_ADDRESS": "ip",
}


@dataclass(frozen=True, slots=True)
class _Sentence:
    said: tuple[Found, ...]
    found: tuple[Found, ...]


def run(folder: Path) -> list[Table]:
    rows: list[dict[str, Any]] = json.loads((folder / "synth.json").read_text(encoding="utf-8"))
    start = time.perf_counter()
    sentences = [_Sentence(tuple(_said(row)), tuple(find(row["full_text"]))) for row in rows]
    seconds = time.perf_counter() - start
    characters = sum(len(row["full_text"]) for row in rows)
    kinds = list(KINDS.values())
    return [
        Table(
            f"Personal data, presidio_pii: {len(rows)} sentences",
            ("kind", "in the sentences", "recall", "found", "precision"),
            (*(_row(kind, [kind], sentences) for kind in kinds), _row("all", kinds, sentences)),
            (
                "An entity is found when something of its kind overlaps it; what is found is right when it overlaps an "
                "entity of its kind. Kinds that Openbook does not look for (names, places, dates, ...) are left out.",
                f"{characters / seconds / 1e6:.2f} million characters per second, one thread.",
            ),
        )
    ]


def _said(row: dict[str, Any]) -> list[Found]:
    return [
        Found(KINDS[span["entity_type"]], span["start_position"], span["end_position"])
        for span in row["spans"]
        if span["entity_type"] in KINDS
    ]


def _row(name: str, kinds: list[PersonalKind], sentences: list[_Sentence]) -> tuple[str, ...]:
    said = [(each, sentence.found) for sentence in sentences for each in sentence.said if each.kind in kinds]
    found = [(each, sentence.said) for sentence in sentences for each in sentence.found if each.kind in kinds]
    return (name, str(len(said)), _share(said), str(len(found)), _share(found))


def _share(pairs: list[tuple[Found, tuple[Found, ...]]]) -> str:
    met = sum(any(_overlap(each, other) for other in others) for each, others in pairs)
    return f"{met / len(pairs):.3f}" if pairs else ""


def _overlap(one: Found, other: Found) -> bool:
    return one.kind == other.kind and one.start < other.end and other.start < one.end
