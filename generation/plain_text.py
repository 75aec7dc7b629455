"""A model's words as plain text: no images, links, HTML, addresses or control characters survive.

Two steps, because taking something out can put together what stood apart: `without_markup` takes whole constructs out,
`broken_markup` then sets a space into whatever still opens one, which can never make a new one. No construct that
`broken_markup` breaks holds white space at its opening, so sentences cleaned one by one are clean when joined.
"""

import re
import unicodedata

_KEPT = "\n\t\u200c\u200d"
_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029\u0085\v\f]")
_IMAGE = re.compile(r"!\[[^\[\]]{0,2000}\](?:\([^()]{0,2000}\)|\[[^\[\]]{0,200}\])")
_LINK = re.compile(r"\[([^\[\]]{0,2000})\]\([^()]{0,2000}\)")
_TAG = re.compile(r"<(?:!--.{0,2000}?--|[A-Za-z/!?][^<>]{0,2000})>", re.DOTALL)
_ADDRESS = re.compile(
    r"[^\W\d_][\w+.-]{0,30}[:：][/／\\]{2}[^\s<>\"'）()\[\]】》」，。；！？]*"
    r"|(?<!\w)(?:javascript|vbscript|data|mailto|blob|file|tel):[^\s<>\"'()\[\]]+"
    r"|(?<![\w@./])www\.[^\s<>\"'()\[\]]+"
    r"|(?<![\w:/])//[\w-]+(?:\.[\w-]+)+[^\s<>\"'()\[\]]*"
    r"|(?<![\w@./-])(?:[a-z0-9-]{1,63}\.){1,8}(?:com|net|org|io|dev|info|example|test|xyz|ai|app|co|ru|cn|me|top)(?:[/:?#][^\s<>\"'()\[\]]*)",
    re.IGNORECASE,
)
_EMPTIED = re.compile(r"<\s*>|\(\s*\)(?<!\w\(\))")
_OPENS_LINK = re.compile(r"\](?=\()")
_OPENS_IMAGE = re.compile(r"!(?=\[)")
_OPENS_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_OPENS_DEFINITION = re.compile(r"^([ \t]*\[[^\[\]\n]{0,200}\])(?=:)", re.MULTILINE)
_OPENS_ADDRESS = re.compile(r"(?<=:)(?=//)")
_SCHEME = re.compile(r"(?<!\w)(javascript|vbscript|data|mailto|blob)(?=:\S)", re.IGNORECASE)


def without_controls(text: str) -> str:
    """The text without control, format, surrogate and unassigned characters; all line breaks are \\n."""
    text = _LINE_ENDS.sub("\n", text)
    return "".join(char for char in text if char in _KEPT or unicodedata.category(char)[0] != "C")


def without_markup(text: str) -> str:
    """The text without images, tags and addresses; of links only the words stay."""
    text = _IMAGE.sub("", text)
    text = _LINK.sub(_words_of_link, text)
    text = _TAG.sub("", text)
    return _EMPTIED.sub("", _ADDRESS.sub("", text))


def broken_markup(text: str) -> str:
    """The text with a space inside whatever still opens a link, an image, a tag or a definition; words stay whole."""
    text = _OPENS_IMAGE.sub("! ", text)
    text = _OPENS_LINK.sub("] ", text)
    text = _OPENS_DEFINITION.sub(r"\1 ", text)
    return _OPENS_TAG.sub("< ", text)


def broken_addresses(text: str) -> str:
    """The text with a space inside whatever still reads as an address."""
    return _SCHEME.sub(r"\1 ", _OPENS_ADDRESS.sub(" ", text))


def plain(text: str) -> str:
    """All of these in turn: a model's words as they may stand anywhere."""
    return broken_addresses(broken_markup(without_markup(without_controls(text))))


def _words_of_link(link: re.Match[str]) -> str:
    words = link.group(1)
    return f"[{words}]" if words.isdigit() else words
