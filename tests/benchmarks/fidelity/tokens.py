"""What texts are compared by: multisets of tokens or of Chinese character pairs."""

import re
import unicodedata
from collections import Counter

from ingestion.types import ParsedDocument

_CHINESE = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_TOKEN = re.compile(r"[^\W_]+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def tokens(text: str) -> Counter[str]:
    """Runs of letters and digits in NFKC and one case; each Chinese or Japanese character is a token of its own."""
    folded = _CONTROL.sub("", unicodedata.normalize("NFKC", text).casefold())
    return Counter(_TOKEN.findall(_CHINESE.sub(lambda match: f" {match[0]} ", folded)))


def bigrams(text: str) -> Counter[str]:
    """Pairs of neighbouring Chinese or Japanese characters, white space between them left out."""
    runs = re.findall(f"{_CHINESE.pattern}{{2,}}", unicodedata.normalize("NFKC", text))
    return Counter(run[place : place + 2] for run in runs for place in range(len(run) - 1))


def recall(expected: Counter[str], found: Counter[str]) -> float:
    """The share of the expected ones that were found, each as often as it is expected; 1 where nothing is."""
    return (expected & found).total() / expected.total() if expected else 1.0


def text_of(parsed: ParsedDocument) -> str:
    return "\n".join(block.text for block in parsed.blocks)
