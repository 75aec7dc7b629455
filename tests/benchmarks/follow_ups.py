"""What it is worth that a follow-up is made stand-alone: its passage among those found, with a recorded model."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.client import Client, Json
from app.evaluation.corpus import CorpusIds, fill
from app.evaluation.datasets import load
from app.evaluation.statistics import difference, mean_interval
from app.evaluation.types import Dataset
from generation.prompts.texts import REWRITE
from measure import Table
from queries import MODEL_SECONDS, PASSAGES, RECORDED
from service import running
from tests.stubs.vllm import MODEL, Script, VllmStub, prompt_of

SETS = ("xquad_en", "xquad_zh")


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Two questions about one passage; the second leans on the first, and is what a model would make of that."""

    before: str
    id: str
    follow_up: str
    rewriting: str


def run() -> list[Table]:
    folder = Path(os.environ["FIDELITY_DATA"])
    return [_table(folder / name) for name in SETS if (folder / name).is_dir()]


def _table(folder: Path) -> Table:
    lines = (RECORDED / f"{folder.name}.jsonl").read_text(encoding="utf-8").splitlines()
    dialogues = [Dialogue(**json.loads(line)) for line in lines]
    dataset = load(folder)
    with tempfile.TemporaryDirectory() as data, VllmStub(Script(choose=_model({}))) as stub:
        given = {"generator_url": stub.base_url, "generator_model": MODEL, "abstain_below": "0"}
        given |= {"generator_timeout_seconds": MODEL_SECONDS}
        with running(Path(data), samples="false", **given) as service:
            corpus_ids = fill(service.client, dataset, "default")
            ranks = _ranks(service.client, stub, dataset, corpus_ids, dialogues)
    alone, *_ = ranks.values()
    return Table(
        f"Follow-ups made stand-alone, {folder.name}: {len(dialogues)} dialogues, {len(dataset.corpus):,} documents",
        ("asked", f"passage among {PASSAGES}", "more than as it stands", "first at 1"),
        tuple((way, *_row(each, alone)) for way, each in ranks.items()),
        (
            "`make bench BENCH=follow_ups`. The context of an answer over HTTP; the first question of a dialogue is "
            "asked in the same conversation.",
            "In brackets: 95 % bootstrap intervals over the dialogues; of a difference, over the pairs.",
            "The follow-ups and the model's rewritings were written beforehand by hand; the answer to the first "
            "question is the beginning of the first passage found.",
        ),
    )


def _ranks(
    client: Client, stub: VllmStub, dataset: Dataset, corpus_ids: CorpusIds, dialogues: Sequence[Dialogue]
) -> dict[str, list[int | None]]:
    """Of each way to ask, where the passage of each second question stands, from 0."""

    def rank(of: Dialogue, question: str, conversation: str | None = None) -> int | None:
        body: Json = {"question": question, "stream": True, "options": {"k": PASSAGES, "compress": False}}
        told = dict(client.stream_answer(body | ({"conversation_id": conversation} if conversation else {})))
        found = [corpus_ids[each["document"]["id"]] for each in told["context"]["passages"]]
        return next((place for place, ids in enumerate(found) if dataset.qrels[of.id].keys() & set(ids)), None)

    def continued(of: Dialogue) -> int | None:
        conversation = client.post("/v1/conversations", {})["id"]
        rank(of, dataset.queries[of.before], conversation)
        return rank(of, of.follow_up, conversation)

    ranks = {"as it stands, without a conversation": [rank(each, each.follow_up) for each in dialogues]}
    ranks["terms carried over, without a model"] = [continued(each) for each in dialogues]
    stub.script = Script(choose=_model({each.follow_up: each.rewriting for each in dialogues}))
    ranks["rewritten by the recorded model"] = [continued(each) for each in dialogues]
    ranks["the question of the set, in full"] = [rank(each, dataset.queries[each.id]) for each in dialogues]
    return ranks


def _model(rewritings: Mapping[str, str]) -> Callable[[dict[str, Any]], Script]:
    """Rewrites what it knows, says nothing to another follow-up, and answers with what stands first."""

    def reply(body: dict[str, Any]) -> Script:
        prompt = prompt_of(body)
        if prompt.startswith(tuple(REWRITE.values())):
            question = prompt.rpartition("\n")[2].partition(" ")[2]
            return Script(tokens=(rewritings.get(question, "-"),))
        return Script(tokens=(f"{_first_words(prompt)} [1]",))

    return reply


def _first_words(prompt: str) -> str:
    lines = prompt.partition("\n[1] ")[2].splitlines()
    return lines[2][:200] if len(lines) > 2 else "-"


def _row(ranks: Sequence[int | None], alone: Sequence[int | None]) -> tuple[str, ...]:
    found, found_alone = [float(each is not None) for each in ranks], [float(each is not None) for each in alone]
    more = difference(found_alone, found)
    mean = mean_interval(found)
    return (
        f"{mean.mean:.3f} ({mean.low:.3f}-{mean.high:.3f})",
        f"{more.mean:+.3f} ({more.low:+.3f} to {more.high:+.3f})",
        f"{mean_interval([float(each == 0) for each in ranks]).mean:.3f}",
    )
