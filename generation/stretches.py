"""The stretches of a chunk that are quoted whole, and how its sentences hang together: rows and headers, replies."""

import re
from collections.abc import Iterator, Mapping

from retrieval.chinese import simplified
from retrieval.types import Chunk

_LINES = 12  # of code, or sentences of a list of steps, at most

_ROW = " | "
QUESTION = re.compile(r"[?？][\"'”’)\]」』）》】]*\Z")
_CODE = re.compile(
    r"\A(?:[@#$>]|>>>|(?:def|class|import|from|return|if|for|while|with|const|let|var|function|public|SELECT|async|await)\b)"
    r"|[{};:(,\[\\]\Z|\A[})\]]|\A\[[\w.\- ]+\]\Z|\w\(.*\)|\w\s*(?:=|->|=>|:=)\s*\S|\A[a-z]+ --?\w"
    r"|\A\s*(?:[\"']\w+[\"']|[a-z_]\w*):\s(?!.*[.!?]\Z)"  # a key; «Owner: Finance» is prose
)
_STEP = re.compile(r"(\d{1,2})[.)、]\s?(?=\D)")
_ASKS_FOR_STEPS = re.compile(
    r"\bhow (?:do|does|can|could|should|must|to)\b|\bsteps?\b|\binstructions?\b|\bprocedures?\b"
    r"|\bwhat (?:do|must|should|can) (?:i|we|you|one) do\b|如何|怎[么样]|步骤|流程|方法",
    re.IGNORECASE,
)


def asks_for_steps(question: str) -> bool:
    """Whether it asks how something is done: what answers is the list from its first step to its last."""
    return _ASKS_FOR_STEPS.search(simplified(question)) is not None


def header_of(chunk: Chunk, index: int) -> int | None:
    """The first row of the table that the sentence is a row of: it says what the row is about."""
    if _ROW not in sentence(chunk, index):
        return None
    while index > 0 and _ROW in sentence(chunk, index - 1) and _next_line(chunk, index - 1):
        index -= 1
    return index


def sentence(chunk: Chunk, index: int) -> str:
    start, end = chunk.sentences[index]
    return chunk.text[start:end]


def units(chunk: Chunk, *, stepwise: bool) -> Iterator[tuple[int, int]]:
    """First and last sentence of each stretch that is quoted whole: a block of code, else one sentence or row.

    Where steps are asked for, a numbered list too.
    """
    index, count = 0, len(chunk.sentences)
    while index < count:
        last = _last_of_steps(chunk, index) if stepwise else index
        while last + 1 < count and _next_line(chunk, last) and _is_code(chunk, last) and _is_code(chunk, last + 1):
            last += 1
        if last - index + 1 > _LINES:
            yield from ((line, line) for line in range(index, last + 1))
        else:
            yield index, last
        index = last + 1


def _last_of_steps(chunk: Chunk, index: int) -> int:
    """The last sentence of the numbered list that begins here; the sentence itself where none does."""
    step, last = 0, index - 1
    for at in range(index, len(chunk.sentences)):
        opens = at == index or "\n" in chunk.text[chunk.sentences[at - 1][1] : chunk.sentences[at][0]]
        number = _STEP.match(sentence(chunk, at))
        if opens:
            if number is None or int(number[1]) != step + 1:
                break
            step += 1
        last = at
    return last if step > 1 else index


def _is_code(chunk: Chunk, index: int) -> bool:
    line = sentence(chunk, index)
    if "\n" in line or _ROW in line:
        return False
    return _CODE.search(line) is not None or (index > 0 and sentence(chunk, index - 1).endswith("\\"))


def _next_line(chunk: Chunk, index: int) -> bool:
    between = chunk.text[chunk.sentences[index][1] : chunk.sentences[index + 1][0]]
    return between.count("\n") in {1, 2} and not between.strip()


def replies(chunk: Chunk) -> Mapping[int, tuple[int, int]]:
    """Of each sentence that replies to a question of the text: the question's index, and how many come before it.

    Always the sentence after the question; and the whole paragraph where the question opens it or stands above it.
    """
    found: dict[int, tuple[int, int]] = {}
    question, before, whole = -1, 0, False
    for index, (start, end) in enumerate(chunk.sentences):
        opens = not index or "\n\n" in chunk.text[chunk.sentences[index - 1][1] : start]
        if QUESTION.search(chunk.text[start:end]):
            question, before, whole = index, 0, opens
        elif question >= 0 and (not before or (whole and not opens)):
            found[index] = question, before
            before += 1
        else:
            question = -1
    return found
