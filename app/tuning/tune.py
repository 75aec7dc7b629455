"""From a collection to a model that suits it better, or to the figures that say that none was found."""

import asyncio
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from app.backends import embedder_of, reranker_of, trainer_of
from app.db.types import CollectionRecord, TrainingChunk
from app.tuning.comparison import Comparison, compare, measure
from app.tuning.questions import Known, asked_by, from_feedback, from_headings, from_links
from app.wiring import Services
from generation.ports import Completer
from retrieval.tuning.types import Example, Trained
from retrieval.types import ChunkId, Scope

Kind: TypeAlias = Literal["embedder", "reranker"]

MOST_CHUNKS = 20_000  # that are read of a collection
MOST_EXAMPLES = 4000  # questions to train by, of a large collection
MOST_ASKED = 500  # chunks that a language model is asked to ask about
MOST_HELD_BACK = 300  # questions
MOST_COMPARED = 2000  # chunks that held-back questions are searched among
FEWEST = 40  # questions to train by, and held back
NEGATIVES: dict[Kind, int] = {"embedder": 1, "reranker": 4}
_LOOKED_AT = 15  # hits of a question, among which negatives are chosen
_SEED = 42


class CannotTune(Exception):
    """The collection has too little to train by or to compare by, or what is set cannot be tuned."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; `folder` is None where the model was not better and is gone."""

    questions: dict[str, int]
    examples: int
    trained: Trained
    comparison: Comparison
    folder: Path | None


def tune(
    services: Services, kind: Kind, collection: CollectionRecord, minutes: float, tell: Callable[[str], None]
) -> Outcome:
    """Train for so many minutes at most. Raises CannotTune, and ModelUnavailable for what cannot be trained here."""
    settings = services.settings
    train = trainer_of(settings, kind)
    chunks = services.training.chunks(collection, MOST_CHUNKS)
    tell(f"looking for questions in {len(chunks)} chunks")
    kinds = {
        "headings": from_headings(chunks),
        "links": from_links(chunks),
        "feedback": from_feedback(services.training.liked(), chunks),
        "model": _asked(services, chunks),
    }
    questions = [each for found in kinds.values() for each in found]
    random.Random(_SEED).shuffle(questions)  # noqa: S311 - no secret
    training = [each for each in questions if not each.is_held_back][:MOST_EXAMPLES]
    held_back = [each for each in questions if each.is_held_back][:MOST_HELD_BACK]
    if min(len(training), len(held_back)) < FEWEST:
        raise CannotTune(
            f"“{collection.name}” gives {len(training)} questions to train by and {len(held_back)} to compare by; "
            f"{FEWEST} of each are needed. Headings, texts that name other documents, liked answers and "
            "OPENBOOK_GENERATOR_URL give more."
        )
    tell(f"looking for what {len(training)} questions could be mistaken for")
    examples = mine(services, collection, chunks, training, NEGATIVES[kind])
    if len(examples) < FEWEST:
        raise CannotTune(f"“{collection.name}”: only {len(examples)} questions find other texts than their own")
    name = f"{collection.name}-{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    folder = settings.data_dir / "models" / name
    folder.parent.mkdir(exist_ok=True)
    try:
        tell(f"training on {len(examples)} examples for {minutes:g} minutes at most")
        trained = train(examples, folder, minutes * 60)
        tell(f"comparing on {len(held_back)} questions of documents that were held back")
        comparison = _compared(services, kind, chunks, held_back, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not comparison.is_better:
        shutil.rmtree(folder)
    counts = {source: len(found) for source, found in kinds.items()}
    return Outcome(counts, len(examples), trained, comparison, folder if comparison.is_better else None)


def mine(
    services: Services,
    collection: CollectionRecord,
    chunks: Sequence[TrainingChunk],
    questions: Sequence[Known],
    negatives: int,
) -> list[Example]:
    """Each question with its text and the best hits of the product's own search that stand in other documents."""
    by_id = {chunk.id: chunk for chunk in chunks}
    scope = Scope(frozenset({collection.id}))
    examples: list[Example] = []
    for each in questions:
        hits = services.retriever.search(each.text, scope, _LOOKED_AT).hits
        own = [by_id[one] for one in sorted(each.chunks)]
        others = [by_id[hit.chunk.id] for hit in hits if hit.chunk.id in by_id and hit.source.id != each.document]
        texts = dict.fromkeys(_read(one, each) for one in others if one.text != own[0].text)
        if len(texts) >= negatives:
            examples.append(Example(each.text, _read(own[0], each), tuple(texts)[:negatives]))
    return examples


def _read(chunk: TrainingChunk, question: Known) -> str:
    """What the model reads of a chunk; headings that were made a question are not read with any text."""
    above = "" if question.is_heading else " > ".join(chunk.headings)
    return f"{above}\n{chunk.text}" if above else chunk.text


def _asked(services: Services, chunks: Sequence[TrainingChunk]) -> list[Known]:
    """Nothing without a language model."""
    answerer = services.answerer
    model = answerer.generators[answerer.default_generator]
    if not isinstance(model, Completer):
        return []
    some = random.Random(_SEED).sample(list(chunks), min(MOST_ASKED, len(chunks)))  # noqa: S311 - no secret
    return asyncio.run(asked_by(model, some))


def _compared(
    services: Services, kind: Kind, chunks: Sequence[TrainingChunk], held_back: Sequence[Known], folder: Path
) -> Comparison:
    """The product as it is set, and the same with the new model in its place."""
    settings = services.settings
    among = _among(chunks, held_back)
    before = measure(settings, among, held_back, services.embedder, services.retriever.reranker)
    if kind == "embedder":
        embedder, reranker = embedder_of(settings, str(folder)), services.retriever.reranker
    else:
        embedder, reranker = services.embedder, reranker_of(settings, f"cross-encoder:{folder}")
    after = measure(settings, among, held_back, embedder, reranker)
    return compare([each.document for each in held_back], before, after)


def _among(chunks: Sequence[TrainingChunk], held_back: Sequence[Known]) -> list[TrainingChunk]:
    """The chunks that answer, and as many others as may be."""
    wanted: set[ChunkId] = {chunk for each in held_back for chunk in each.chunks}
    others = [chunk for chunk in chunks if chunk.id not in wanted]
    random.Random(_SEED).shuffle(others)  # noqa: S311 - no secret
    return [chunk for chunk in chunks if chunk.id in wanted] + others[: max(0, MOST_COMPARED - len(wanted))]
