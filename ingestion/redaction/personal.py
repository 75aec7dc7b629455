"""Where a text holds personal data: what has a form of its own (addresses, phone numbers) or check digits.

Names and postal addresses are not found. A number that many others look like counts only beside a word that says
what it is. Every search is linear in the text's length: what stands around a mark is looked at so far and no further.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from stdnum import iban, luhn

from ingestion.redaction.ids import id_spans
from ingestion.redaction.phones import phone_spans
from ingestion.types import PersonalKind
from retrieval.types import Span

_LATIN = "A-Za-z\u00c0-\u024f"
_LOCAL_PART = re.compile(rf"(?<![{_LATIN}\d.!#$%&'*+/=?^_`{{}}~-])[{_LATIN}\d.!#$%&'*+/=?^_`{{}}~-]{{1,64}}\Z")
_LOCAL_LENGTH = 64  # characters before the @, as RFC 5321 has it
_DOMAIN = re.compile(rf"(?:[{_LATIN}\d](?:[{_LATIN}\d-]{{0,62}})\.){{1,8}}(?:[{_LATIN}]{{2,24}}|xn--[a-z\d-]{{1,59}})")
_EDGES = ".!#$%&'*+/=?^`{}~-"  # marks that may stand in a local part, and seldom begin one

# ASCII: a Chinese character right before or after a number is no part of it.
_IP4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)", re.ASCII)
_IP6 = re.compile(
    r"(?<![\w:.])[\dA-F]{0,4}(?::[\dA-F]{0,4}){2,7}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])",
    re.ASCII | re.IGNORECASE,
)
_IP6_GROUPS = 3

_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z\d]){11,30}", re.ASCII)
_IBAN_SHORTEST = 15
_CARD = re.compile(
    r"(?<!\w)(?<!\d[.-])"
    r"(?:\d{12,19}|\d{4}([ -])\d{4}(?:\1\d{4}){1,2}(?:\1\d{1,4})?|\d{4}([ -])\d{6}\2\d{4,5})"
    r"(?!\w|-\d)",
    re.ASCII,
)
_CARD_ISSUER = re.compile(r"[3-6]|2[2-7]|2131|1800|0604")


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of personal data and where it stands."""

    kind: PersonalKind
    start: int
    end: int


def find(text: str) -> list[Found]:
    """What there is, in order, nothing twice: a number that could be two kinds is the one with the stricter form."""
    found: list[Found] = []
    taken = bytearray(len(text))
    for kind, spans in _FINDERS:
        for start, end in spans(text):
            if taken.find(1, start, end) < 0:
                taken[start:end] = b"\1" * (end - start)
                found.append(Found(kind, start, end))
    return sorted(found, key=lambda each: each.start)


def _email_spans(text: str) -> Iterator[Span]:
    at = text.find("@")
    while at >= 0:
        before = text[max(0, at - _LOCAL_LENGTH - 1) : at]
        local, domain = _LOCAL_PART.search(before), _DOMAIN.match(text, at + 1)
        name = local[0].lstrip(_EDGES) if local else ""
        if name and domain:
            yield at - len(name), domain.end()
        at = text.find("@", at + 1)


def _ip_spans(text: str) -> Iterator[Span]:
    for found in _IP4.finditer(text):
        parts = [int(part) for part in found[0].split(".")]
        # Sections and releases are numbered 3.1.2.4 too: an address has a long number, or several of two digits.
        if _is_someones(found[0]) and (max(parts) > 99 or sum(part > 9 for part in parts) > 1):
            yield found.span()
    for found in _IP6.finditer(text):
        groups = sum(bool(group) for group in found[0].split(":"))
        if groups >= _IP6_GROUPS and any(map(str.isdigit, found[0])) and _is_someones(found[0]):
            yield found.span()


def _is_someones(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    nobodys = address.is_loopback or address.is_unspecified or address.is_multicast
    return not (nobodys or (address.version == 4 and address.is_reserved))


def _iban_spans(text: str) -> Iterator[Span]:
    for found in _IBAN.finditer(text):
        length = _iban_length(found[0])
        if length:
            yield found.start(), found.start() + length


def _iban_length(text: str) -> int:
    """How much of the text, from its beginning, is an IBAN: words in capitals may follow it."""
    ends = range(len(text), _IBAN_SHORTEST - 1, -1)
    return next((end for end in ends if text[end - 1].isalnum() and iban.is_valid(text[:end])), 0)


def _card_spans(text: str) -> Iterator[Span]:
    for found in _CARD.finditer(text):
        digits = found[0].replace(" ", "").replace("-", "")
        if _CARD_ISSUER.match(digits) and len(set(digits)) > 1 and luhn.is_valid(digits):
            yield found.span()


_FINDERS: tuple[tuple[PersonalKind, Callable[[str], Iterator[Span]]], ...] = (
    ("email", _email_spans),
    ("iban", _iban_spans),
    ("id", id_spans),
    ("card", _card_spans),
    ("ip", _ip_spans),
    ("phone", phone_spans),
)
"""The strictest form first."""
