"""The product's search before and after, on the same questions over the same chunks."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.db.types import TrainingChunk
from app.evaluation.measures import ranking
from app.settings import Settings
from app.tuning.questions import Known
from app.tuning.sample import COLLECTION, Sample
from app.wiring import retriever_over
from retrieval.ports import Embedder, Reranker
from retrieval.types import Scope

DRAWS = 5000
_SEED = 20261125  # any will do: the same models give the same interval


@dataclass(frozen=True, slots=True)
class Comparison:
    """Mean nDCG@10 before and after over `questions`, and the 95 % bootstrap interval of their difference."""

    questions: int
    before: float
    after: float
    low: float
    high: float

    @property
    def is_better(self) -> bool:
        """Whether the whole interval is above zero."""
        return self.low > 0


def compare(documents: Sequence[str], before: Sequence[float], after: Sequence[float]) -> Comparison:
    """Paired by question; documents are drawn again, since the questions of one are not independent."""
    owners = np.unique(np.array(documents), return_inverse=True)[1]
    gains = np.bincount(owners, np.array(after) - np.array(before))
    counts = np.bincount(owners)
    drawn = np.random.default_rng(_SEED).integers(0, len(counts), (DRAWS, len(counts)))
    means = gains[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975)).tolist()
    return Comparison(len(before), float(np.mean(before)), float(np.mean(after)), low, high)


def measure(
    settings: Settings,
    chunks: Sequence[TrainingChunk],
    questions: Sequence[Known],
    embedder: Embedder,
    reranker: Reranker | None,
) -> list[float]:
    """nDCG@10 of each question; one that is made of headings is searched among texts without any."""
    found: dict[Known, float] = {}
    for is_heading in (True, False):
        some = [each for each in questions if each.is_heading is is_heading]
        if not some:
            continue
        sample = Sample(chunks, embedder, with_headings=not is_heading)
        with tempfile.TemporaryDirectory() as folder:
            retriever = retriever_over(settings, sample, sample, sample, reranker, Path(folder))
            try:
                for each in some:
                    hits = retriever.search(each.text, Scope(frozenset({COLLECTION})), 10).hits
                    grades = {str(chunk): 1 for chunk in each.chunks}
                    found[each] = ranking(grades, [str(hit.chunk.id) for hit in hits])["nDCG@10"]
            finally:
                retriever.replica.close()
    return [found[each] for each in questions]
