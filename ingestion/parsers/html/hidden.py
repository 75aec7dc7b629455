"""Takes out of a page what no reader sees: hidden, tiny, off the screen or in the colour of what lies behind it.

It knows the styles that stand in the page. What a stylesheet elsewhere hides is not known: nothing is fetched.
"""

import re
from collections.abc import Iterator, Mapping
from colorsys import hls_to_rgb
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from ingestion.parsers.html.tree import drop, matching, text_lengths

Style = Mapping[str, str]
Color = tuple[int, int, int]

_DECLARATION = re.compile(r"([\w-]{1,40})\s*:\s*([^;]{1,300})")
_NAME = re.compile(r"[.#][\w-]+")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_MAX_RULES = 400  # of one page, that say anything about what is seen: each is looked up in the whole tree
_MAX_SHEET = 500_000  # characters
_ROOTS = frozenset(("html", "body", "main", "article"))  # hidden until a script shows them

_LENGTH = re.compile(r"(-?\d{0,6}\.?\d{1,6})(px|pt|em|rem|ex|ch|vw|vh|%|cm|mm|in|)\b")
_PIXELS = {
    "": 1,
    "px": 1,
    "pt": 1.33,
    "em": 16,
    "rem": 16,
    "ex": 8,
    "ch": 8,
    "vw": 12,
    "vh": 8,
    "%": 8,
    "cm": 38,
    "mm": 4,
    "in": 96,
}
_FAINT = 0.02  # of full opacity
_NUMBER = re.compile(r"(\d*\.?\d+)(%?)")
_FONT_SIZE = re.compile(r"(?:^|\s)(\d{0,6}\.?\d{1,6}(?:px|pt|em|rem|ex|ch|vw|vh|%|cm|mm|in))(?=[\s/]|$)")
_ALWAYS = re.compile(r"@media\s+(?:only\s+)?(?:screen|all)")
_MOVING = frozenset(("transform", "transition", "animation", "will-change"))  # about to be faded in
_OFF_SCREEN_PIXELS = -400
_TINY_PIXELS = 2.0
_OFFSETS = ("left", "top", "right", "bottom", "text-indent", "margin-left", "margin-top")
_NOTHING_SHOWS = re.compile(
    r"rect\(\s*(?:0|1px)|inset\(\s*(?:50|100)%|circle\(\s*0|scale\(\s*0\s*[,)]|translate[xy]?\([^)]*-\s*\d{4,}"
)
_SPEAKING = (
    *("display", "visibility", "opacity", "font-size", "position", "text-indent", "clip", "color", "transform"),
    *("height", "max-height"),
)
_BOXES = {"height": ("padding", "padding-top", "padding-bottom", "min-height"), "width": ()}  # what gives one room yet

_COLOR_NAMES = {"white": "ffffff", "snow": "fffafa", "ivory": "fffff0", "black": "000000"}
_HEX = re.compile(r"#([0-9a-f]{3,8})\b")
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})(?:\s*[,/]\s*([\d.]{1,6}%?))?")
_HSL = re.compile(
    r"hsla?\(\s*(\d{1,4}(?:\.\d{1,4})?)(?:deg)?[\s,]+(\d{1,3}(?:\.\d{1,4})?)%[\s,]+(\d{1,3}(?:\.\d{1,4})?)%"
    r"(?:\s*[,/]\s*([\d.]{1,6}%?))?"
)
_NEAR = 24  # of 255: colours nearer than this in all three parts cannot be told apart


def remove_hidden(tree: LexborHTMLParser) -> int:
    """Take out what is not seen; give how many characters that were."""
    found = matching(tree, "[hidden]:not([hidden='until-found' i])")
    sheets = _Sheets.of(tree)
    behind: dict[int, Color | None] = {}
    for node in matching(tree, "[style], font[color]").values():
        if _is_hidden(node, sheets, behind):
            found[node.mem_id] = node
    found |= sheets.hidden(tree)
    outermost = [node for node in found.values() if node.tag not in _ROOTS and not _is_inside(node, found)]
    count = sum(text_lengths(node, ())[node.mem_id] for node in outermost)
    drop(outermost)
    return count


def hides(tag: str) -> bool:
    """Whether what stands behind such an opening tag is not seen."""
    told = tag.lower()
    return any(word in told for word in ("hidden", "style", "color")) and remove_hidden(LexborHTMLParser(f"{tag}x")) > 0


