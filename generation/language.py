"""Which of our own two languages to reply in, judged by a text's script; and Chinese without some of its words."""

import re

from generation.types import Language
from retrieval.chinese import HAN_SIGNS, simplified

HAN = re.compile(f"[{HAN_SIGNS}]")
_WORD = re.compile(rf"[^\W\d_{HAN_SIGNS}]+")
_CHINESE_SHARE = 0.3  # a Chinese question about FastAPI and SQLAlchemy is still a Chinese question


def reply_language(text: str) -> Language:
    """Chinese when enough of the words are Han characters, one word each; English for all else."""
    han = len(HAN.findall(text))
    words = len(_WORD.findall(text))
    return "zh" if han and han / (han + words) >= _CHINESE_SHARE else "en"


def without(words: re.Pattern[str], text: str) -> str:
    """A space for each of the words, which are given in Simplified characters; all else keeps its script."""
    plain = simplified(text)
    if plain == text:
        return words.sub(" ", text)
    kept: list[str] = []
    end = 0
    for found in words.finditer(plain):
        kept.append(text[end : found.start()])
        end = found.end()
    return " ".join((*kept, text[end:]))
