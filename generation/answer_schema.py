"""A JSON schema that a client gives for its answer: bounded, self-contained, and safe to check values against.

Only keywords are taken whose cost is bounded by the value: no patterns, which could run for ever, and no reference that
leaves the schema or leads back to itself. References are put in place of themselves, so that what is sent to a model
and what a value is checked against is one plain tree.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from generation.errors import InvalidSchema

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"
Path: TypeAlias = tuple[str | int, ...]

SCHEMA_BYTES = 16 * 1024
DEPTH = 12
NODES = 200
"""Subschemas, each reference counted as often as it is used."""

_WITH_SCHEMA = frozenset({"items", "additionalProperties"})
_WITH_SCHEMAS = frozenset({"prefixItems", "anyOf", "oneOf", "allOf"})
_ABOUT_VALUES = (
    "type required enum const minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength minItems maxItems "
    "minProperties maxProperties title description default examples format"
)
_PLAIN = frozenset(_ABOUT_VALUES.split())
_DEFINITIONS = ("$defs", "definitions")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SHOWN = 200  # characters of a violation


@dataclass(frozen=True, slots=True, eq=False)
class AnswerSchema:
    """A schema that was checked and holds no reference any more."""

    schema: Mapping[str, Json]

    def violation(self, value: Json) -> str | None:
        """What of the value breaks the schema, in words; None where it fits."""
        errors = Draft202012Validator(cast("dict[str, object]", self.schema)).iter_errors(value)
        first = next(iter(errors), None)
        return None if first is None else f"{first.json_path}: {first.message[:_SHOWN]}"

    def names(self) -> frozenset[str]:
        """The names of properties that the schema itself gives."""
        return frozenset(_names(self.schema))

    def choices(self) -> frozenset[str]:
        """The strings that the schema itself names as values: a client's words, not a document's."""
        return frozenset(_choices(self.schema))


def answer_schema(given: Mapping[str, Json]) -> AnswerSchema:
    """The schema, ready for use. Raises InvalidSchema, which names the place and the keyword."""
    try:
        written = orjson.dumps(given)
    except TypeError as error:
        raise InvalidSchema("json_schema: nested too deeply, or holds what JSON cannot") from error
    if len(written) > SCHEMA_BYTES:
        raise InvalidSchema(f"json_schema: {len(written)} bytes; at most {SCHEMA_BYTES} are taken")
    given = cast("Mapping[str, Json]", orjson.loads(written))
    if given.get("$schema", _DIALECT) not in {_DIALECT, _DIALECT + "#"}:
        raise InvalidSchema(f"json_schema.$schema: expected {_DIALECT}, or none")
    schema = _Plain(given).of(given, "json_schema", ())
    try:
        Draft202012Validator.check_schema(cast("dict[str, object]", schema))
    except SchemaError as error:
        raise InvalidSchema(f"json_schema{error.json_path[1:]}: {error.message[:_SHOWN]}") from error
    return AnswerSchema(schema)


class _Plain:
    """Puts the schemas that references name in their place, and counts."""

    def __init__(self, root: Mapping[str, Json]) -> None:
        self._root = root
        self._nodes = 0

    def of(self, node: Json, place: str, through: tuple[str, ...], depth: int = 0) -> dict[str, Json]:
        """The node without references; `through` are the references that led here."""
        self._nodes += 1
        if self._nodes > NODES or depth > DEPTH:
            raise InvalidSchema(f"{place}: at most {NODES} subschemas, {DEPTH} deep, are taken")
        if not isinstance(node, Mapping):
            raise InvalidSchema(f"{place}: expected a schema in the form of an object")
        if "$ref" in node:
            return self._referred(node, place, through, depth)
        plain: dict[str, Json] = {}
        for keyword, value in node.items():
            at = f"{place}.{keyword}"
            if keyword in _DEFINITIONS or keyword == "$schema":
                continue
            if keyword in _WITH_SCHEMA:
                plain[keyword] = value if isinstance(value, bool) else self.of(value, at, through, depth + 1)
            elif keyword in _WITH_SCHEMAS:
                parts = _listed(value, at)
                plain[keyword] = [self.of(each, f"{at}[{n}]", through, depth + 1) for n, each in enumerate(parts)]
            elif keyword == "properties":
                named = _named(value, at)
                plain[keyword] = {name: self.of(each, f"{at}.{name}", through, depth + 1) for name, each in named}
            elif keyword in _PLAIN:
                plain[keyword] = value
            else:
                raise InvalidSchema(f"{at}: this keyword is not taken")
        return plain

    def _referred(self, node: Mapping[str, Json], place: str, through: tuple[str, ...], depth: int) -> dict[str, Json]:
        reference = node["$ref"]
        beside = {keyword: value for keyword, value in node.items() if keyword != "$ref"}
        if beside.keys() - {"title", "description", "default", "examples", *_DEFINITIONS, "$schema"}:
            raise InvalidSchema(f"{place}: beside $ref only words about it are taken")
        target = self._target(reference) if isinstance(reference, str) else None
        if target is None or not isinstance(reference, str):
            raise InvalidSchema(f"{place}.$ref: expected #/$defs/NAME of the same schema")
        if reference in through:
            raise InvalidSchema(f"{place}.$ref: {reference} leads back to itself")
        words = {keyword: value for keyword, value in beside.items() if keyword in _PLAIN}
        return self.of(target, place, (*through, reference), depth + 1) | words

    def _target(self, reference: str) -> Json:
        for definitions in _DEFINITIONS:
            name = reference.removeprefix(f"#/{definitions}/")
            held = self._root.get(definitions)
            if name != reference and isinstance(held, Mapping):
                return held.get(name.replace("~1", "/").replace("~0", "~"))
        return None


def _listed(value: Json, place: str) -> Sequence[Json]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidSchema(f"{place}: expected a list of schemas")
    return value


def _named(value: Json, place: str) -> Sequence[tuple[str, Json]]:
    if not isinstance(value, Mapping):
        raise InvalidSchema(f"{place}: expected an object of schemas")
    return list(value.items())


def _names(node: Json) -> Iterator[str]:
    if isinstance(node, Mapping):
        properties = node.get("properties")
        if isinstance(properties, Mapping):
            yield from properties
        for value in node.values():
            yield from _names(value)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for each in node:
            yield from _names(each)


def _choices(node: Json) -> Iterator[str]:
    if isinstance(node, Mapping):
        for keyword, value in node.items():
            if keyword == "const" and isinstance(value, str):
                yield value
            elif keyword == "enum" and isinstance(value, Sequence):
                yield from (each for each in value if isinstance(each, str))
            else:
                yield from _choices(value)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for each in node:
            yield from _choices(each)