def style_of(node: LexborNode) -> dict[str, str]:
    """What the element's own attributes say about its looks."""
    attributes = node.attributes
    style = _declarations(attributes.get("style") or "")
    for attribute, name in (("bgcolor", "background-color"), ("color", "color")):
        if (value := attributes.get(attribute)) and name not in style:
            style[name] = value.lower()
    return style


def hiding_property(style: Style) -> str:
    """The property by which the style hides, whatever lies around it; empty if none does."""
    if style.get("display") == "none":
        return "display"
    if style.get("visibility") in ("hidden", "collapse"):
        return "visibility"
    if _share(style.get("opacity", "1")) <= _FAINT and not _MOVING & style.keys():
        return "opacity"
    shorthand = _FONT_SIZE.search(style.get("font", ""))
    told = style.get("font-size") or (shorthand[1] if shorthand else "")
    size = _pixels(told)
    if size is not None and size <= _TINY_PIXELS and (size == 0 or told[-1:] != "%"):
        return "font-size"
    if _is_clear(style.get("color", "")) and "text" not in style.get("background-clip", ""):
        return "color"
    return _placing_property(style)


def _placing_property(style: Style) -> str:
    placed = style.get("position") in ("absolute", "fixed", "relative")
    for name in _OFFSETS if placed else _OFFSETS[4:]:
        offset = _pixels(style.get(name, ""))
        if offset is not None and offset <= _OFF_SCREEN_PIXELS:
            return "text-indent" if name == "text-indent" else "position"
    if any(_NOTHING_SHOWS.search(style.get(name, "")) for name in ("clip", "clip-path", "transform")):
        return "clip" if "transform" not in style else "transform"
    return _boxing_property(style)


def _boxing_property(style: Style) -> str:
    """The property that leaves no room in a box out of which nothing flows.

    One that is moved is to be opened, as the answers below a list of questions are.
    """
    if style.get("overflow", "").split(" ")[0] not in ("hidden", "clip") or _MOVING & style.keys():
        return ""
    for side, others in _BOXES.items():
        for name in (side, f"max-{side}"):
            size = _pixels(style.get(name, ""))
            if size is not None and size <= _TINY_PIXELS:
                has_room = any((_pixels(style.get(other, "")) or 0) > _TINY_PIXELS for other in others)
                return "" if has_room else name
    return ""


def _is_hidden(node: LexborNode, sheets: "_Sheets", behind: dict[int, Color | None]) -> bool:
    style = style_of(node)
    if hiding_property(style):
        return True
    color = _color(style.get("color", ""))
    return color is not None and _is_like(color, _background(node, sheets, behind))


def _background(node: LexborNode, sheets: "_Sheets", behind: dict[int, Color | None]) -> Color | None:
    """The colour behind the element, white if nothing gives another; None where that cannot be known.

    `behind` keeps what is known of the elements around, by id.
    """
    within: list[int] = []
    ancestor: LexborNode | None = node
    found: Color | None = None if sheets.elsewhere else (255, 255, 255)
    while ancestor is not None:
        if ancestor.mem_id in behind:
            found = behind[ancestor.mem_id]
            break
        within.append(ancestor.mem_id)
        style = style_of(ancestor)
        painted = style.get("background-color") or style.get("background")
        if painted and painted not in ("none", "inherit") and not _is_clear(painted):
            found = _color(painted)
            break
        if ancestor.mem_id in sheets.painted or (sheets.elsewhere and {"class", "id"} & ancestor.attributes.keys()):
            found = None
            break
        ancestor = ancestor.parent
    behind.update(dict.fromkeys(within, found))
    return found


