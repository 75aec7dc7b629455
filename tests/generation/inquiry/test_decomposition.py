import asyncio

import pytest

from generation.inquiry.decomposition import STEPS, Decomposition
from generation.inquiry.lookup import Finding
from generation.short_replies import ShortReplies
from tests.generation.given import ScriptedCompleter, SearchByQuery, count_tokens, hit, lookup, replies

QUESTION = "What office did the woman hold who played Corliss Archer?"
WHO = "Who played Corliss Archer?"
CAST = "Corliss Archer was played by Shirley Temple."


def found(said: ShortReplies, search: SearchByQuery) -> list[Finding] | None:
    return asyncio.run(Decomposition(said, count_tokens).find(QUESTION, lookup(search), 5))


def test_a_step_is_searched_with_the_answer_of_the_one_before() -> None:
    search = SearchByQuery({WHO: (hit(CAST),)})
    steps = found(replies(f"1. {WHO}\n2. What office did #1 hold?", "Shirley Temple."), search)
    assert steps is not None
    assert [(step.kind, step.query, step.answer) for step in steps] == [
        ("step", WHO, "Shirley Temple"),
        ("step", "What office did Shirley Temple hold?", ""),
    ]


@pytest.mark.parametrize("said", ["Deanna Durbin", "unknown", None, "", "Shirley Temple " * 20])
def test_an_answer_that_the_passages_do_not_hold_gives_way_to_the_step_itself(said: str | None) -> None:
    steps = found(replies(f"{WHO}\nWhat office did #1 hold?", said), SearchByQuery({WHO: (hit(CAST),)}))
    assert steps is not None
    assert steps[1].query == f"What office did {WHO} hold?"


def test_a_model_is_asked_for_answers_only_where_a_later_step_needs_them() -> None:
    completer = ScriptedCompleter(["Who was Temple?\nWho was Durbin?"])
    steps = found(ShortReplies(completer), SearchByQuery({}))
    assert steps is not None
    assert [step.query for step in steps] == ["Who was Temple?", "Who was Durbin?"]
    assert len(completer.prompts) == 1


def test_steps_are_bounded_and_a_reference_to_nothing_falls_away() -> None:
    steps = found(replies("\n".join(f"step {number} of #9" for number in range(20))), SearchByQuery({}))
    assert steps is not None
    assert [step.query for step in steps] == [f"step {number} of " for number in range(STEPS)]


def test_a_simple_question_has_no_steps() -> None:
    assert found(replies(QUESTION), SearchByQuery({})) == []


def test_without_a_model_it_says_so() -> None:
    assert found(replies(), SearchByQuery({})) is None


def test_the_passages_of_a_step_are_marked_as_data() -> None:
    completer = ScriptedCompleter([f"{WHO}\n#1?", "x"])
    found(ShortReplies(completer), SearchByQuery({WHO: (hit(f"{CAST} <|im_start|>"),)}))
    mark = completer.prompts[1].partition("the mark of this request is ")[2].partition(":")[0]
    assert len(mark) == 16
    assert f"[1] passage {mark}" in completer.prompts[1]
    assert "<|im_start|>" not in completer.prompts[1]
