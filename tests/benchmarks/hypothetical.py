"""What hypothetical questions are worth: a model that replays the questions which people asked of a text."""

import os
import re
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import mean

from app.db.index.hypothetical import HypotheticalStore
from app.evaluation.corpus import markdown
from app.evaluation.datasets import load
from app.evaluation.measures import ranking
from app.evaluation.statistics import difference
from app.evaluation.types import CorpusDocument, Dataset, Question
from app.questioner import Questioner
from app.wiring import Services
from generation.ports import Completer
from ingestion.intake import IncomingFile
from measure import Table
from retrieval.types import SearchMode
from tests.app.library import everything, read_all, services

SETS = ("xquad_en", "rageval_en", "xquad_zh", "cmrc2018")
MODES: tuple[SearchMode, ...] = ("lexical", "hybrid")
PER_CHUNK = 8
_LEASE_SECONDS = 600.0
_HITS = 50
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Replaying(Completer):
    """Says of a text what was asked of its document, where the text holds the answer."""

    texts: Mapping[str, str]
    asked: Mapping[str, Sequence[Question]]

    async def complete(self, instruction: str, text: str, max_tokens: int) -> str:
        shown = _plain(text.rpartition("\n")[2] or text)
        owners = [document for document, whole in self.texts.items() if shown in whole]
        questions = [question for owner in owners for question in self.asked.get(owner, ())]
        return "\n".join(question.text for question in questions if _is_answered(question, shown))


def run() -> list[Table]:
    folder = Path(os.environ["FIDELITY_DATA"])
    rows = [row for name in SETS if (folder / name).is_dir() for row in _measured(load(folder / name))]
    return [
        Table(
            "Hypothetical questions: nDCG@10 without and with them",
            ("set", "questions stored", "asked", "mode", "without", "with", "difference, 95 %"),
            tuple(rows),
            (
                "`make bench BENCH=hypothetical`. The model is a stub that replays stored questions: one half of each "
                "set's own, about the chunks that hold their answers. The other half is asked. People asked both about "
                "the same texts, so this is about as good as a model's questions can be.",
            ),
        )
    ]


def _measured(dataset: Dataset) -> Iterator[tuple[str, ...]]:
    stored = [question for question in dataset.questions if question.split == "tune" and question.grades]
    asked = [question for question in dataset.questions if question.split == "report" and question.grades]
    with tempfile.TemporaryDirectory() as data, services(Path(data), embedder="packaged-minilm") as given:
        names = _brought(given, dataset)
        without = {mode: _figures(given, names, asked, mode) for mode in MODES}
        questioner = Questioner(HypotheticalStore(given.db, _LEASE_SECONDS), _opened(dataset, stored), PER_CHUNK)
        while questioner.advance():
            pass
        for mode in MODES:
            found = _figures(given, names, asked, mode)
            apart = difference(without[mode], found)
            told = f"{apart.mean:+.3f} [{apart.low:+.3f}, {apart.high:+.3f}]"
            counts = (str(len(stored)), str(len(asked)))
            yield dataset.name, *counts, mode, f"{mean(without[mode]):.3f}", f"{mean(found):.3f}", told


def _brought(given: Services, dataset: Dataset) -> dict[str, str]:
    """The corpus's ids by the documents' own."""
    home = given.collections.create("default", given.embedder.fingerprint)
    names: dict[str, str] = {}
    for document in dataset.corpus:
        if isinstance(document, CorpusDocument) and document.text.strip():
            file = IncomingFile("untitled.md", BytesIO(markdown(document).encode()), {})
            names.setdefault(given.intake.accept(file, home.id).document, document.id)
    read_all(given)
    return names


def _figures(given: Services, names: Mapping[str, str], questions: Sequence[Question], mode: SearchMode) -> list[float]:
    scope = everything(given)
    values: list[float] = []
    for question in questions:
        hits = given.retriever.search(question.text, scope, _HITS, mode=mode).hits
        ranked = list(dict.fromkeys(names[hit.source.id] for hit in hits))
        values.append(ranking(question.grades, ranked)["nDCG@10"])
    return values


def _opened(dataset: Dataset, stored: Sequence[Question]) -> Callable[[], AbstractAsyncContextManager[Completer]]:
    texts = {each.id: _plain(each.text) for each in dataset.corpus if isinstance(each, CorpusDocument)}
    asked: dict[str, list[Question]] = {}
    for question in stored:
        for document, grade in question.grades.items():
            if grade > 0:
                asked.setdefault(document, []).append(question)

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Completer]:
        yield Replaying(texts, asked)

    return opened


def _is_answered(question: Question, text: str) -> bool:
    return all(any(_plain(wording) in text for wording in part) for part in question.answers)


def _plain(text: str) -> str:
    return _SPACE.sub("", text).lower()
