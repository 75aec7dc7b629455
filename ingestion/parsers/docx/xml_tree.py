"""The part of lxml's elements that the parsers use; lxml itself comes without types."""

from collections.abc import Iterator
from typing import Protocol


class Element(Protocol):
    """An XML element; iterating gives its children, comments and processing instructions among them."""

    @property
    def tag(self) -> object: ...  # a string, but for comments and processing instructions

    text: str | None
    tail: str | None

    def __iter__(self) -> Iterator["Element"]: ...
    def get(self, key: str, default: str | None = None) -> str | None: ...
    def find(self, path: str) -> "Element | None": ...
    def iter(self, *tags: str) -> Iterator["Element"]: ...
    def itertext(self) -> Iterator[str]: ...
    def iterancestors(self, *tags: str) -> Iterator["Element"]: ...
    def getparent(self) -> "Element | None": ...
    def remove(self, element: "Element") -> None: ...


def w(name: str) -> str:
    """The full name of an element or attribute in Word's namespace."""
    return f"{{http://schemas.openxmlformats.org/wordprocessingml/2006/main}}{name}"


def m(name: str) -> str:
    """The full name of an element or attribute in the namespace of Word's formulas."""
    return f"{{http://schemas.openxmlformats.org/officeDocument/2006/math}}{name}"


def name_of(element: Element) -> str:
    """The element's name without its namespace; empty for comments and processing instructions."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def value_at(parent: Element | None, path: str) -> str | None:
    """The `w:val` of the element at the path of names in Word's namespace; None if it is not there or has none."""
    found = parent.find("/".join(map(w, path.split("/")))) if parent is not None else None
    return found.get(w("val")) if found is not None else None


def count(told: str | None, digits: int = 6) -> int | None:
    """The number that an attribute holds in so many digits at most; None for anything else."""
    return int(told) if told and told.isdecimal() and len(told) <= digits else None


def is_on(parent: Element | None, name: str) -> bool | None:
    """Whether a switch such as `w:vanish` is on; None where it is not said."""
    switch = parent.find(w(name)) if parent is not None else None
    return None if switch is None else switch.get(w("val")) not in ("0", "false", "off")


def count_letters(element: Element) -> int:
    """How many characters but white space its text has."""
    return sum(len("".join((part.text or "").split())) for part in element.iter(w("t"), m("t")))
