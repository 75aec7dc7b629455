"""How many sentences with an altered number, name, negation, currency or sign are doubted, and how many true ones."""

import json
import os
import random
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generation.claims import doubts, names_year
from generation.wording import content_terms, share
from measure import Table
from retrieval.lexical_indexes.rank_bm25 import RankBM25Index
from retrieval.sentences import sentence_spans
from retrieval.tokenizer import terms
from retrieval.types import ChunkId, IndexedText

PASSAGES = 10
"""In a context."""
NEAR = 0.8
"""A sentence is near its source when that holds so much of its terms; the others are paraphrases."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z][a-z]+)+")
_OPENING_NAME = re.compile(r"[A-Z][a-z]+(?= [a-z]|['’]s )")
_INNER_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+\b")
_LOWER = re.compile(r"\b[a-z]+\b")
_MONEY = re.compile(r"\$(?=\d)|(?<=[万亿])元")
_OTHER_MONEY = {"$": "€", "元": "美元"}
_SHARE = re.compile(r"(?<![\d.,-])\d[\d.]*\s?[%％]")
_FALL = re.compile("decreas|declin|reduc|f[ae]ll|drop|los[es]|low|less|down|降|减|跌|亏|负|低")
_HAN = re.compile("[\u4e00-\u9fff]")
_DENIED = re.compile(r"\b(?:not|never) ")
_BE = re.compile(r"\b(was|were|is|are|has|have|had|can|will|would|could)\b(?! not)")
_PAST = re.compile(r"\b([A-Za-z]{4,})ed\b")
_VERBS_ZH = (
    "进行",
    "完成",
    "宣布",
    "实现",
    "获得",
    "成功",
    "提高",
    "增加",
    "签署",
    "达成",
    "发布",
    "收购",
    "启动",
    "通过",
    "是",
    "导致",
    "构成",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence of a reference answer, the sentences it rests on, and the paragraphs around them."""

    name: str
    said: str
    quoted: str
    passage: str
    titles: tuple[str, ...]
    elsewhere: str = ""
    """Of the documents whose quoted sentences name no year, the paragraphs that the question finds."""

    @property
    def is_near(self) -> bool:
        return share(content_terms(self.said), content_terms(self.quoted)) >= NEAR


def run() -> list[Table]:
    folder = Path(os.environ["FIDELITY_DATA"])
    cases = [*_rageval(folder / "rageval_en"), *_rageval(folder / "rageval_zh"), *_clapnq(folder / "clapnq")]
    alterations = _Alterations(cases, random.Random(7))
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for case in cases:
        if not case.is_near:
            found[case.name, "true, a paraphrase"].append(_is_doubted(case, case.said))
            continue
        found[case.name, "true, near its source"].append(_is_doubted(case, case.said))
        for kind, altered in alterations.of(case):
            found[case.name, f"altered {kind}"].append(_is_doubted(case, altered))
    for case, altered in alterations.openings([*cases, *_verbatim(folder / "clapnq")]):
        found[case.name, "altered opening name"].append(_is_doubted(case, altered))
    rows = [
        (name, what, str(len(flags)), f"{sum(flags) / len(flags):.3f}") for (name, what), flags in sorted(found.items())
    ]
    notes = (
        f"Near: the quoted sentences hold at least {NEAR:.0%} of the sentence's terms. Each near sentence that has "
        "a number, a name or something to deny is altered once in each way, by a fixed seed.",
        "Opening name: one word, which the texts have within sentences too and never in lower case, becomes another. "
        "Verbatim: all sentences of the documents that open so, with themselves as the quote.",
    )
    return [Table("Sentences doubted", ("set", "sentences", "how many", "doubted"), tuple(rows), notes)]


def _is_doubted(case: Case, said: str) -> bool:
    return bool(doubts(said, case.quoted, case.passage, case.elsewhere))


