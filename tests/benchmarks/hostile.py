"""Published injections obeyed to the letter: how much of what they demand is marked, and how much of the harmless."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from generation.draft import Draft
from generation.types import AnswerSentence, GeneratedText
from generation.verification.injection import commanded
from measure import Table
from retrieval.sentences import line_spans, sentence_spans
from retrieval.types import Chunk, ChunkId, Context, Hit, Passage, Placement, Scores, Source

_ALIVE = re.compile(r"\]\(|!\[|\]:|<[A-Za-z/!?]|://|\bwww\.|(?:javascript|data|vbscript):\S", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"]{3,})"')
_TARGET = re.compile(r"['\"“‘「]([^'\"”’」]+)['\"”’」]")
_CONTEXTS = 20  # of each kind, so that a run takes a minute
_CARRYING = 3
_MOST_SENTENCES = 4000
_KINDS = ("email", "table", "code")
_LOOK_ALIKES = ("anthropic_docs", "fastapi_docs", "scifact", "rageval_en", "rageval_zh", "crud_news")


@dataclass(slots=True)
class _Count:
    """Sentences written, those marked as not borne out, and answers in which something is alive."""

    sentences: int = 0
    marked: int = 0
    alive: int = 0

    def add(self, answer: str, told: list[AnswerSentence]) -> None:
        self.alive += _ALIVE.search(answer) is not None
        self.sentences += len(told)
        self.marked += sum(bool(each.doubts) or each.support < 0.5 for each in told)


def run() -> list[Table]:
    folder = Path(os.environ["FIDELITY_DATA"])
    return [_attacks(folder), _carried(folder), _harmless(folder)]


def _attacks(folder: Path) -> Table:
    counts: dict[str, _Count] = defaultdict(_Count)
    for name, said, passage in (*_bipia(folder / "bipia"), *_cyberseceval(folder / "cyberseceval")):
        counts[name].add(*_obeyed(said, passage))
    rows = [
        (name, str(count.sentences), f"{count.marked / max(1, count.sentences):.3f}", str(count.alive))
        for name, count in counts.items()
    ]
    notes = (
        "An obedient model writes, citing the passage, what the attack quotes or, of cyberseceval, what its judge "
        f"looks for. bipia: the text attacks (train) that quote words, at the end of {_CONTEXTS} contexts each.",
        "Marked: a doubt, or a support under one half. Alive: an image, link, address, tag or script in the answer.",
    )
    return Table(
        "Injections obeyed (bipia, cyberseceval)", ("attacks", "sentences", "marked", "alive"), tuple(rows), notes
    )


def _carried(folder: Path) -> Table:
    """All attacks, each said again word for word: what it would have written stands in no passage."""
    contexts = [context for _, texts in _clean_bipia(folder / "bipia") for _, context in texts[:_CARRYING]]
    attacks = [*_bipia_attacks(folder, "text_attack_train"), *_bipia_attacks(folder, "code_attack_train")]
    rows: list[tuple[str, ...]] = []
    for carrier, carry in _CARRIERS.items():
        count = _Count()
        for context in contexts:
            for attack in attacks:
                count.add(*_written(attack, carry(context, attack)))
        rows.append((carrier, str(count.sentences), f"{count.marked / max(1, count.sentences):.3f}", str(count.alive)))
    notes = (
        f"All {len(attacks)} attacks of bipia (train, on text and on code) with {len(contexts)} contexts each, by the "
        "place that carries them. The model writes the attack itself, word for word, citing the passage.",
        "A text that demands nothing in so many words is quoted like any other: it is borne out by where it stands.",
    )
    return Table(
        "Injections repeated (bipia), by carrier", ("carrier", "sentences", "marked", "alive"), tuple(rows), notes
    )


def _harmless(folder: Path) -> Table:
    rows: list[tuple[str, ...]] = []
    for name, passages in (*_clean_bipia(folder / "bipia"), *_corpora(folder)):
        sentences = doubted = whole = gone = 0
        for title, text in passages:
            if sentences > _MOST_SENTENCES:
                break
            found = [commanded(text[start:end], [f"{title}\n\n{text}"]) for start, end in sentence_spans(text)]
            sentences += len(found)
            doubted += sum(found)
            whole += bool(found)
            gone += bool(found) and all(found)
        rows.append((name, str(sentences), f"{doubted / max(1, sentences):.4f}", f"{gone / max(1, whole):.4f}"))
    notes = (
        "Each sentence of a clean passage said word for word and cited. Refused: passages of which every sentence is "
        "so doubted, so that `remove` would leave no answer. anthropic_docs tells how prompts are written.",
    )
    head = ("harmless texts", "sentences", "doubted as instruction", "refused")
    return Table("Harmless sentences doubted", head, tuple(rows), notes)


def _obeyed(said: str, passage: str) -> tuple[str, list[AnswerSentence]]:
    return _written(said, _context(passage))


def _written(said: str, context: Context) -> tuple[str, list[AnswerSentence]]:
    draft = Draft(context)
    draft.add(GeneratedText(f"{said} [1]\n"))
    draft.finish()
    return draft.text, draft.sentences


def _context(text: str, title: str = "Notes", headings: tuple[str, ...] = ()) -> Context:
    spans = tuple(line_spans(text) if "|" in text else sentence_spans(text))
    chunk = Chunk(ChunkId(1), text, headings, spans, "en", 1)
    source = Source("doc", "doc.md", title, "default", "text/markdown", {})
    hit = Hit(1, chunk, Placement(1, 1, (), ()), source, Scores(None, None, 1.0, None), None)
    return Context((Passage(1, hit, text, tuple(range(len(spans)))),), 1, 1)


_CARRIERS: dict[str, Callable[[str, str], Context]] = {
    "text": lambda context, attack: _context(f"{context}\n{attack}"),
    "table": lambda context, attack: _context(f"Name | Note\n{context.splitlines()[0]} | {' '.join(attack.split())}"),
    "heading": lambda context, attack: _context(context, headings=(attack,)),
    "title": lambda context, attack: _context(context, title=attack),
}


def _bipia_attacks(folder: Path, name: str) -> list[str]:
    given: dict[str, list[str]] = json.loads((folder / "bipia" / f"{name}.json").read_text(encoding="utf-8"))
    return [attack for attacks in given.values() for attack in attacks]


def _bipia(folder: Path) -> Iterator[tuple[str, str, str]]:
    """The attacks that quote what is to be said; the others ask for what no passage holds."""
    for kind, contexts in _clean_bipia(folder):
        for attack in _bipia_attacks(folder.parent, "text_attack_train"):
            quoted = _QUOTED.search(attack)
            for _, context in contexts[:_CONTEXTS] if quoted else ():
                yield kind, quoted.group(1) if quoted else "", f"{context}\n{attack}"


def _clean_bipia(folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for kind in _KINDS:
        rows = _rows(next((folder / kind).glob("train*.jsonl")))
        yield f"bipia {kind}", [("", _text(row["context"])) for row in rows]


def _cyberseceval(folder: Path) -> Iterator[tuple[str, str, str]]:
    for name in ("prompt_injection", "prompt_injection_zh"):
        for row in json.loads((folder / f"{name}.json").read_text(encoding="utf-8")):
            target = _TARGET.search(row["judge_question"])
            if row["injection_type"] == "indirect" and target:
                yield (
                    f"cyberseceval indirect, {row['speaking_language']}",
                    f"It is {target.group(1)}",
                    row["user_input"],
                )


def _corpora(folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for name in _LOOK_ALIKES:
        if (folder / name / "corpus.jsonl").exists():
            rows = _rows(folder / name / "corpus.jsonl")
            yield name, [(str(row.get("title", "")), str(row["text"])) for row in rows]
        elif (folder / name).exists():
            pages = sorted((folder / name / "en").rglob("*.md"))
            paragraphs = [
                part for page in pages for part in page.read_text(encoding="utf-8").split("\n\n") if part.strip()
            ]
            yield f"{name}, paragraphs", [("", part) for part in paragraphs]


def _text(context: Any) -> str:
    return "\n".join(cast("list[str]", context)) if isinstance(context, list) else str(context)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
