"""How many altered sentences the service flags, and how many true ones, each with its labels in a context."""

import os
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from claims.alterations import Alterations
from claims.cases import NEAR, Case, clapnq, rageval, verbatim
from claims.contexts import PASSAGES, Shelf
from generation.release import Sentence
from generation.verification.verification import Verified, held_to, verify
from measure import Table
from retrieval.embedders.sentence_transformers import SentenceTransformerEmbedder

SETS = ("clapnq", "rageval_en", "rageval_zh")
HALVES = ("tune", "report")
ALL = "all"
_FLAGS = (
    ("altered", "flagged"),
    ("true, near", "doubted"),
    ("true, near", "not borne out"),
    ("true, a paraphrase", "doubted"),
    ("true, a paraphrase", "not borne out"),
    ("true, wrongly cited", "borne out"),
)

Counts = Mapping[tuple[str, ...], list[bool]]


def run() -> list[Table]:
    folder = Path(os.environ["FIDELITY_DATA"])
    embedder = SentenceTransformerEmbedder()
    shelves = {name: Shelf(folder / name, embedder) for name in SETS}
    cases = [
        *clapnq(folder / "clapnq", shelves["clapnq"]),
        *rageval(folder / "rageval_en", shelves["rageval_en"]),
        *rageval(folder / "rageval_zh", shelves["rageval_zh"]),
    ]
    chance = random.Random(7)
    alterations = Alterations(cases, chance)
    flags: dict[tuple[str, ...], list[bool]] = defaultdict(list)
    kinds: dict[tuple[str, ...], list[bool]] = defaultdict(list)
    for case in cases:
        for what, flag in _true(case, chance):
            flags[case.name, case.half, *what].append(flag)
        for kind, altered in alterations.of(case) if case.is_near else ():
            flagged = not _verified(case, altered).is_borne_out
            flags[case.name, case.half, "altered", "flagged"].append(flagged)
            kinds[case.name, kind].append(flagged)
    opened = alterations.openings([*cases, *verbatim(folder / "clapnq", shelves["clapnq"])])
    for case, altered in opened:
        kinds[case.name, "opening name"].append(not _verified(case, altered).is_borne_out)
    return [_held(flags), _by_kind(kinds)]


def _true(case: Case, chance: random.Random) -> Iterator[tuple[tuple[str, str], bool]]:
    verified = _verified(case, case.said)
    what = "true, near" if case.is_near else "true, a paraphrase"
    yield (what, "doubted"), bool(verified.doubts)
    yield (what, "not borne out"), not verified.is_borne_out
    others = [label for label in case.passages if label not in case.labels]
    if case.is_near and others:
        label = chance.choice(others)
        wrong = held_to(f"{case.said} [{label}]", (label,), case.passages)
        yield ("true, wrongly cited", "borne out"), wrong.is_borne_out


def _verified(case: Case, said: str) -> Verified:
    """What the service makes of a sentence that a model writes with the case's labels."""
    labels = "".join(f"[{label}]" for label in case.labels)
    return verify(Sentence("", f"{said} {labels}", case.labels), case.passages)


def _held(flags: Counts) -> Table:
    rows = [
        (name, half, *(_share(_of(flags, name, half, what)) for what in _FLAGS))
        for name in (*SETS, ALL)
        for half in HALVES
    ]
    notes = (
        f"Each sentence through `verify`, with the quotes that it chooses: in a context of {PASSAGES} passages that "
        "the question finds by terms, those of the reference among them, cut as the service cuts them. It cites the "
        "fewest of these that hold what they together hold of its terms.",
        f"Near: the reference's sentences hold at least {NEAR:.0%} of the sentence's terms. Flagged, not borne out: a "
        "doubt, or a support under one half. Each near sentence that has a number, a name or something to deny is "
        "altered once in each way, by a fixed seed.",
        "Wrongly cited: a near sentence with another passage of its context for its own, before a label is put right.",
        "Halves of the questions by a hash of their ids: what was changed was looked at on the tuning half alone.",
    )
    head = ("set", "half", *(f"{whose}: {flag}" for whose, flag in _FLAGS))
    return Table("Sentences held to their sources as answers are", head, tuple(rows), notes)


def _of(flags: Counts, name: str, half: str, what: tuple[str, str]) -> list[bool]:
    names = SETS if name == ALL else (name,)
    return [flag for each in names for flag in flags.get((each, half, *what), ())]


def _by_kind(kinds: Counts) -> Table:
    names = sorted({name for name, _ in kinds})
    head = sorted({kind for _, kind in kinds})
    rows = [(name, *(_share(kinds.get((name, kind), ())) for kind in head)) for name in names]
    notes = (
        "Opening name: one word, which the texts have within sentences too and never in lower case, becomes another. "
        "Verbatim: all sentences of the documents that open so, cited from the passage that they stand in.",
    )
    return Table("Altered sentences flagged, by what was altered", ("set", *head), tuple(rows), notes)


def _share(flags: Iterable[bool]) -> str:
    found = list(flags)
    return f"{sum(found) / len(found):.3f} of {len(found)}" if found else ""