class _Alterations:
    """Changes of one statement in a sentence; names are taken from other sentences."""

    def __init__(self, cases: Sequence[Case], chance: random.Random) -> None:
        self._chance = chance
        self._names = sorted({name for case in cases for name in _NAME.findall(case.said)})
        self._titles = {
            case.name: sorted({t for other in cases if other.name == case.name for t in other.titles}) for case in cases
        }

    def of(self, case: Case) -> Iterator[tuple[str, str]]:
        for kind, altered in (
            ("number", self._number(case)),
            ("name", self._name(case)),
            ("negation", self._negation(case)),
            ("currency", _MONEY.sub(lambda sign: _OTHER_MONEY[sign.group()], case.said)),
            ("sign", None if _FALL.search(case.said) else _SHARE.sub(r"-\g<0>", case.said, count=1)),
        ):
            if altered is not None and altered != case.said:
                yield kind, altered

    def openings(self, cases: Sequence[Case]) -> Iterator[tuple[Case, str]]:
        """Those near their source that open with a name of one word, and the same with that of another."""
        texts = [f"{case.said}\n{case.passage}" for case in cases]
        names = {name for text in texts for name in _INNER_NAME.findall(text)}
        names -= {word.capitalize() for text in texts for word in _LOWER.findall(text)}
        opened = [(case, opening.group()) for case in cases if (opening := _OPENING_NAME.match(case.said))]
        opened = [(case, name) for case, name in opened if name in names and case.is_near]
        others = sorted({name for _, name in opened})
        for case, name in opened:
            other = self._chance.choice([each for each in others if each not in case.passage])
            yield case, other + case.said.removeprefix(name)

    def _number(self, case: Case) -> str | None:
        numbers = list(_NUMBER.finditer(case.said))
        if not numbers:
            return None
        chosen = self._chance.choice(numbers)
        places = [place for place, char in enumerate(chosen.group()) if char.isdigit()]
        place = chosen.start() + self._chance.choice(places)
        other = str((int(case.said[place]) + self._chance.randrange(1, 9)) % 10)
        return case.said[:place] + (other if other != "0" else "5") + case.said[place + 1 :]

    def _name(self, case: Case) -> str | None:
        for title in case.titles:
            if title in case.said:
                return case.said.replace(
                    title, self._chance.choice([t for t in self._titles[case.name] if t not in case.titles])
                )
        held = [name for name in self._names if name in case.said]
        if not held:
            return None
        name = self._chance.choice(held)
        return case.said.replace(
            name, self._chance.choice([n for n in self._names if not set(n.split()) & set(name.split())])
        )

    def _negation(self, case: Case) -> str | None:
        if _HAN.search(case.said):
            verb = next((verb for verb in _VERBS_ZH if verb in case.said), None)
            return None if verb is None else case.said.replace(verb, f"{'不' if verb == '是' else '没有'}{verb}", 1)
        if _DENIED.search(case.said):
            return _DENIED.sub("", case.said, count=1)
        denied = _BE.sub(r"\1 not", case.said, count=1)
        return denied if denied != case.said else _PAST.sub(r"did not \1", case.said, count=1)


def _rageval(folder: Path) -> Iterator[Case]:
    documents = {row["_id"]: row for row in _rows(folder / "corpus.jsonl")}
    paragraphs_found = _Paragraphs(documents)
    for query in _rows(folder / "queries.jsonl"):
        references: dict[str, list[str]] = query.get("references") or {}
        known = {document: said for document, said in references.items() if document in documents}
        if not query["answerable"] or not known:
            continue
        titles = tuple(str(documents[document]["title"]) for document in known)
        quoted = " ".join(f"{title}. {' '.join(said)}" for title, said in zip(titles, known.values(), strict=True))
        paragraphs = [
            paragraph
            for document, said in known.items()
            for paragraph in str(documents[document]["text"]).split("\n")
            if any(sentence in paragraph for sentence in said)
        ]
        timeless = {document for document, said in known.items() if not names_year(" ".join(said))}
        elsewhere = paragraphs_found.of(str(query["text"]), timeless)
        passage = "\n".join((*titles, *paragraphs))
        yield from _cases(folder.name, query["answers"][0], quoted, passage, titles, elsewhere)


class _Paragraphs:
    """The paragraphs of a corpus, found as passages of a context are, by terms alone."""

    def __init__(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self._rows = [
            (document, str(row["title"]), paragraph)
            for document, row in documents.items()
            for paragraph in str(row["text"]).split("\n")
            if paragraph.strip()
        ]
        self._index = RankBM25Index(terms)
        self._index.add([IndexedText(ChunkId(at), (title,), text) for at, (_, title, text) in enumerate(self._rows)])

    def of(self, question: str, documents: Collection[str]) -> str:
        """Those of the documents among the ten best for the question."""
        found = [self._rows[one.id] for one in self._index.search(question, PASSAGES)]
        return "\n".join(text for document, _, text in found if document in documents)


def _clapnq(folder: Path) -> Iterator[Case]:
    documents = {row["_id"]: row for row in _rows(folder / "corpus.jsonl")}
    for query in _rows(folder / "queries.jsonl"):
        if not query["answerable"]:
            continue
        around = documents.get(query["nq_passage"], {"title": "", "text": ""})
        for answer, gold in zip(query["answers"], query["gold_sentences"], strict=False):
            yield from _cases(folder.name, answer, " ".join(gold), f"{around['title']}\n{around['text']}", ())


def _verbatim(folder: Path) -> Iterator[Case]:
    """The sentences of the documents, each its own quote."""
    for document in _rows(folder / "corpus.jsonl"):
        for start, end in sentence_spans(str(document["text"])):
            said = str(document["text"])[start:end].strip()
            yield Case(f"{folder.name}, verbatim", said, said, str(document["text"]), ())


def _cases(
    name: str, answer: str, quoted: str, passage: str, titles: tuple[str, ...], elsewhere: str = ""
) -> Iterator[Case]:
    for start, end in sentence_spans(answer):
        if answer[start:end].strip():
            yield Case(name, answer[start:end].strip(), quoted, passage, titles, elsewhere)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
