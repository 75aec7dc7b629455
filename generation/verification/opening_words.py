"""Whether the word that opens an English sentence is a name: every word has a capital there.

Judged by its form and by what follows it. Ordinary words open a sentence as adverbs, participles, adjectives or
plurals; one that stands right before a verb, alone and in the singular, is a name or a substance.
"""

import re

_FUNCTION_WORDS = (
    "a about above according accordingly across additionally after afterwards again against all along alongside "
    "already also although altogether always among amongst an and another anyway apart around as at away back because "
    "before behind below beneath beside besides between beyond both but by concerning consequently considering "
    "contrary currently despite down due during each earlier eight either especially even eventually every except few "
    "finally first firstly five following for formerly four from further furthermore generally given he hence "
    "henceforth her here herein his historically how however if in including indeed initially inside instead into it "
    "its last lastly later latest less like likewise many maybe meanwhile more moreover most much near neither never "
    "nevertheless next nine no nonetheless nor not notably now of off often on once one only onto or originally other "
    "otherwise our out outside over overall past per perhaps please previously prior pursuant quite rather recently "
    "regarding respectively second secondly seven several she similarly since six so some sometimes soon specifically "
    "still subsequently such ten than that the their then thereafter thereby therefore these they third this those "
    "though three through throughout thus to today together tomorrow too toward towards two ultimately under "
    "underneath unless unlike until up upon usually versus via we well what whatever when whenever where whereas "
    "whereby wherever whether which whichever while who whoever whom whose why with within without yes yesterday yet "
    "you your"
)
OPENERS = frozenset(_FUNCTION_WORDS.split())
"""Words without a meaning of their own, after which a name may follow at once."""
_ORDINARY_WORDS = (
    "access active additional age aim air anybody anyone anything army big birth blood bottom broad business cancer "
    "cash cell children cost court crew crime data death debt deep demand design disease drug eleven energy entire "
    "equal everybody everyone everything exact exercise extra fifty filming final fire fish food footage forty free "
    "fuel full gas good great group growth half health help high higher huge income interest key labor labour land "
    "large larger late law life light local long longer loss love low lower main major management media men metal "
    "mice modest money mouse music net new nobody noise none note nothing oil old open output pain parliament part "
    "partial patient people police poor power pressure profit progress proof protein public rain rapid real research "
    "rest revenue risk safety same search sharp short sleep slow small smaller software somebody someone something "
    "sound space speed sport staff steel stress strict strong stronger supply support talk task tea team test text "
    "thirty time total trade traffic training travel treatment truth turnover twelve twenty usage use user value war "
    "waste water weak wide wind winter women wood work young"
)
_ORDINARY = frozenset(_ORDINARY_WORDS.split())
_NOUN_ENDING = re.compile(
    "(?:[ts]ion|ment|ness|ity|ship|hood|ism|logy|graphy|ysis|tude|ure|ance|ence|ency|ancy|ing|ous|ive|ful|less|able|"
    "ible|ary|ic(?:s|al)?|ial|ual|wise|wards?|thing|body|where|fore|ever|side)$"
)
_ENDED = 7  # letters from which an ending tells: France, Boeing and Nepal are names
_ADVERB = re.compile(
    r"\w{3,}(?:ally|[aeio]bly|ously|[ae]ntly|ively|edly|ately|ingly|[dht]ily|[ae]rly|[lr]ely|[gs]h?tly)"
)
_PLURAL = re.compile(r"\w+[^isu]s")
_PEOPLE = re.compile(r"\w{3,}(?:[eo]rs|[ae]nts|ists|ees|ies)")
_PARTICIPLE = re.compile(r"\w{5,}ed")
_OWN_FORM = re.compile(r"\w+[A-Z0-9]")
_ACRONYM = 5  # letters; a longer word in capitals only is one that shouts

_SINGULAR = frozenset(["is", "was", "has", "does", "isn't", "wasn't", "hasn't", "doesn't"])
_VERBS = (
    "are aren't arose ate beat became began begins bore bought broke brought built came can can't cannot chose could "
    "couldn't cut dealt did didn't do drank drew drove fell felt flew forgot fought found froze gave got grew had "
    "hadn't have haven't heard held hid hit hung kept knew laid lay led left lent let lost made may meant met might "
    "must overcame paid put ran rose said sang sank sat saw sent set shall shook shot should shut slept sold sought "
    "spent spoke sprang spread stole stood struck swam swore taught thought threw told took understood undertook went "
    "were weren't will withdrew woke won won't wore would wouldn't wrote"
)
_FINITE = _SINGULAR | frozenset(_VERBS.split())
_ADVERBS = (
    "alone also always both first herself himself itself just later long never not now often once only soon still "
    "subsequently then"
)
_BETWEEN = frozenset(_ADVERBS.split())
_OBJECT = re.compile(
    r"(?:an?|the|its|his|her|their|this|that|these|those|all|one|two|three|no|any|each|both|they|he|she|it|him|them|"
    r"himself|how|why|first|second|third)\b|[A-Z\d]"
)
_FOLLOWING = re.compile(r"[^\s.,;:!?()\"“”]+")
_REACH = 80  # characters that hold a verb and what is between
_RELATIVE = re.compile(r"\s*,\s*(?:who|whose|which|born)\b")


def may_be_name(word: str, following: str) -> bool:
    """Whether the word, as the sentence opens with it, has the form of a name and stands in the place of one.

    `following` is the rest of the sentence. A few common nouns count as names; a name that ends like a noun does not.
    """
    bare = _bare(word)
    lower = bare.casefold()
    if not may_be_swapped(word) or "-" in bare:
        return False
    if _OWN_FORM.match(bare):
        return not bare.isupper() or (len(bare) <= _ACRONYM and _FOLLOWING.search(following) is not None)
    if len(lower) >= _ENDED and _NOUN_ENDING.search(lower):
        return False
    return _stands_as_name(word, following)


def may_be_swapped(word: str) -> bool:
    """Whether the word may be a name at all: no function word, adverb, participle or plural of people."""
    lower = _bare(word).casefold()
    if lower in OPENERS or lower in _ORDINARY:
        return False
    return not (_ADVERB.fullmatch(lower) or _PARTICIPLE.fullmatch(lower) or _PEOPLE.fullmatch(lower))


def _bare(word: str) -> str:
    return re.sub(r"['’]s?$", "", word.rstrip(".,;:"))


def _stands_as_name(word: str, following: str) -> bool:
    """Whether the word owns something, is told more of, or does something; a plural does not count."""
    if word.endswith(("'s", "’s")):
        return True
    words = _FOLLOWING.findall(following[:_REACH])
    if _PLURAL.fullmatch(word):
        return bool(words) and words[0] in _SINGULAR
    return _RELATIVE.match(following) is not None or (following[:1].isspace() and _is_verb(words))


def _is_verb(words: list[str]) -> bool:
    """Whether the words begin with a finite verb, or with an adverb and one."""
    if not words:
        return False
    first = words[0].replace("’", "'")
    if first in _BETWEEN or (first.endswith("ly") and len(first) > len("only")):
        return _is_verb(words[1:])
    if first in _FINITE or re.fullmatch("[a-z]+[^e]ed", first):
        return True
    return re.fullmatch("[a-z]{3,}[^su]s", first) is not None and len(words) > 1 and _OBJECT.match(words[1]) is not None
