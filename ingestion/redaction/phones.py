"""Phone numbers by phonenumbers: written for the whole world, valid somewhere as grouped, or called a phone number."""

import re
from collections.abc import Iterator

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatch, PhoneNumberMatcher

from retrieval.types import Span

_WIDEST = "DE"  # its numbers may have nearly any length, so that its matcher puts forward whatever could be one
_REGIONS = ("US", "GB", "CN", "DE", "FR", "ES", "IT", "IN", "BR", "AU", "JP", "KR", "TW", "HK", "NL", "SE", "CH", "AT")
_FEWEST_DIGITS = 7
_DIGITS = re.compile(r"\d(?:\D{0,3}\d){6}")
_THOUSANDS = re.compile(r"\d{1,3}(?:[ .]\d{3})+")
_YEARS = re.compile(r"(?:(?:19|20)\d\d\W*)+")
# A piece of an address on the web, of an identifier, of a decimal or of a number with commas is no phone number.
_GOES_ON_BEFORE = re.compile(r"[A-Za-z\d_/=#]\Z|\d[.,-]\Z|[A-Za-z][._-]\Z")
_GOES_ON_AFTER = re.compile(r"[\d_/=]|[.,-]\d|\.?[A-Za-z]")
_BEFORE, _AFTER = 40, 12  # code points around a number in which a word may say that it is one
_WORDS_BEFORE = re.compile(
    r"\b(?:phones?|telephone|tel|tlf|mob(?:ile)?|cell(?:phone|ular)?|fax|call(?:s|ed|ing)?|dial|ring|sms|text(?:ed)?|"
    r"messages?|whatsapp|wechat|signal|hotline|helpline|office|desk|direct|extension|contact|reach|answer(?:ing)?|"
    r"(?:my|his|her|our|your|their) (?:new )?number|"
    r"telefon[eo]?|fon|handy|mobil|mobiltelefon|anruf|rufnummer|t[ée]l[ée]phone|t[ée]l|portable|appel\w*|tel[ée]fono|"
    r"m[óo]vil|celular|llam\w*|cellulare|chiam\w*|telem[óo]vel|ligar|телефон\w*|тел|моб)\b"
    r"|电话|電話|手机|手機|传真|傳真|座机|热线|熱線|联系方式|聯絡|致电|拨打|撥打|短信|微信|携帯|전화|휴대폰",
    re.IGNORECASE,
)
_WORDS_AFTER = re.compile(r"\W{1,3}(?:phone|tel|mob(?:ile)?|cell|fax|office|home|work|direct)\b", re.IGNORECASE)


def phone_spans(text: str) -> Iterator[Span]:
    """Where the text holds phone numbers, in order."""
    if not _DIGITS.search(text):
        return
    for match in PhoneNumberMatcher(text, _WIDEST, leniency=Leniency.POSSIBLE):
        if _is_phone(text, match):
            yield match.start, match.end


def _is_phone(text: str, match: PhoneNumberMatch) -> bool:
    raw = match.raw_string
    before, after = text[max(0, match.start - _BEFORE) : match.start], text[match.end : match.end + _AFTER]
    if _YEARS.fullmatch(raw) or _GOES_ON_BEFORE.search(before) or _GOES_ON_AFTER.match(after):
        return False
    if raw.startswith("+") or (raw.startswith("00") and phonenumbers.is_valid_number(match.number)):
        return True
    if _WORDS_BEFORE.search(before) or _WORDS_AFTER.match(after):
        return sum(map(str.isdigit, raw)) >= _FEWEST_DIGITS
    return not _THOUSANDS.fullmatch(raw) and any(_is_grouped_as_in(region, raw) for region in _REGIONS)


def _is_grouped_as_in(region: str, raw: str) -> bool:
    """Whether people of that region would take it for one of theirs without being told."""
    if region == "CN" and raw.isdigit():
        return len(raw) == 11 and phonenumbers.is_valid_number(phonenumbers.parse(raw, region))
    if raw.isdigit() or not (raw[0] in "0(" or region == "US"):
        return False
    return PhoneNumberMatcher(raw, region, leniency=Leniency.STRICT_GROUPING).has_next()
