"""Which language a text is in: by script where the script tells, else by py3langid."""

import re
from collections.abc import Callable

import py3langid

_KANA = re.compile(r"[\u3040-\u30ff]")
_HANGUL = re.compile(r"[\uac00-\ud7af]")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_LETTERS = re.compile(r"[^\W\d_]")
_CJK_SHARE = 0.15  # a Chinese text quotes English names; an English one rarely holds a sixth of Han letters
_SAMPLE = 400  # code points that are looked at: more costs time and rarely changes the verdict
_TOO_FEW_LETTERS = 200  # py3langid errs at times below
_FEWEST_LETTERS = 20  # and guesses wildly below: "Hello" is Breton to it
_BY_SCRIPT = frozenset({"ko", "ja", "zh"})

UNKNOWN = "und"


def language_of(text: str, otherwise: Callable[[], str] | None = None) -> str:
    """The ISO 639-1 code, or "und" where the text does not tell: numbers, a word or two.

    For a short text `otherwise` is asked, if given, unless the script says that it cannot be that language.
    """
    sample = text[:_SAMPLE]
    letters = len(_LETTERS.findall(sample))
    if not sample.isascii():
        kana, hangul, han = (len(script.findall(sample)) for script in (_KANA, _HANGUL, _HAN))
        if kana + hangul + han > _CJK_SHARE * letters:
            if hangul > kana + han:
                return "ko"
            return "ja" if kana > han / 10 else "zh"
    if letters == 0:
        return UNKNOWN
    if otherwise is not None and letters < _TOO_FEW_LETTERS:
        likely = otherwise()
        if likely not in _BY_SCRIPT:
            return likely
    if letters < _FEWEST_LETTERS:
        return UNKNOWN
    return str(py3langid.classify(sample)[0])  # pyright: ignore[reportUnknownArgumentType]
