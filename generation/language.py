"""Which of our own two languages to reply in, judged by a text's script; Chinese function words in either of theirs."""

import re

from generation.types import Language

HAN_SIGNS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # within the brackets of a pattern
HAN = re.compile(f"[{HAN_SIGNS}]")
_WORD = re.compile(rf"[^\W\d_{HAN_SIGNS}]+")
_FORMS = (
    "麼們個裡裏兒邊這與從對於關為嗎誰請問訴時處樣幾兩種類條項國會該實沒無應並僅換還後絕須斷過論動鏽當餘來滿辦",
    "么们个里里儿边这与从对于关为吗谁请问诉时处样几两种类条项国会该实没无应并仅换还后绝须断过论动锈当余来满办",
)
_TRADITIONAL = re.compile(f"[{_FORMS[0]}]")  # looked for first: to translate what has none takes ten times as long
_SIMPLIFIED = str.maketrans(*_FORMS)
_CHINESE_SHARE = 0.3  # a Chinese question about FastAPI and SQLAlchemy is still a Chinese question


def reply_language(text: str) -> Language:
    """Chinese when enough of the words are Han characters, one word each; English for all else."""
    han = len(HAN.findall(text))
    words = len(_WORD.findall(text))
    return "zh" if han and han / (han + words) >= _CHINESE_SHARE else "en"


def simplified(text: str) -> str:
    """Chinese question words, pronouns and negations written the simplified way, each character in its old place."""
    return text.translate(_SIMPLIFIED) if _TRADITIONAL.search(text) else text


def without(words: re.Pattern[str], text: str) -> str:
    """A space for each of the words, which are given as `simplified` writes them; all else keeps its script."""
    plain = simplified(text)
    if plain == text:
        return words.sub(" ", text)
    kept: list[str] = []
    end = 0
    for found in words.finditer(plain):
        kept.append(text[end : found.start()])
        end = found.end()
    return " ".join((*kept, text[end:]))
