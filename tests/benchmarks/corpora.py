"""The texts that the benchmarks run on: SciFact when it is there, else text made by rule."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from app.evaluation.datasets import load
from app.evaluation.types import CorpusDocument, Dataset, Question

WORDS = 50_000
WORDS_PER_TEXT = 120
ZIPF_EXPONENT = 1.1
MADE = "made-by-rule"


def scifact_or_made(documents: int = 5183, queries: int = 300) -> Dataset:
    """SciFact from the folder in BENCH_DATA; without it a made corpus of as many documents, which has no judgements."""
    folder = Path(os.environ.get("BENCH_DATA", ""))
    if (folder / "corpus.jsonl").is_file():
        return load(folder)
    corpus = tuple(CorpusDocument(f"made-{i}", f"Text {i}", text) for i, text in enumerate(zipf_texts(documents)))
    asked = queries_from([each.text for each in corpus], queries)
    return Dataset(MADE, corpus, tuple(Question(f"q{i}", query) for i, query in enumerate(asked)))


def zipf_texts(count: int, seed: int = 1) -> Iterator[str]:
    """Texts whose word frequencies fall off as in real language, in sentences of about twenty words."""
    numbers = np.random.default_rng(seed)
    vocabulary = _vocabulary(seed)
    weights = 1.0 / np.arange(1, WORDS + 1) ** ZIPF_EXPONENT
    cumulative = np.cumsum(weights / weights.sum())
    for _ in range(count):
        length = int(numbers.integers(WORDS_PER_TEXT // 2, WORDS_PER_TEXT * 3 // 2))
        picks: list[int] = np.searchsorted(cumulative, numbers.random(length)).tolist()
        words = [vocabulary[min(i, WORDS - 1)] for i in picks]
        yield " ".join(" ".join(words[i : i + 20]) + "." for i in range(0, length, 20))


def _vocabulary(seed: int) -> list[str]:
    chooser = random.Random(seed)
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    words: dict[str, None] = {}
    while len(words) < WORDS:
        words["".join(chooser.choices(syllables, k=chooser.randint(2, 4)))] = None
    return list(words)


def queries_from(texts: list[str], count: int, words: int = 6, seed: int = 2) -> list[str]:
    """Queries of some words of a text each, frequent words included, as people type them."""
    chooser = random.Random(seed)
    return [" ".join(chooser.sample(chooser.choice(texts).replace(".", "").split(), words)) for _ in range(count)]
