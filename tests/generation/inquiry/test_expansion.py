import asyncio

from generation.inquiry.expansion import Expansion
from generation.short_replies import ShortReplies
from tests.generation.given import ScriptedCompleter, replies

QUESTION = "What is the capital of France?"


def test_other_queries_are_as_many_as_asked_and_never_the_question() -> None:
    expansion = Expansion(replies(f"1. {QUESTION}\n2. French seat of government\n3. Paris capital\n4. a fourth"))
    assert asyncio.run(expansion.queries(QUESTION, 2)) == ["French seat of government", "Paris capital"]


def test_a_model_is_told_how_many_in_the_language_of_the_question() -> None:
    completer = ScriptedCompleter(["法国 首都"])
    assert asyncio.run(Expansion(ShortReplies(completer)).queries("法国的首都是哪里？", 3)) == ["法国 首都"]
    assert "3 条" in completer.prompts[0]
    assert completer.prompts[0].endswith("问题： 法国的首都是哪里？")


def test_a_hypothetical_answer_is_one_paragraph() -> None:
    assert asyncio.run(Expansion(replies("Paris is\n\nthe capital.")).hypothetical(QUESTION)) == [
        "Paris is the capital."
    ]


def test_without_a_model_there_is_nothing() -> None:
    assert asyncio.run(Expansion(replies()).queries(QUESTION, 3)) == []
    assert asyncio.run(Expansion(replies()).hypothetical(QUESTION)) == []
