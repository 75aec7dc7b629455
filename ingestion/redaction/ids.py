"""Numbers that states give to persons, by python-stdnum: those with check digits, or in a form of their own."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stdnum.au import tfn
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ch_ssn
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.es import nie
from stdnum.es import nif as es_nif
from stdnum.fi import hetu
from stdnum.fr import nif as fr_nif
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.us import itin, ssn

from retrieval.types import Span

_BEFORE = 40  # code points before a number in which a word may say what it is


@dataclass(frozen=True, slots=True)
class _Id:
    """A kind of number; with words it counts only after one of them: too many other numbers pass its check."""

    form: re.Pattern[str]
    is_valid: Callable[[str], bool]
    words: re.Pattern[str] | None = None


def _id(form: str, is_valid: Callable[[str], bool], words: str = "") -> _Id:
    said = re.compile(words, re.IGNORECASE) if words else None
    return _Id(re.compile(rf"(?<!\w)(?<!\d[./-])(?:{form})(?!\w|[./-]\d)", re.ASCII), is_valid, said)


_IDS = (
    _id(r"\d{3}-\d{2}-\d{4}", lambda number: ssn.is_valid(number) or itin.is_valid(number)),
    _id(
        r"\d{3} ?\d{2} ?\d{4}",
        lambda number: ssn.is_valid(number) or itin.is_valid(number),
        r"\bSSN|social security|\bITIN|taxpayer",
    ),
    _id(r"\d{17}[\dXx]", ric.is_valid),
    _id(r"[KLMXYZ\d]-?\d{7}-?[A-Z]", lambda number: es_nif.is_valid(number) or nie.is_valid(number)),
    _id(r"[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}", nir.is_valid),
    _id(r"[0-3]\d ?\d{2} ?\d{3} ?\d{3} ?\d{3}", fr_nif.is_valid, r"fiscal|imp[ôo]t|\bSPI\b|\bNIF\b|\btax"),
    _id(r"[1-9]\d ?\d{3} ?\d{3} ?\d{3}", idnr.is_valid, r"Id-?Nr|steuer|identifikationsnummer|\btax|\bTIN\b"),
    _id(r"\d{3}[ -]?\d{3}[ -]?\d{4}", nhs.is_valid, r"\bNHS\b"),
    _id(r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]", codicefiscale.is_valid),
    _id(
        r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}|\d{11}",
        nn.is_valid,
        r"rijksregister|registre national|national (?:register|number)|\bNISS|\bINSZ",
    ),
    _id(r"\d{4}\.?\d{2}\.?\d{3}|\d{9}", bsn.is_valid, r"\bBSN\b|burgerservice|sofi"),
    _id(r"\d{11}", pesel.is_valid, r"PESEL"),
    _id(r"(?:\d{2})?\d{6}[-+]\d{4}", personnummer.is_valid),
    _id(r"\d{6}[-+A]\d{3}[\dA-FHJ-NPR-Y]", hetu.is_valid),
    _id(r"756\.?\d{4}\.?\d{4}\.?\d{2}", ch_ssn.is_valid),
    _id(r"\d{3}\.\d{3}\.\d{3}-\d{2}", cpf.is_valid),
    _id(r"\d{11}", cpf.is_valid, r"\bCPF\b"),
    _id(r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}", aadhaar.is_valid, r"aadhaar|\bUID(?:AI)?\b"),
    _id(r"[A-Z]{3}[ABCFGHLJPTK][A-Z]\d{4}[A-Z]", pan.is_valid),
    _id(r"\d{6}-[1-8]\d{6}", rrn.is_valid),
    _id(r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d", curp.is_valid),
    _id(r"\d{3}[ -]?\d{3}[ -]?\d{3}", sin.is_valid, r"\bSIN\b|social insurance"),
    _id(r"\d{3} ?\d{3} ?\d{2,3}", tfn.is_valid, r"\bTFN\b|tax file"),
)
_SHORTEST = re.compile(r"\d(?:\W?\w){7}|[A-Z]{4}\w\d{4}")


def id_spans(text: str) -> Iterator[Span]:
    """Where the text holds a person's number; the same place may come twice."""
    if not _SHORTEST.search(text):
        return
    for each in _IDS:
        for found in each.form.finditer(text):
            before = text[max(0, found.start() - _BEFORE) : found.start()]
            if (each.words is None or each.words.search(before)) and each.is_valid(found[0].replace(" ", "")):
                yield found.span()
