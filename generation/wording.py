"""The words that carry what a text is about: its terms without those that any question or sentence has."""

import re

from generation.language import HAN
from retrieval.chinese import HAN_SIGNS, simplified
from retrieval.tokenizer import terms

_STOP_WORDS = (
    "a about after again all also am an and any are as at be because been before being between both but by can could "
    "did do does doing done down during each either else ever few for from further get gets getting give given go goes "
    "had has have having he her here hers him his how however i if in into is it its itself just know let like ll made "
    "make makes many may me might more most much must my name need neither no nor not now of off on once one only or "
    "other our out over own per please s same shall she should since so some such t tell than that the their them then "
    "there these they this those through to too two under until up upon us use used uses using ve very want was way "
    "we were what when where whether which while who whom whose why will with within without would yes yet you your "
    "d m re don doesn didn isn aren wasn weren won wouldn couldn shouldn can't don't"
)
_COUNTED_ZH = "[个位种类些年次天座家所支项条]"
# In Simplified characters. Each begins with a character, not a class: else the search takes thirty times as long.
_STOP_WORDS_ZH = re.compile(
    "请问|请告诉我|告诉我|为什么|为何|是什么|有什么|什么(?:时候|样)?|怎么?[样办]|怎么|如何|何[时处地人年种]|"
    f"哪[一两]?(?:{_COUNTED_ZH}|[里儿国])?|几{_COUNTED_ZH}|多少个?|一个|是不是|是否|有没有|能不能|可不可以|可以|能否|谁|吗|呢|吧|"
    "的|了|是|在|和|与|以及|及|或|被|把|从|对于|关于|因为|所以|但是|这个|这些|这|那个|那些|那|它们|他们|她们|它|他|她|其中|有|会|也|都|就|而|并|等|为|于|之|以"
)
# What a question asks by rather than about: texts that answer «How long …» or «What does … mean» say neither. A word
# that belongs to a noun is asked about: «How deep learning works», «What is the geometric mean?»
_ASKED_BY = re.compile(
    r"\bhow (?:long|far|old|tall|large|big|high|often|fast|deep|wide|heavy|soon|late|expensive)"
    r"(?=\W*\Z| (?:is|are|was|were|do|does|did|has|have|had|can|could|may|must|should|will|would|shall"
    r"|in|before|after|ahead|until|ago|a|an|the|my|our|your|its|their)\b)"
    r"|(?<=\bwhat )(?:happens\b|(?:kind|sort|type)s?(?= of\b))"
    r"|多久|多[长大高远重快深宽](?=时间|\W|\Z)|(?<!的)(?:需要|应该|应当|必须|能够)",
    re.IGNORECASE,
)
_MEANING = re.compile(r"(\b(?:do|does|did) .*)\bmean(?=\W*\Z)", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(rf"(?P<opens>(?:\A|[.!?:。？！])[\s\"'“«(]*)?(?P<word>[^\W{HAN_SIGNS}](?:[^\W{HAN_SIGNS}]|['’-])*)")
_STOP_TERMS = frozenset(terms(_STOP_WORDS))


def content_terms(text: str) -> frozenset[str]:
    """Terms that tell what the text is about; of Chinese those of two characters, single ones only where alone."""
    found = [term for term in terms(_STOP_WORDS_ZH.sub(" ", simplified(text))) if term not in _STOP_TERMS]
    pairs = "".join(term for term in found if len(term) > 1)
    return frozenset(term for term in found if not HAN.fullmatch(term) or term not in pairs)


def asked_about(question: str) -> frozenset[str]:
    """The content terms of a question without those that it asks by; all of them where none would be left."""
    return content_terms(_ASKED_BY.sub(" ", _MEANING.sub(r"\1", question))) or content_terms(question)


def names(text: str) -> frozenset[str]:
    """Terms of the words that begin with a figure, or with a capital where no sentence opens."""
    found = [match["word"] for match in _WORD.finditer(text) if _is_named(match)]
    return frozenset(terms(" ".join(found)))


def _is_named(found: re.Match[str]) -> bool:
    first = found["word"][0]
    return first.isdigit() or (first.isupper() and found["opens"] is None)


def numbers(text: str) -> frozenset[str]:
    """The numbers of a text, without the commas that group their digits."""
    return frozenset(number.replace(",", "") for number in _NUMBER.findall(text))


def share(wanted: frozenset[str], held: frozenset[str]) -> float:
    """How much of what is wanted is held, 0..1; of nothing, nothing."""
    return len(wanted & held) / len(wanted) if wanted else 0.0
