"""The articles of web pages: what is read of them, in the measure of the data set's own evaluation.

Shingles of four words of the article and of what was read, as multisets; true and false ones as shares of all of a
page's; precision and recall are means over pages, F1 is theirs (Scrapinghub's article-extraction-benchmark).
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import cast

import trafilatura

from fidelity.tokens import text_of
from ingestion.parsers.html.parser import HtmlParser
from measure import Table

_WORDS = 4
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Matched:
    """Shares of all shingles of a page: found, found and not in the article, not found."""

    true: float
    false: float
    missed: float

    @property
    def precision(self) -> float:
        return 1.0 if not self.false and not self.missed else self.true / (self.true + self.false or 1)

    @property
    def recall(self) -> float:
        return 1.0 if not self.false and not self.missed else self.true / (self.true + self.missed or 1)


def run(folder: Path) -> list[Table]:
    truth = cast("dict[str, dict[str, str]]", json.loads((folder / "ground-truth.json").read_text(encoding="utf-8")))
    pages = {name: gzip.decompress((folder / "html" / f"{name}.html.gz").read_bytes()) for name in truth}
    ways: dict[str, Callable[[bytes], str]] = {
        "Openbook's blocks": lambda page: text_of(HtmlParser().parse(page)),
        "trafilatura.extract, its defaults without comments": _by_trafilatura,
    }
    rows: list[tuple[str, ...]] = []
    for way, read in ways.items():
        matched = [match(truth[name].get("articleBody", ""), read(page)) for name, page in pages.items()]
        precision = mean(each.precision for each in matched if each.true + each.false)
        recall = mean(each.recall for each in matched if each.true + each.missed)
        f1 = 2 * precision * recall / (precision + recall)
        rows.append((way, f"{precision:.3f}", f"{recall:.3f}", f"{f1:.4f}"))
    return [
        Table(
            f"Fidelity: main text of {len(pages)} articles (html_article_extraction)",
            ("way", "precision", "recall", "F1"),
            tuple(rows),
            ("Shingles of four words, as the data set's own evaluation counts them.",),
        )
    ]


def match(article: str, read: str) -> Matched:
    expected, found = _shingles(article), _shingles(read)
    counts = ((expected & found).total(), (found - expected).total(), (expected - found).total())
    all_of_them = sum(counts) or 1
    return Matched(*(count / all_of_them for count in counts))


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text)
    starts = range(max(1, len(words) - _WORDS + 1))
    return Counter(shingle for start in starts if (shingle := tuple(words[start : start + _WORDS])))


def _by_trafilatura(page: bytes) -> str:
    return trafilatura.extract(page.decode("utf-8", errors="replace"), include_comments=False) or ""
