"""A follow-up → a question that stands alone: by a model where there is one, else by carrying terms over."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from generation.language import reply_language, without
from generation.prompts.prompts import rewrite_prompt
from generation.short_replies import LONGEST, ShortReplies
from generation.threads import in_thread
from generation.types import Turn
from generation.wording import content_terms, numbers, share
from retrieval.chinese import simplified

TURNS = 6  # how far back a follow-up may reach
_CARRIED = 200  # characters of carried terms
_REWRITE_TOKENS = 128
_AROUND = "\"'“”「」 "
_ADDED = 200  # characters by which a rewriting may be longer than the question
_KEPT = 0.5  # of the question's terms, and of the rewriting's that the conversation must know
_FEW = 2  # terms of a follow-up that may all be said in other words

_PRONOUN = re.compile(
    r"\b(?:it|its|itself|they|them|their|theirs|he|she|him|his|her|hers|those|these|the (?:same|former|latter)|"
    r"the (?:other|first|second|third|last|next) one|that one|this one|(?:this|that)(?=\s*[?.!,]|$|\s+(?:is|was|does|"
    r"did|can|could|will|would|should|has|have|mean|work|happen|cost|take|apply|the case)\b)|there(?=\s*[?.!,]|$))\b",
    re.IGNORECASE,
)
_PRONOUN_ZH = re.compile(
    "[它她]们?|(?<!其)他们?|[这那](?:个|里|儿|边)|这些|那些|这种|那种|这样|此事|前者|后者|上述|同样的|(?:这|那)(?=是|有|会|能|要|怎|为|吗|呢|可)|"
    "其(?![他中实它余次])|(?<![应活])该(?=[\u4e00-\u9fff])"
)
_CONTINUES = re.compile(
    r"^\W*(?:and|but|or|what about|how about|what else|anything else|same|then|also|so)\b", re.IGNORECASE
)
_CONTINUES_ZH = re.compile("^(?:那么|那(?=[，,\\s\\d])|其中|上面|还有|另外|然后|以及|而|换成|如果是)|呢[？?]?$")
_ASKS = re.compile(
    r"\b(?:is|are|was|were|am|be|been|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must)\b",
    re.IGNORECASE,
)
_INTERROGATIVE = re.compile(
    r"^\W*(?:who|whom|whose|what|when|where|which|why|how|is|are|do|does|did|can|should|will)\b", re.I
)
_NAME = re.compile(r"(?<=\s)(?:[A-Z][\w.+#-]+|\d[\w.]*)")
_WORD = re.compile(r"[^\W_][\w.+#'’-]*")
_QUESTION_WORDS_ZH = re.compile(
    "请问|请告诉我|为什么|为何|是什么|在哪里|在哪儿|在哪|什么时候|什么样|什么|怎么样|怎么办|怎么|怎样|如何|哪一个|哪一年|哪些|哪个|哪里|哪年|多少个|多少|几个|"
    "是不是|是否|有没有|能不能|能否|有哪|谁|吗|呢|的|了|[它他她]们?|这个|那个|这些|那些"
)
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"(?<![\w-])\d[\d.,]*\b|\d{4}年?")  # no part of an identifier
_NEW_ZH = re.compile("^(?:那么?|换成|如果是)?[，,\\s]*([\u4e00-\u9fff]{2,4})呢[？?]?$")
_REFUSES = re.compile(
    r"\b(?:sorry|apologi[sz]e|apologies|unable to|as an ai|language model|"
    r"(?:can(?:not|['’]?t)|won['’]?t) (?:help|assist|answer|rewrite|do|provide|comply)|"
    r"(?:do not|don['’]?t) (?:know|understand|have)|(?:need|provide) more (?:context|information))\b|"
    "抱歉|对不起|很遗憾|作为(?:一个|一名|一款)?(?:AI|人工智能|语言模型|助手)|"
    "(?:无法|不能)(?:回答|提供|帮助|协助|改写|理解)|我不(?:知道|清楚|明白)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class StandaloneQuestion:
    """Makes a follow-up stand alone; a model that is slow, down or rambling is never waited for twice."""

    replies: ShortReplies = field(default_factory=ShortReplies)

    async def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """The question as one would ask it without the history; never fails."""
        if not history:
            return question
        carried = await in_thread(carry_over, question, history)  # 0.2 s for the longest history of a client
        instruction, text = rewrite_prompt(question, history[-TURNS:], reply_language(question))
        rewritten = _one_line(await self.replies.to(instruction, text, _REWRITE_TOKENS))
        fits = rewritten and await in_thread(is_rewriting, rewritten, question, history)
        return rewritten if fits else carried


def is_rewriting(reply: str, question: str, history: Sequence[Turn]) -> bool:
    """Whether a model's line is plausibly the question made stand-alone: no answer, no refusal, no other question.

    Most of its terms and all of its numbers are the conversation's. It keeps at least half of the question's own terms;
    of a follow-up it may say one or two in other words where it names what the conversation is about.
    """
    if len(reply) > len(question) + _ADDED or (_asks(question) and not _asks(reply)):
        return False
    if _REFUSES.search(reply) and not _REFUSES.search(question):
        return False
    before = "\n".join(f"{turn.question}\n{turn.answer}" for turn in history[-TURNS:])
    own, past, new = content_terms(question), content_terms(before), content_terms(reply)
    if not numbers(reply) <= numbers(question) | numbers(before) or share(new, own | past) < _KEPT:
        return False
    if leans_back(reply) and not (new - own) & past:
        return False
    fills = leans_back(question) and bool(new & past) and (len(own) <= _FEW or bool(new & own))
    return fills or share(own, new) >= _KEPT


def _asks(text: str) -> bool:
    return text.rstrip(_AROUND).endswith(("?", "？"))


def carry_over(question: str, history: Sequence[Turn]) -> str:
    """The question with the salient words of the one before it, if it leans on that one; else the question itself."""
    recent = tuple(history[-TURNS:])
    if not recent or not leans_back(question):
        return question
    before = carry_over(recent[-1].question, recent[:-1])
    words = _salient(before, question)
    return f"{question} ({words})" if words else question


def leans_back(question: str) -> bool:
    """Whether a question cannot be understood without the one before: a pronoun, an ellipsis, a fragment."""
    if reply_language(question) == "zh":
        asked = simplified(question.strip())
        return bool(
            _PRONOUN_ZH.search(asked)
            or _CONTINUES_ZH.search(asked)
            or not content_terms(_QUESTION_WORDS_ZH.sub(" ", asked))
        )
    pronoun = _PRONOUN.search(question)
    if pronoun:
        return _NAME.search(question, 0, pronoun.start()) is None or _CONTINUES.search(question) is not None
    about = len(content_terms(question))
    if about == 0:
        return True
    if _ASKS.search(question):
        return bool(_CONTINUES.search(question)) and about <= 2
    if _INTERROGATIVE.search(question) and not _CONTINUES.search(question):
        return about <= 1
    return about <= 3


def _salient(before: str, question: str) -> str:
    """Words of the earlier question that say what it is about and that the new one neither has nor replaces."""
    if _DIGIT.search(question):  # «and in 2020?» replaces the year that was asked for
        before = _NUMBER.sub(" ", before)
    before = _without_replaced(before, question)
    known = content_terms(question)
    words = [word.strip(".-'’") for word in _WORD.findall(without(_QUESTION_WORDS_ZH, before))]
    kept: list[str] = []
    for word in words:
        about = content_terms(word)
        if about and not about <= known and word not in kept:
            kept.append(word)
    return " ".join(kept)[:_CARRIED].strip()


def _without_replaced(before: str, question: str) -> str:
    """The earlier question without what a new one, as «and E45?» or «那婚假呢», puts another of its kind in place of.

    Of its kind is an identifier that differs in its figures, what stands before the same noun (annual, sick leave), a
    name, where it is told which (`_replaced_name`), a Chinese word with the same last character. A pronoun means what
    stood before: it replaces nothing.
    """
    if reply_language(question) == "zh":
        asked = simplified(question.strip())
        new = _NEW_ZH.search(asked)
        if new is None or _PRONOUN_ZH.search(asked):
            return before
        return without(re.compile(f"[\u4e00-\u9fff]{{{len(new[1]) - 1}}}{new[1][-1]}"), before)
    if _PRONOUN.search(question):
        return before
    own, earlier = _WORD.findall(question), _WORD.findall(before)
    nouns = {noun.casefold() for word, noun in pairwise(own) if content_terms(word) and content_terms(noun)}
    shapes = {_shape(word) for word in own if _DIGIT.search(word)}
    replaced = {place for place, noun in enumerate(earlier[1:]) if noun.casefold() in nouns}
    replaced |= {place for place, word in enumerate(earlier) if _DIGIT.search(word) and _shape(word) in shapes}
    replaced |= set(_replaced_name(_names(own), _names(earlier), own, earlier))
    return " ".join(word for place, word in enumerate(earlier) if place not in replaced)


def _shape(word: str) -> str:
    """Alike for identifiers with the same letters."""
    return re.sub(r"\d+", "0", word).casefold()


def _names(words: Sequence[str]) -> list[range]:
    """Where words with capitals stand side by side; the word that opens is none."""
    found: list[range] = []
    for place, word in enumerate(words):
        if place and word[0].isupper():
            start = found.pop().start if found and found[-1].stop == place else place
            found.append(range(start, place + 1))
    return found


def _replaced_name(new: Sequence[range], old: Sequence[range], own: Sequence[str], earlier: Sequence[str]) -> range:
    """Of the earlier names the one after the same word («in Paris» for «in Berlin»), else the only one; else none."""
    if not new or _DIGIT.search(own[new[0].start]):
        return range(0)
    before = own[new[0].start - 1].casefold() if new[0].start > 1 else ""  # what opens, as «and», goes with any
    alike = [name for name in old if earlier[name.start - 1].casefold() == before]
    return alike[0] if len(alike) == 1 else old[0] if len(old) == 1 else range(0)


def _one_line(reply: str) -> str:
    """A model's reply if it looks like one question, else nothing."""
    lines = [line.strip() for line in reply.strip().splitlines() if line.strip()]
    if len(lines) != 1 or len(lines[0]) > LONGEST:
        return ""
    return "".join(char for char in lines[0] if unicodedata.category(char)[0] != "C").strip(_AROUND)
