"""Text as it is stored: NFC, plain line ends and spaces, nothing invisible.

NFC and not NFKC: a superscript, a fraction or a full-width letter says something. Only what a font did to the letters
(ligatures, Kangxi radicals, mathematical alphabets) is folded back, by `fold_glyphs`.
"""

import re
import unicodedata
from collections.abc import Container

_LINE_END = re.compile("\r\n?|\u0085|\u2028|\u2029|\v|\f")
_SPACE = re.compile("[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_SPACES = re.compile(" {2,}")
_BLANK_LINES = re.compile(r"\n{3,}")
_AROUND_LINE_END = re.compile(" *\n *")
_ANY_WHITESPACE = re.compile(r"\s+")
# Controls, soft hyphen, bidi controls, zero-width signs, variation selectors past emoji's, Unicode tags, noncharacters
# and lone surrogates: none of them is read, and each can hide text or break a match.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufdd0-\ufdef\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U0001fffe\U0001ffff]"
)
# Joiners are spelling in Persian and Indic scripts and part of an emoji; anywhere else they hide something.
_JOINING = "\u0600-\u07ff\u08a0-\u0dff\u1000-\u109f\u1780-\u17ff\u2600-\u27bf\ufe0f\U0001f000-\U0001faff"
_STRAY_JOINER = re.compile(f"(?<![{_JOINING}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINING}])")
# Of these, what someone put there so that it would not be seen: no soft hyphens, no marks at the start of a file. One
# variation selector picks a form of the symbol or the Han character before it; on letters and in runs they carry data.
# Fillers of Korean are spelling in syllables that lack their first consonant or their vowel, and blanks elsewhere.
_SELECTORS = "\ufe00-\ufe0e\U000e0100-\U000e01ef"
_INITIALS, _VOWELS, _FINALS = "\u1100-\u115e\ua960-\ua97c", "\u1161-\u11a7\ud7b0-\ud7c6", "\u11a8-\u11ff\ud7cb-\ud7fb"
_HIDING = re.compile(
    "[\u200b\u202a-\u202e\u2060-\u206f\u3164\uffa0\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]|(?<!^)\ufeff"
    f"|(?<![^\\sA-Za-z\u00c0-\u052f\ufe0f{_SELECTORS}])[{_SELECTORS}]"
    f"|\u115f(?![{_VOWELS}]|\u1160[{_FINALS}])|(?<![{_INITIALS}\u115f])\u1160|(?<=\u115f)\u1160(?![{_FINALS}])"
)
# What nothing above matches and NFC leaves alone, in whatever order: Latin, Greek, Chinese, punctuation, mathematics.
_EVERYDAY = re.compile(
    "[ -~\n\u00a1-\u00ac\u00ae-\u024f\u0391-\u03c9\u2010-\u2027\u2030-\u205e\u2190-\u22ff\u3001-\u3029\u4e00-\u9fff"
    "\uff01-\uff5e]*"
)

_LATIN_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_BULLETS = dict.fromkeys((0xF0B7, 0xF0A7, 0xF076, 0xF0D8, 0xF0FC, 0xF0A8), "•")
# CJK radicals that PDF fonts put in the place of the whole character; Unicode gives them no decomposition.
_RADICAL_PAIRS = (
    "⺁厂⺇几⺟母⺠民⻁虎⻄西⻅见⻆角⻉贝⻋车⻑長⻓长⻔门⻗雨⻘青⻙韦⻚页⻛风"
    "⻜飞⻝食⻟食⻠食⻡首⻢马⻣骨⻤鬼⻥鱼⻦鸟⻧卤⻨麦⻩黄⻪黾⻬齐⻮齿⻯竜⻰龙⻳龟"
)
_RADICALS = dict(zip(map(ord, _RADICAL_PAIRS[::2]), _RADICAL_PAIRS[1::2], strict=True))
_GLYPHS: dict[int, str] = {
    **_LATIN_LIGATURES,
    **_BULLETS,
    **_RADICALS,
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x2F00, 0x2FD6)},
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x1D400, 0x1D800)},
}
_FOLDABLE = re.compile("[\u2e80-\u2fdf\uf000-\uf0ff\ufb00-\ufb06\U0001d400-\U0001d7ff]")

_LAST_PART = re.compile(r"[^\W\d_]+$")
_FIRST_PART = re.compile(r"[^\W\d_]+")
_SPACELESS = re.compile(
    "[\u1100-\u11ff\u2e80-\u303f\u3040-\u30ff\u3100-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff60"
    "\U00020000-\U0003ffff]"
)
_WRAPPED = re.compile(f"(?<={_SPACELESS.pattern})[ \t]*\r?\n[ \t]*(?={_SPACELESS.pattern})")


def clean(text: str) -> str:
    """Return the text in NFC with plain line ends and spaces and without anything invisible; layout stays."""
    if _EVERYDAY.fullmatch(text):
        return text
    text = _SPACE.sub(" ", _LINE_END.sub("\n", text))
    text = _STRAY_JOINER.sub("", _INVISIBLE.sub("", text))
    return unicodedata.normalize("NFC", text)


def count_invisible(text: str) -> int:
    """How many characters `clean` takes out of the raw text that could hide a message or break up a word."""
    if _EVERYDAY.fullmatch(text):
        return 0
    return sum(1 for _ in _HIDING.finditer(text)) + sum(1 for _ in _STRAY_JOINER.finditer(_INVISIBLE.sub("", text)))


def one_line(text: str) -> str:
    """Return the cleaned text on one line, words parted by one space."""
    return _ANY_WHITESPACE.sub(" ", clean(text)).strip(" ")


def tidy(text: str) -> str:
    """Return the cleaned text with its lines: no spaces at their ends, one between words, one blank line at most."""
    text = _SPACES.sub(" ", _AROUND_LINE_END.sub("\n", clean(text)))
    return _BLANK_LINES.sub("\n\n", text).strip(" \n")


def verbatim(text: str) -> str:
    """Return cleaned code: every space inside a line stays, those at the end and the blank lines around go."""
    lines = [line.rstrip(" ") for line in clean(text.expandtabs(4)).split("\n")]
    return "\n".join(lines).strip("\n")


def fold_glyphs(text: str) -> str:
    """Undo what PDF fonts do to letters: ligatures, radicals in the place of characters, mathematical alphabets."""
    return text.translate(_GLYPHS) if _FOLDABLE.search(text) else text


def is_spaceless(character: str) -> bool:
    """Whether the character's script (Chinese, Japanese) writes no spaces, so that lines join without one."""
    return _SPACELESS.match(character) is not None


def unwrap(text: str) -> str:
    """Take out the line ends of a source that part no words: between Chinese or Japanese characters."""
    return _WRAPPED.sub("", text)


def line_joint(left: str, right: str) -> str:
    """What stands between two lines of one paragraph: a space, or nothing between Chinese or Japanese."""
    return "" if left and right and is_spaceless(left[-1]) and is_spaceless(right[0]) else " "


def hyphen_joint(left: str, right: str, words: Container[str], unknown: str = "") -> str:
    """Whether a word broken at a line's end had a hyphen of its own: "-" if so, "" if the break made it.

    `left` comes without the hyphen; `words` are those that the document writes inside its lines, in lower case;
    `unknown` is the answer for one that it does not.
    """
    tail, front = _LAST_PART.search(left), _FIRST_PART.match(right)
    if tail is None or front is None or front[0][0].isupper():
        return "-"
    whole, parted = f"{tail[0]}{front[0]}".lower(), f"{tail[0]}-{front[0]}".lower()
    if whole in words:
        return ""
    return "-" if parted in words else unknown
