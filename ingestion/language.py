"""Which language a text is in: by script or English function words where these tell, else by py3langid."""

import re
from collections.abc import Callable

import py3langid

_KANA = re.compile(r"[\u3040-\u30ff]")
_HANGUL = re.compile(r"[\uac00-\ud7af]")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_LETTERS = re.compile(r"[^\W\d_]+")
_CJK_SHARE = 0.15  # a Chinese text quotes English names; an English one rarely holds a sixth of Han letters
_SAMPLE = 400  # code points that are looked at: more costs time and rarely changes the verdict
_TOO_FEW_LETTERS = 200  # py3langid errs at times below
_FEWEST_LETTERS = 20  # and guesses wildly below: "Hello" is Breton to it
_BY_SCRIPT = frozenset({"ko", "ja", "zh"})
_ENGLISH = frozenset(
    re.findall(r"\w+", "the of and to that with for are this from have not which be it were has their by its")
)
_ENGLISH_WORDS = 5  # of those, which no other language has in a sample; py3langid takes a hundred times as long

UNKNOWN = "und"


def language_of(text: str, otherwise: Callable[[], str] | None = None) -> str:
    """The ISO 639-1 code, or "und" where the text does not tell: numbers, a word or two.

    For a short text `otherwise` is asked, if given, unless the script says that it cannot be that language.
    """
    sample = text[:_SAMPLE]
    if told := _told(sample):
        return told
    letters = _letters(sample)
    if letters == 0:
        return UNKNOWN
    if otherwise is not None and letters < _TOO_FEW_LETTERS:
        likely = otherwise()
        if likely not in _BY_SCRIPT:
            return likely
    if letters < _FEWEST_LETTERS:
        return UNKNOWN
    return str(py3langid.classify(sample)[0])  # pyright: ignore[reportUnknownArgumentType]


def _told(sample: str) -> str:
    """The language that script or words tell at once; empty where a model has to be asked."""
    if not sample.isascii():
        kana, hangul, han = (len(script.findall(sample)) for script in (_KANA, _HANGUL, _HAN))
        if kana + hangul + han > _CJK_SHARE * _letters(sample):
            if hangul > kana + han:
                return "ko"
            return "ja" if kana > han / 10 else "zh"
    return "en" if len(_ENGLISH.intersection(sample.lower().split())) >= _ENGLISH_WORDS else ""


def _letters(sample: str) -> int:
    return sum(map(len, _LETTERS.findall(sample)))
