"""Makes a page's tree plain: what is no text goes, and what only its looks would tell (powers, formulas) is written."""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingestion.parsers.html.tree import drop, matching

_NO_TEXT = (
    "script, style, template, noscript, svg, object, iframe, select, datalist, audio, video, canvas, rt, rp, "
    ".katex-html, td.linenos, td.gutter, td.blob-num, .linenodiv, .lineno, .mw-editsection"
)
_FORMULAS = "math, script[type^='math/tex']"
_HEADINGS = "h1, h2, h3, h4, h5, h6, dt, summary, [role=heading]"
_BUTTON_WORDS = 4  # a button that says more is the heading of what it opens
_MATH_IMAGE = re.compile(r"math|latex|\btex\b", re.IGNORECASE)
_NUMBER = re.compile(r"[-+−]?\d[\d.,/]{0,5}|[-+−n]")
_NOTE_MARK = re.compile(r"\d{1,3}")


def write_looks(tree: LexborHTMLParser) -> bool:
    """Write what only its looks would tell, and take out the signs of headings' links; whether there was any of it."""
    formulas = matching(tree, _FORMULAS)
    images = [image for image in matching(tree, "img[alt]").values() if _MATH_IMAGE.search(_class(image))]
    marks = [link for link in matching(tree, "a[href^='#']").values() if _is_mark(_text(link))]
    for node in reversed(formulas.values()):
        node.replace_with(_formula(node))
    for image in images:
        image.replace_with(image.attributes.get("alt") or "")
    drop(marks)
    raised = [(node, text) for node in reversed(matching(tree, "sup").values()) if (text := _raised(node))]
    for node, text in raised:
        node.replace_with(text)
    return bool(formulas or images or marks or raised)


def make_plain(tree: LexborHTMLParser) -> None:
    """Change the tree; only its text and the elements that order it are left to be read."""
    titled = {mem for heading in matching(tree, _HEADINGS).values() for mem in matching(heading, "button")}
    buttons = matching(tree, "button")
    drop(node for mem, node in buttons.items() if mem not in titled and len(_text(node).split()) < _BUTTON_WORDS)
    drop(matching(tree, _NO_TEXT).values())


def _class(node: LexborNode) -> str:
    return node.attributes.get("class") or ""


def _formula(node: LexborNode) -> str:
    """A formula as TeX, where the page tells it, else its characters in order."""
    told = node.css_first("annotation[encoding*=tex i]")
    tex = node.attributes.get("alttext") or (_text(told) if told is not None else "")
    return f" {tex or ' '.join(_text(node).split())} "


def _raised(node: LexborNode) -> str:
    """What a raised number is on one line: a note's mark in brackets, a power behind its sign."""
    text = _text(node).strip()
    if _NOTE_MARK.fullmatch(text) and node.css_first("a") is not None:
        return f"[{text}]"
    before = node.prev
    after_word = before is not None and (before.text_content or before.text())[-1:].isalnum()
    return f"^{text}" if after_word and _NUMBER.fullmatch(text) else ""


def _is_mark(text: str) -> bool:
    """Whether a link into the page says nothing: the paragraph sign beside a heading."""
    return bool(text.strip()) and not any(character.isalnum() for character in text)


def _text(node: LexborNode) -> str:
    return node.text()
