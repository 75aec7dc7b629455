from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.answer_schema import DEPTH, NODES, SCHEMA_BYTES, answer_schema
from generation.errors import InvalidSchema

CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "size": {"enum": ["small", "large"]}},
    "required": ["name"],
    "additionalProperties": False,
}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def test_a_value_fits_or_the_first_place_that_does_not_is_named() -> None:
    schema = answer_schema(CITY)
    assert schema.violation({"name": "Paris", "size": "large"}) is None
    assert schema.violation({"name": 5}) == "$.name: 5 is not of type 'string'"
    assert "mayor" in (schema.violation({"name": "Paris", "mayor": "x"}) or "")


def test_references_give_way_to_what_they_name() -> None:
    given = {"$defs": {"city": CITY}, "type": "array", "items": {"$ref": "#/$defs/city", "description": "a city"}}
    schema = answer_schema(given)
    assert schema.schema == {"type": "array", "items": {**CITY, "description": "a city"}}
    assert schema.violation([{"name": 5}]) is not None


def test_the_schemas_own_words_are_known() -> None:
    schema = answer_schema(CITY)
    assert (schema.choices(), schema.names()) == ({"small", "large"}, {"name", "size"})


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"$ref": "https://evil.example/schema"}, "json_schema.$ref"),
    ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "json_schema.properties.a.$ref"),
    ({"$ref": "#/properties/a", "properties": {"a": {}}}, "json_schema"),
    ({"$ref": "#/$defs/none"}, "json_schema.$ref"),
    ({"$ref": 5}, "json_schema.$ref"),
    ({"$defs": {"a": {"$ref": "#/$defs/a"}}, "items": {"$ref": "#/$defs/a"}}, "leads back to itself"),
    ({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}, "leads back to itself"),
    ({"type": "string", "pattern": "(a+)+$"}, "json_schema.pattern"),
    ({"patternProperties": {"(a+)+$": {}}}, "json_schema.patternProperties"),
    ({"$dynamicRef": "#x"}, "json_schema.$dynamicRef"),
    ({"$id": "https://evil.example"}, "json_schema.$id"),
    ({"$schema": "https://evil.example"}, "json_schema.$schema"),
    ({"type": "text"}, "json_schema.type"),
    ({"items": [{"type": "string"}]}, "json_schema.items"),
    ({"anyOf": {"type": "string"}}, "json_schema.anyOf"),
    ({"properties": []}, "json_schema.properties"),
    ({"minLength": -1}, "json_schema.minLength"),
    ({"minimum": float("nan")}, "json_schema.minimum"),
    ({"const": 2**70}, "json_schema"),
    ({"const": "\ud800"}, "json_schema"),
    ({"description": "x" * SCHEMA_BYTES}, "bytes"),
    (nested(DEPTH + 1), "deep"),
    (nested(2000), "json_schema"),
    ({"prefixItems": [{}] * NODES}, "subschemas"),
]


@pytest.mark.parametrize(("given", "place"), REFUSED)
def test_what_leads_out_or_could_cost_too_much_is_refused_by_its_place(given: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidSchema) as refused:
        answer_schema(given)
    assert place in str(refused.value)


def test_references_that_multiply_are_counted_as_often_as_they_are_used() -> None:
    doubled = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(10)}
    with pytest.raises(InvalidSchema, match="subschemas"):
        answer_schema({"$defs": {**doubled, "a10": {"type": "string"}}, "$ref": "#/$defs/a0"})


KEYWORDS = ["type", "items", "properties", "$ref", "enum", "anyOf", "a", "required"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["type", "items", "properties", "$defs", "$ref", "allOf"]), json_values))
def test_whatever_is_given_is_taken_or_refused(given: dict[str, Any]) -> None:
    try:
        schema = answer_schema(given)
    except InvalidSchema:
        return
    assert "$ref" not in schema.schema
    schema.violation({"a": [1, "x", None]})
