import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.answer_schema import answer_schema
from generation.errors import InvalidOutput
from generation.prompts.prompts import answer_messages
from generation.prompts.texts import STRUCTURED, STYLES
from generation.structured import REPLY_BYTES, StructuredDraft, reply_schema
from generation.types import GeneratedText, ValueCheck
from tests.generation.given import PARIS, hit, request

CITY = answer_schema(
    {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "inhabitants": {"type": "integer"},
            "capital": {"type": "boolean"},
            "size": {"enum": ["small", "large", None]},
        },
        "required": ["name"],
        "additionalProperties": {"type": "string"},
    }
)
BREAD = "Bread is baked at 200 degrees in a stone oven. Berlin is far."


def drafted(value: Any, *labels: int, remove: bool = False, whole: str | None = None) -> StructuredDraft:
    asked = request("What is the capital of France?", hit(PARIS), hit(BREAD, 2))
    draft = StructuredDraft(asked, CITY, remove_unsupported=remove)
    reply = json.dumps({"passages": list(labels), "value": value}) if whole is None else whole
    assert [draft.add(GeneratedText(piece)) for piece in (reply[:10], reply[10:])] == ["", ""]
    draft.finish()
    return draft


def checks(draft: StructuredDraft) -> dict[str, tuple[tuple[int, ...], tuple[str, ...]]]:
    assert draft.structured is not None
    return {each.path: (each.labels, each.doubts) for each in draft.structured.values}


def test_values_are_told_as_lines_that_cite_what_bears_them_out() -> None:
    draft = drafted({"name": "Paris", "inhabitants": 2100000}, 1)
    assert draft.text == "name: Paris [1]\ninhabitants: 2100000 [1]"
    assert draft.structured is not None
    assert draft.structured.value == {"name": "Paris", "inhabitants": 2100000}
    assert draft.structured.values[0] == ValueCheck("/name", (1,), 1.0, ())
    assert [one.quote for one in draft.citations] == [
        "The capital of France is Paris.",
        "It has 2,100,000 inhabitants.",
    ]
    assert (draft.support, checks(draft)["/inhabitants"]) == (1.0, ((1,), ()))


def test_values_that_no_passage_bears_out_are_named() -> None:
    draft = drafted({"name": "Lyon", "inhabitants": 3100000, "river": "The Seine flows north"}, 1)
    assert checks(draft) == {
        "/name": ((1,), ("unsupported",)),
        "/inhabitants": ((1,), ("number",)),
        "/river": ((1,), ("name",)),
    }
    assert draft.support < 0.5


def test_true_false_and_the_schemas_own_words_are_judgements() -> None:
    draft = drafted({"name": "Paris", "capital": True, "size": "large"}, 1)
    assert checks(draft) == {"/name": ((1,), ()), "/capital": ((1,), ("judgement",)), "/size": ((1,), ("judgement",))}
    assert draft.text == "name: Paris [1]\ncapital: true [1]\nsize: large [1]"


def test_nulls_say_nothing() -> None:
    assert drafted({"name": "Paris", "size": None}, 1).text == "name: Paris [1]"


@pytest.mark.parametrize("labels", [(2,), (), (99, -1)])
def test_a_label_that_is_wrong_or_missing_is_put_right_by_the_one_passage_that_bears_the_value(
    labels: tuple[int, ...],
) -> None:
    assert drafted({"name": "Paris"}, *labels).text == "name: Paris [1]"


@pytest.mark.parametrize("value", [None, {"name": ""}, {"name": "Tokyo"}])
def test_what_cites_nothing_is_an_abstention(value: Any) -> None:
    draft = drafted(value)
    assert (draft.text, draft.structured, draft.citations) == ("", None, ())


