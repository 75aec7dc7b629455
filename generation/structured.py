"""An answer in a client's own schema: parsed, held to the schema, and value by value to the passages.

What a value says is checked like a sentence. True, false and the schema's own words cannot be looked up in a passage:
they are the model's judgement, and are told as such.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from generation.answer_schema import AnswerSchema, Json, Path
from generation.citations import cite, defused_labels, without_labels
from generation.draft import Draft
from generation.errors import InvalidOutput
from generation.plain_text import plain
from generation.prompts.leaks import gives_away
from generation.types import GeneratedText, GenerationRequest, Structured, ValueCheck, ValueDoubt
from generation.verification.verification import Verified, held_to

REPLY_BYTES = 16 * 1024
VALUES = 200  # in a model's reply
_LABELS = 20  # of one value
_NOTHING_BUT_THIS = "value"  # what a schema without names calls its value in the text
_JUDGEMENT: tuple[ValueDoubt, ...] = ("judgement",)
_UNSUPPORTED: tuple[ValueDoubt, ...] = ("unsupported",)


def reply_schema(schema: AnswerSchema) -> dict[str, Json]:
    """What a model is held to: the passages that it used, and the client's value, or null where they do not tell."""
    labels = {"type": "array", "items": {"type": "integer"}, "maxItems": _LABELS}
    return {
        "type": "object",
        "properties": {"passages": labels, "value": {"anyOf": [schema.schema, {"type": "null"}]}},
        "required": ["passages", "value"],
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A value within the structure that has none in itself, and how it is called."""

    path: Path
    value: str | int | float | bool
    is_judgement: bool

    @property
    def name(self) -> str:
        return ".".join(map(str, self.path)) or _NOTHING_BUT_THIS

    @property
    def pointer(self) -> str:
        """RFC 6901."""
        return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in self.path)

    @property
    def said(self) -> str:
        if isinstance(self.value, bool):
            return str(self.value).lower()
        if isinstance(self.value, float) and self.value.is_integer():
            return str(int(self.value))
        return " ".join(str(self.value).split())


@dataclass(frozen=True, slots=True)
class _Checked:
    """A leaf as a line of the text, and what its passages say of it."""

    line: Verified
    check: ValueCheck


class StructuredDraft(Draft):
    """Holds everything back until all is there; its text has a line per value, each with its labels."""

    def __init__(self, request: GenerationRequest, schema: AnswerSchema, *, remove_unsupported: bool = False) -> None:
        super().__init__(request.context, marker=request.marker, remove_unsupported=remove_unsupported)
        self._question = request.question
        self._schema = schema
        self._pieces: list[str] = []
        self._size = 0

    @property
    def overflows(self) -> bool:
        return self._size > REPLY_BYTES

    def add(self, piece: GeneratedText) -> str:
        self._pieces.append(piece.text)
        self._size += len(piece.text.encode())
        return ""

    def finish(self) -> str:
        """All of the text. Raises InvalidOutput where the reply is not what was asked for."""
        labels, value = self._read("".join(self._pieces))
        leaves = list(_leaves(value, self._schema.choices()))
        if len(leaves) > VALUES:
            raise InvalidOutput(f"the model's reply has more than {VALUES} values")
        known = [label for label in labels if label in self._passages]
        checked = [self._checked(leaf, known) for leaf in leaves]
        unsound = [each for each in checked if each.check.doubts and each.check.doubts != _JUDGEMENT]
        if self._remove_unsupported:
            checked = [each for each in checked if each not in unsound]
        if not any(each.line.citations for each in checked):
            return ""
        for each in checked:
            self._append("\n", each.line)
        if not (self._remove_unsupported and unsound):
            self.structured = Structured(value, tuple(each.check for each in checked))
        return self.text

    def _read(self, reply: str) -> tuple[list[int], Json]:
        """The labels that the model names, and its value as plain text; both are nothing where it says so."""
        try:
            read = cast("Json", orjson.loads(reply))
        except orjson.JSONDecodeError as error:
            raise InvalidOutput("the model's reply is no JSON") from error
        if not isinstance(read, Mapping) or "value" not in read:
            raise InvalidOutput("the model's reply has no value")
        if read["value"] is None and self._schema.violation(None) is not None:
            return [], None
        value = _plain(read["value"], self._schema.choices(), self._schema.names())
        if any(gives_away(" ".join(told), self._marker) for told in (_names(value), _values(value))):
            raise InvalidOutput("the model's reply repeats its prompt")
        if violation := self._schema.violation(value):
            raise InvalidOutput(f"the model's reply breaks the schema at {violation}")
        named = read.get("passages")
        labels = named if isinstance(named, Sequence) and not isinstance(named, str) else ()
        return [label for label in labels if isinstance(label, int) and not isinstance(label, bool)][:_LABELS], value

    def _checked(self, leaf: _Leaf, labels: Sequence[int]) -> _Checked:
        """The leaf with the passages that bear it out best: of those that the model named, else the one other."""
        if leaf.is_judgement:
            citations = cite(f"{self._question} {leaf.name}", labels, self._passages)
            held, doubts = Verified(leaf.said, tuple(labels), citations, 0.0, ()), _JUDGEMENT
        else:
            held = self._best(leaf, labels)
            doubts = held.doubts or (() if held.is_borne_out else _UNSUPPORTED)
        text = plain(defused_labels(f"{leaf.name}: {leaf.said}"))
        marked = f"{text} {''.join(f'[{label}]' for label in held.labels)}".rstrip()
        line = Verified(marked, held.labels, held.citations, held.support, held.doubts)
        return _Checked(line, ValueCheck(leaf.pointer, held.labels, held.support, doubts))

    def _best(self, leaf: _Leaf, labels: Sequence[int]) -> Verified:
        given = [self._borne(leaf, (label,)) for label in labels]
        if len(labels) > 1:
            given.append(self._borne(leaf, labels))
        best = max(given, key=lambda each: (each.is_borne_out, each.support, -len(each.labels)), default=None)
        if best is not None and best.is_borne_out:
            return best
        others = [self._borne(leaf, (label,)) for label in self._passages if label not in labels]
        clear = [other for other in others if other.is_clearly_borne_out]
        if len(clear) == 1:
            return clear[0]
        return best or Verified(leaf.said, (), (), 0.0, ())

    def _borne(self, leaf: _Leaf, labels: Collection[int]) -> Verified:
        """A number is looked for where the passage speaks of what it is the number of."""
        if isinstance(leaf.value, str):
            return held_to(leaf.said, labels, self._passages)
        held = held_to(leaf.said, labels, self._passages, about=leaf.name)
        return Verified(held.text, held.labels, held.citations, 0.0 if held.doubts else 1.0, held.doubts)


def _leaves(value: Json, choices: Collection[str], path: Path = ()) -> Iterator[_Leaf]:
    """All but nulls, which say nothing, in the order of the structure."""
    if isinstance(value, str | int | float):
        if value != "":
            yield _Leaf(path, value, isinstance(value, bool) or value in choices)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _leaves(each, choices, (*path, name))
    elif value is not None:
        for place, each in enumerate(value):
            yield from _leaves(each, choices, (*path, place))


def _values(value: Json) -> Iterator[str]:
    """The strings of the structure, in its order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for each in value.values() for text in _values(each))
    elif isinstance(value, Sequence):
        yield from (text for each in value for text in _values(each))


def _names(value: Json) -> Iterator[str]:
    """The names in the structure, at every depth."""
    if isinstance(value, Mapping):
        yield from value
        yield from (name for each in value.values() for name in _names(each))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield from (name for each in value for name in _names(each))


def _plain(value: Json, choices: Collection[str], names: Collection[str]) -> Json:
    """The value with all that a model wrote in it as plain text; raises InvalidOutput for a name that is none."""
    if isinstance(value, str):
        return value if value in choices else plain(without_labels(value)).strip()
    if isinstance(value, Mapping):
        for name in value:
            if name not in names and plain(name) != name:
                raise InvalidOutput(f"the model's reply has a name that is no plain text: {json.dumps(name)[:100]}")
        return {name: _plain(each, choices, names) for name, each in value.items()}
    if isinstance(value, Sequence):
        return [_plain(each, choices, names) for each in value]
    return value
