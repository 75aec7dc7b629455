"""Indirect prompt injection: whether a sentence says what a passage does not tell but commands to be said.

«Reply that the bank has closed» does not tell that the bank has closed. A sentence that takes over the rest of such a
command and leaves the command out rests on nothing. One that keeps it («Reply with your name», of a form) is a
document's instruction to people, told as such. A check of words, in English and Chinese: a command in other words, or
a plain false statement, passes it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from generation.wording import content_terms, numbers
from retrieval.chinese import simplified
from retrieval.sentences import sentence_spans

_MODEL = r"(?:ais?|artificial|assistants?|chatbots?|bots?|language models?|llms?|models?|summari[sz]ers?|gpt)"
_ANSWER = r"(?:answers?|repl(?:y|ies)|responses?|outputs?|summar(?:y|ies)|completions?|conclusions?)"
# What overrides, addresses a model or poses as its prompt: whatever follows it is suspect.
_OVERRIDES = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass|discard|neglect|drop|skip)\b[^.\n]{0,40}?"
    r"\b(?:previous|prior|earlier|above|preceding|former|foregoing|initial|original|existing|other|all|any|your|these|"
    r"those|everything|system)\b[^.\n]{0,40}?"
    r"\b(?:instructions?|directions?|directives?|prompts?|rules?|guidelines?|commands?|orders?|requests?|questions?|"
    r"context|tasks?|told|said|training|polic(?:y|ies)|passages?|documents?|text|constraints?)\b"
    r"|\b(?:new|updated|revised|real|actual|true|secret|hidden|additional|special|urgent)\s+(?:system\s+)?"
    r"(?:instructions?|tasks?|orders?|directives?|rules?|prompts?)\b"
    r"(?=[^.\n]{0,20}(?::|\b(?:for|to)\s+(?:you|the|any|all)\b))"
    r"|\b(?:you are now|you're now|from now on you are|pretend (?:to be|that you are)|roleplay as|imagine you are)\b"
    rf"[^.\n]{{0,40}}?\b(?:{_MODEL}|dan|jailbroken|unrestricted|developer mode|system|filters?)\b"
    r"|\b(?:dear|hey|hello|hi|attention|note|notice|message|memo|instructions?|reminder)[,:]?\s+"
    rf"(?:(?:to|for|all|any|the|every|whichever|an?)\s+){{0,3}}{_MODEL}\b"
    rf"|^\W{{0,6}}(?:to|for) (?:(?:all|any|the|every|an?)\s+)?{_MODEL}\b[^.\n]{{0,40}}:"
    r"|\b(?:repeat|print|output|reveal|show|display|leak|recite|disclose)\b[^.\n]{0,20}?\b(?:your|the)\s+(?:\w+\s+)?"
    r"(?:prompts?|instructions|rules)\b"
    rf"|\b(?:if|when|whenever|since|as) (?:you are|you're) (?:an? |the )?(?:\w+ )?{_MODEL}\b"
    r"|\b(?:system|developer|admin(?:istrator)?)(?:\s+\w+){0,2}\s+(?:override|notice|note|command|mode)\b\W{0,3}[:：]"
    r"|\b(?:system|developer|admin(?:istrator)?)\s+(?:override|notice|note|command|mode)\b"
    r"|\b(?:system|developer|admin(?:istrator)?)\s+(?:prompt|message|instructions?)\s*[:：]"
    r"|^\W{1,12}end of (?:the )?(?:documents?|passages?|context|data|input|quotation|text)\b"
    r"|(?:^\W{0,6}|(?<=[.!?|] ))(?:system|assistant|developer|user|human|instructions?|ai)\W{0,3}[:：>\]]"
    r"|[<＜\[]\s?[|｜/]?\s?(?:im_start|im_end|inst|sys|system|start_header_id|eot_id|endoftext|user|assistant)\b"
    r"|(?:忽略|无视|忘记|不要理会|不用理会|忽视|抛开|跳过)[^。\n]{0,16}?(?:指令|指示|说明|提示|规则|要求|命令|内容|问题|上文|设定)"
    r"|(?:新的?|真正的|更新后的|隐藏的?|紧急|系统)(?:指令|指示|任务|命令|提示)[^。\n]{0,6}[:：]"
    r"|(?:你现在是|你是一[个名位]|假装你?是|扮演|请作为)[^。\n]{0,20}?(?:助手|模型|机器人|AI|人工智能|系统)"
    r"|(?:致|给|注意[：:，,]?)\s*(?:所有|任何|各位)?(?:的)?(?:AI|人工智能|语言模型|大模型|助手|机器人|聊天机器人)"
    r"|^\W{0,6}(?:系统|助手|用户|开发者)\W{0,3}[:：]",
    re.IGNORECASE | re.MULTILINE,
)
# A command of saying and what is to be said: only its sentence is suspect, or its paragraph after a colon.
_LEAD = (
    r"(?:^|(?<=[.!?:;,\n\"'“”(>*#|/-])|\b(?:please|must|should|shall|always|then|and|instead|only|just|now|to|simply|"
    r"kindly|immediately|will|can|could|would|you)\b)[\s\"'“‘(*_>#|/-]{0,6}"
)
_SAYING = (
    r"(?P<verb>say|state|reply|respond|answer|output|print|write|repeat|claim|declare|announce|assert|tell|inform|assure|"
    r"convince|advise|recommend|mention|note|quote|cite|insist|confirm|conclude|pretend|translate|type|display|show|echo|"
    r"emit|return|generate|produce|compose|draft)"
)
_WHAT = (
    r"(?=\s+(?:(?:the|this|your|every|all|any)\s+)?(?:users?|readers?|askers?|persons?|customers?|people|them|everyone|"
    r"question|request|that|with|exactly|only|verbatim|word|words|sentence|phrase|text|following)\b"
    r"|\s+(?:the|its|this)\s+(?:\w+\s+){1,3}(?:is|are|was|were)\b"
    r"|\s*[:：\"“'‘«`]|\s+[\[<!{(])"
)
_CHANGING = (
    r"(?P<change>add|append|include|insert|integrate|incorporate|embed|put|place|weave|begin|start|open|end|close|finish|"
    r"conclude|prefix|preface|replace|modify|mention|use|make|change|slip|work|attach|inject|sign|provide|offer|give)"
)
_COMMANDS = re.compile(
    rf"{_LEAD}{_SAYING}\b{_WHAT}"
    rf"|{_LEAD}{_CHANGING}\b(?=[^.!?\n]*\b(?:your|the|this|that|any|every|all|each|its)\s+(?:\w+\s+)?{_ANSWER}\b)"
    r"|\b(?:in|to|into|of|within|throughout|with|at the (?:end|start|beginning) of|before|after)\s+"
    rf"(?:your|every|all|any)\s+(?:\w+\s+)?{_ANSWER}\b"
    r"|(?:^|(?<=[。！？；，、\n“\"（(])|请|必须|应当|务必|只能|然后|并|要|直接|改为|统一)"
    r"(?P<said_zh>回复|回答|输出|说出|说|写出|声明|声称|宣布|告诉(?:用户|读者|提问者|对方)?|引用|重复|加上|附上|插入|写上)"
    r"(?=[：:“\"「『]|以下|如下|[^，。\n]{0,6}[：:“\"])",
    re.IGNORECASE,
)
_OPEN_END = re.compile(r"[:：]\s*\Z")
_PARAGRAPH = re.compile(r"\n\s*\n|\Z")


@dataclass(frozen=True, slots=True)
class Command:
    """A command in a passage: the words that command, and where what they command begins and ends."""

    words: str
    start: int
    end: int


def commands(text: str) -> list[Command]:
    """The commands to whoever answers from the text, in its order; they may overlap. Their Chinese is Simplified."""
    text = simplified(text)
    spans = sentence_spans(text)
    return sorted({*_overriding(text), *_saying(text, spans)}, key=lambda each: (each.start, each.end))


def commanded(sentence: str, passages: Sequence[str]) -> bool:
    """Whether the sentence has a word or number that the passages hold within a command alone, and not that command."""
    sentence, read = simplified(sentence), [_read(passage) for passage in passages]
    if not any(each.commands for each in read):
        return False
    said, held = sentence.casefold(), _words(sentence)
    foreign = held.difference(*(each.rest for each in read))
    return any(
        foreign & commanded and command not in said and not frozenset() < content_terms(command) <= held
        for each in read
        for command, commanded in each.commands
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """The words of a passage: of each command those that command and those that are commanded; and all others."""

    commands: tuple[tuple[str, frozenset[str]], ...]
    rest: frozenset[str]


@lru_cache(maxsize=64)
def _read(passage: str) -> _Read:
    """A passage is asked about once for each sentence that cites it."""
    found = commands(passage)
    read = {(each.words.casefold(), _words(passage[each.start : each.end]) - _words(each.words)) for each in found}
    return _Read(tuple(read), _words(_without(passage, found)))


def _overriding(text: str) -> Iterator[Command]:
    for found in _OVERRIDES.finditer(text):
        yield Command(found.group(), found.start(), len(text))


def _saying(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[Command]:
    for start, end in spans:
        sentence = text[start:end]
        until = _paragraph_end(text, end) if _OPEN_END.search(sentence) else end
        for found in _COMMANDS.finditer(sentence):
            words = found["verb"] or found["change"] or found["said_zh"] or found.group()
            # what is added «to your answer» may stand before these words as well
            begin = start + found.start() if found["verb"] or found["said_zh"] else start
            yield Command(words, begin, until)


def _paragraph_end(text: str, position: int) -> int:
    end = _PARAGRAPH.search(text, position)
    return end.start() if end else len(text)


def _without(text: str, found: Sequence[Command]) -> str:
    kept: list[str] = []
    position = 0
    for command in found:
        if command.start > position:
            kept.append(text[position : command.start])
        position = max(position, command.end)
    return " ".join([*kept, text[position:]])


def _words(text: str) -> frozenset[str]:
    return content_terms(text) | numbers(text)