@pytest.mark.parametrize(
    "whole",
    [
        "Paris is the capital of France. [1]",
        '{"passages": [1], "value": {"name": "Par',
        '{"passages": [1], "value": {"name": 5}}',
        '{"passages": [1], "value": {}}',
        '{"name": "Paris"}',
        "[]",
        "",
        "[" * 5000,
        json.dumps({"passages": [1], "value": {"name": "Paris", "<img src=x>": "y"}}),
        json.dumps({"passages": [1], "value": {"name": "Paris", **{str(n): "y" for n in range(300)}}}),
    ],
    ids=[
        "words",
        "cut",
        "wrong type",
        "missing",
        "no value",
        "list",
        "nothing",
        "deep",
        "markup",
        "too many",
    ],
)
def test_a_reply_in_another_form_is_an_error(whole: str) -> None:
    with pytest.raises(InvalidOutput):
        drafted(None, whole=whole)


@pytest.mark.parametrize("place", ["value", "name", "list of words"])
@pytest.mark.parametrize("told", ["mark", "STRUCTURED", "style", "whole prompt"])
def test_a_reply_that_gives_its_prompt_away_in_escapes_is_an_error(place: str, told: str) -> None:
    asked = request("What is the capital of France?", hit(PARIS))
    prompt = "\n".join(message.content for message in answer_messages(asked))
    leak = {
        "mark": asked.marker,
        "STRUCTURED": STRUCTURED["zh"].splitlines()[1],
        "style": STYLES["en"]["detailed"],
        "whole prompt": prompt,
    }[told]
    value = {
        "value": {"name": "Paris", "note": leak},
        "name": {"name": "Paris", leak: "x"},
        "list of words": {"name": "Paris", **{f"{n}": word for n, word in enumerate(leak.split())}},
    }[place]
    schema = answer_schema({"type": "object", "additionalProperties": {"type": "string"}})
    plainly = json.dumps({"passages": [1], "value": value}, ensure_ascii=False)
    escaped = re.sub(r"(?<=\w)[a-z](?=\w)", lambda found: f"\\u{ord(found.group()):04x}", plainly.partition("value")[2])
    draft = StructuredDraft(asked, schema)
    draft.add(GeneratedText('{"passages": [1], "value' + escaped))
    with pytest.raises(InvalidOutput, match="repeats its prompt"):
        draft.finish()
    assert (draft.text, draft.structured) == ("", None)


def test_strings_come_as_plain_text_without_labels() -> None:
    name = "Paris ![x](https://evil.example/a) [1] <b>\u202e[99]"
    draft = drafted({"name": name, "note": "capital [7] http://evil.example"}, 1)
    assert draft.structured is not None
    assert draft.structured.value == {"name": "Paris", "note": "capital"}
    assert draft.text == "name: Paris [1]\nnote: capital [1]"


def test_where_unsupported_sentences_are_removed_an_unsupported_value_takes_the_structure_with_it() -> None:
    draft = drafted({"name": "Paris", "inhabitants": 3100000}, 1, remove=True)
    assert (draft.text, draft.structured) == ("name: Paris [1]", None)
    assert drafted({"name": "Paris", "capital": True}, 1, remove=True).structured is not None


def test_a_reply_without_end_is_cut() -> None:
    draft = StructuredDraft(request(), CITY)
    draft.add(GeneratedText("x" * (REPLY_BYTES + 1)))
    assert draft.overflows


def test_a_model_is_held_to_the_schema_or_null_beside_its_passages() -> None:
    schema = answer_schema(reply_schema(CITY))
    assert schema.violation({"passages": [1], "value": {"name": "Paris"}}) is None
    assert schema.violation({"passages": [], "value": None}) is None
    assert schema.violation({"passages": [1], "value": {"name": 5}}) is not None


@given(
    st.dictionaries(st.text(max_size=6), st.text(max_size=20) | st.sampled_from(["[1]", "[2] ![x](y)", "Paris"])),
    st.lists(st.integers(-3, 4), max_size=4),
)
def test_whatever_a_model_gives_every_label_has_its_citation(value: dict[str, str], labels: list[int]) -> None:
    try:
        draft = drafted({"name": "Paris", **value}, *labels)
    except InvalidOutput:
        return
    chunks = {1: PARIS, 2: BREAD}
    assert all(one.quote in chunks[one.label] for one in draft.citations)
    assert all(draft.text[each.start : each.end].endswith("]") for each in draft.sentences if each.labels)
    assert bool(draft.text) == bool(draft.citations)
