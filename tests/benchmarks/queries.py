"""What more than one query is worth: supporting documents in the context, with a recorded model behind the service."""

import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.client import Client, Json
from app.evaluation.corpus import CorpusIds, fill
from app.evaluation.datasets import load
from app.evaluation.statistics import difference, mean_interval
from app.evaluation.types import Dataset
from measure import Table
from service import running
from tests.stubs.vllm import MODEL, Script, VllmStub, prompt_of

PASSAGES = 5
ATTEMPTS = 5
PAUSE_SECONDS = 20.0  # longer than a breaker rests
MODEL_SECONDS = "600"  # nothing is measured of a model that is a recording: a busy machine may take its time
DOCUMENTS = 400  # of a corpus at most: those that answer, then the first others
RECORDED = Path(__file__).parent / "recorded"
_QUESTION = re.compile(r"^Question: (.*)$", re.MULTILINE)
_PASSAGE = re.compile(r"^\[\d+\] passage \w+\n(?P<title>.*)\n(?P<text>(?:.*\n)*?)/\[", re.MULTILINE)
_NAME = re.compile(r"\b[A-Z][\w'-]+(?: (?:of |the |de )?[A-Z][\w'-]+)+")

WAYS: Mapping[str, Mapping[str, Json]] = {
    "hotpotqa": {
        "the question alone": {},
        "queries: 4": {"queries": 4},
        "decompose": {"decompose": True},
        "search_rounds: 2": {"search_rounds": 2},
        "decompose and queries: 4": {"decompose": True, "queries": 4},
    },
    "anthropic_docs": {
        "the question alone": {},
        "queries: 4": {"queries": 4},
        "hypothetical": {"hypothetical": True},
        "hypothetical and queries: 4": {"hypothetical": True, "queries": 4},
    },
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a model said to one question, beforehand."""

    queries: Sequence[str]
    steps: Sequence[str]
    hypothetical: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Of one question: the share of its supporting documents in the context, whether one is first, the queries."""

    held: float
    first: bool
    searched: int


def run() -> list[Table]:
    folder = Path(os.environ["FIDELITY_DATA"])
    return [_table(folder / name) for name in WAYS if (folder / name).is_dir()]


def _table(folder: Path) -> Table:
    recorded = dict(_recordings(folder.name))
    dataset = _cut(load(folder), recorded)
    with tempfile.TemporaryDirectory() as data, VllmStub(Script(choose=_model(dataset, recorded))) as stub:
        given = {"generator_url": stub.base_url, "generator_model": MODEL, "abstain_below": "0"}
        given |= {"generator_timeout_seconds": MODEL_SECONDS}
        with running(Path(data), samples="false", **given) as service:
            corpus_ids = fill(service.client, dataset, "default")
            counts = {
                way: _counted(service.client, dataset, corpus_ids, options)
                for way, options in WAYS[folder.name].items()
            }
    alone, *_ = counts.values()
    rows = [(way, *_row(counted, alone)) for way, counted in counts.items()]
    return Table(
        f"More than one query, {folder.name}: {len(dataset.queries)} questions, {len(dataset.corpus):,} documents",
        (
            *("searched", "supporting documents in the context", "more than alone"),
            *("all of them", "more than alone", "first at 1", "queries"),
        ),
        tuple(rows),
        (
            f"`make bench BENCH=queries`. The context of an answer over HTTP, of {PASSAGES} passages.",
            "In brackets: 95 % bootstrap intervals over the questions; of a difference, over the pairs.",
            "The model is recorded: rewordings, steps and hypothetical answers were written beforehand by hand, from "
            "the questions and what their writer knew. A step's answer is the title of its first passage that the "
            "question does not name; a round searches for the first name in the passages that neither the question nor "
            "a title has.",
        ),
    )


def _row(counted: Sequence[Counted], alone: Sequence[Counted]) -> tuple[str, ...]:
    held, held_alone = [each.held for each in counted], [each.held for each in alone]
    whole, whole_alone = [float(share == 1) for share in held], [float(share == 1) for share in held_alone]
    return (
        *(_mean(held), _more(held_alone, held), _mean(whole), _more(whole_alone, whole)),
        *(
            _mean([float(each.first) for each in counted]),
            f"{mean_interval([each.searched for each in counted]).mean:.1f}",
        ),
    )


def _mean(values: Sequence[float]) -> str:
    around = mean_interval(values)
    return f"{around.mean:.3f} ({around.low:.3f}-{around.high:.3f})"


def _more(before: Sequence[float], after: Sequence[float]) -> str:
    around = difference(before, after)
    return f"{around.mean:+.3f} ({around.low:+.3f} to {around.high:+.3f})"


def _counted(client: Client, dataset: Dataset, corpus_ids: CorpusIds, options: Json) -> list[Counted]:
    """Of each question, in their order."""
    counted: list[Counted] = []
    for query, question in dataset.queries.items():
        body: Json = {"question": question, "stream": True, "options": {"k": PASSAGES, "compress": False, **options}}
        told = _told(client, body)
        found = [one for each in told["context"]["passages"] for one in corpus_ids[each["document"]["id"]]]
        wanted = dataset.qrels[query].keys()
        held = len(wanted & set(found)) / len(wanted)
        counted.append(Counted(held, bool(found) and found[0] in wanted, len(told["answer"]["trace"])))
    return counted


def _told(client: Client, body: Json) -> dict[str, Json]:
    """The events by name; asked again where a busy machine let the recorded model come too late."""
    missing: list[str] = []
    for attempt in range(ATTEMPTS):
        time.sleep(PAUSE_SECONDS if attempt else 0)
        told = dict(client.stream_answer(body))
        missing = told["answer"]["degraded"]
        if not missing:
            return told
    raise RuntimeError(f"{body['question']}: without {missing}")


def _cut(dataset: Dataset, recorded: Mapping[str, Recorded]) -> Dataset:
    """The recorded questions, and a corpus of so many documents."""
    questions = tuple(question for question in dataset.questions if question.id in recorded)
    wanted = {document for question in questions for document in question.grades}
    others = [each for each in dataset.corpus if each.id not in wanted][: DOCUMENTS - len(wanted)]
    corpus = (*(each for each in dataset.corpus if each.id in wanted), *others)
    return replace(dataset, corpus=corpus, questions=questions)


def _recordings(name: str) -> Iterator[tuple[str, Recorded]]:
    for line in (RECORDED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield row["id"], Recorded(row["queries"], row.get("steps", ()), row.get("hypothetical", ""))


def _model(dataset: Dataset, recorded: Mapping[str, Recorded]) -> Callable[[dict[str, Any]], Script]:
    """Replies to each kind of prompt as recorded, or by its rule."""
    said = {" ".join(dataset.queries[query].split()): recorded[query] for query in recorded}

    def reply(body: dict[str, Any]) -> Script:
        rules, prompt = str(body["messages"][0]["content"]), prompt_of(body)
        question = _QUESTION.findall(prompt)[-1]
        known = said.get(" ".join(question.split()))
        if "at most ten words" in rules:
            return Script(tokens=(_unnamed_title(prompt, question),))
        if "suffice" in rules:
            return Script(tokens=(_unnamed_name(prompt, question),))
        if known is None or rules.startswith("You answer"):
            return Script(tokens=("As the passage says. [1]",))
        if rules.startswith("Break the question"):
            return Script(tokens=("\n".join(known.steps),))
        if rules.startswith("Write a passage"):
            return Script(tokens=(known.hypothetical,))
        return Script(tokens=("\n".join(known.queries),))

    return reply


def _unnamed_title(prompt: str, question: str) -> str:
    titles = [found.group("title").partition(" > ")[0] for found in _PASSAGE.finditer(prompt)]
    return next((title for title in titles if title.casefold() not in question.casefold()), "unknown")


def _unnamed_name(prompt: str, question: str) -> str:
    passages = list(_PASSAGE.finditer(prompt))
    known = " ".join(
        (question, *(found.group("title") for found in passages), prompt.rpartition("Searched so far:")[2])
    )
    names = [name for found in passages for name in _NAME.findall(found.group("text"))]
    return next((f"search: {name}" for name in names if name.casefold() not in known.casefold()), "enough")