@dataclass(frozen=True, slots=True)
class _Sheets:
    """The page's own stylesheets, as far as they say what is seen."""

    rules: tuple[tuple[str, Style], ...]
    painted: frozenset[int]
    """Elements that get a background from a rule."""
    elsewhere: bool
    """Whether there are stylesheets that are not in the page."""

    @classmethod
    def of(cls, tree: LexborHTMLParser) -> "_Sheets":
        text = "\n".join(node.text() for node in matching(tree, "style").values())
        names = _names(tree) if text else frozenset[str]()
        rules = [
            (selector, style)
            for selectors, style in _rules(_COMMENT.sub("", text[:_MAX_SHEET]))
            for selector in selectors.split(",")
            if names.issuperset(_NAME.findall(selector)) and ":" not in selector and selector.strip() not in ("*", "")
        ]
        painting = [selector for selector, style in rules if "background" in style or "background-color" in style]
        painted = frozenset(mem for selector in painting[:_MAX_RULES] for mem in _found(tree, selector))
        speaking = [rule for rule in rules if any(name in rule[1] for name in _SPEAKING)]
        return cls(tuple(speaking[:_MAX_RULES]), painted, bool(tree.css_first("link[rel~=stylesheet i]")))

    def hidden(self, tree: LexborHTMLParser) -> dict[int, LexborNode]:
        """Elements that a rule hides and that nothing shows again: no other rule, no style of their own."""
        found: dict[int, LexborNode] = {}
        hiding = [(selector, name) for selector, style in self.rules if (name := hiding_property(style))]
        for name in {name for _, name in hiding}:
            hidden = {k: v for selector, why in hiding if why == name for k, v in _found(tree, selector).items()}
            showing = (
                [s for s, style in self.rules if name in style and hiding_property(style) != name] if hidden else []
            )
            shown = {mem for selector in showing for mem in _found(tree, selector)}
            found |= {k: v for k, v in hidden.items() if k not in shown and name not in style_of(v)}
        return found


def _rules(sheet: str) -> Iterator[tuple[str, Style]]:
    """Selector and declarations of the rules that hold on every screen: of @media and its like, none but those."""
    depth, start, selector = 0, 0, ""
    for mark in re.finditer("[{}]", sheet):
        if mark[0] == "{":
            if depth == 0:
                selector, start = sheet[start : mark.start()].rpartition(";")[2].strip(), mark.end()
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                within = sheet[start : mark.start()]
                if _ALWAYS.fullmatch(selector.lower()):
                    yield from _rules(within)
                elif not selector.startswith("@"):
                    yield selector, _declarations(within)
                start = mark.end()


def _found(tree: LexborHTMLParser, selector: str) -> dict[int, LexborNode]:
    try:
        return matching(tree, selector)
    except SelectolaxError:
        return {}


def _names(tree: LexborHTMLParser) -> frozenset[str]:
    """Every class and id of the page: a selector that names another finds nothing, and most in a stylesheet do."""
    named = [node.attributes for node in matching(tree, "[class], [id]").values()]
    return frozenset(
        f"{mark}{name}"
        for attributes in named
        for mark, value in ((".", attributes.get("class")), ("#", attributes.get("id")))
        for name in (value or "").split()
    )


def _declarations(style: str) -> dict[str, str]:
    return {
        match[1].lower(): match[2].lower().replace("!important", "").strip() for match in _DECLARATION.finditer(style)
    }


def _is_inside(node: LexborNode, others: Mapping[int, LexborNode]) -> bool:
    ancestor = node.parent
    while ancestor is not None:
        if ancestor.mem_id in others and ancestor.tag not in _ROOTS:
            return True
        ancestor = ancestor.parent
    return False


def _pixels(value: str) -> float | None:
    match = _LENGTH.match(value)
    return float(match[1]) * _PIXELS[match[2]] if match else None


def _color(value: str) -> Color | None:
    """Red, green and blue; None for colours by names that are neither white nor black, and for pictures."""
    if match := _RGB.search(value):
        return int(match[1]), int(match[2]), int(match[3])
    if match := _HSL.search(value):
        parts = hls_to_rgb(float(match[1]) % 360 / 360, float(match[3]) / 100, float(match[2]) / 100)
        red, green, blue = (round(255 * min(max(part, 0.0), 1.0)) for part in parts)
        return red, green, blue
    named = _COLOR_NAMES.get(value.partition(" ")[0])
    match = _HEX.match(value)
    digits = named or (match[1] if match else "")
    if len(digits) in (3, 4):
        digits = "".join(digit * 2 for digit in digits)
    return (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)) if len(digits) >= 6 else None


def _is_clear(color: str) -> bool:
    """Whether it is no colour at all, or one through which all shows."""
    match = _RGB.search(color) or _HSL.search(color)
    return color == "transparent" or (match is not None and _share(match[4] or "1") <= _FAINT)


def _share(value: str) -> float:
    """A share as styles write it, `.5` or `50%`; what is none is all."""
    match = _NUMBER.fullmatch(value)
    return float(match[1]) / (100 if match[2] else 1) if match else 1.0


def _is_like(color: Color, background: Color | None) -> bool:
    return background is not None and all(abs(a - b) < _NEAR for a, b in zip(color, background, strict=True))
