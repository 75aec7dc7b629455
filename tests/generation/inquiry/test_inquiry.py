import asyncio

import pytest

from generation.errors import GeneratorUnavailable
from generation.inquiry.inquiry import Findings
from generation.short_replies import ShortReplies
from generation.types import AnswerOptions
from retrieval.errors import SearchUnavailable
from retrieval.types import Filter, Scope, SearchResult
from tests.generation.given import PARIS, FixedSearch, ScriptedCompleter, entitled, hit, inquiry, lookup

QUESTION = "What is the capital of France?"
NONE = AnswerOptions()
ALL = AnswerOptions(queries=3, hypothetical=True, decompose=True, search_rounds=1)


class ByInstruction(ScriptedCompleter):
    """Answers each kind of prompt in its own way."""

    async def complete(self, instruction: str, text: str, max_tokens: int) -> str:
        if instruction.startswith("Write 2 search queries"):
            return "French seat of government\nParis capital"
        if instruction.startswith("Write a passage"):
            return "The capital is Lyon."
        if instruction.startswith("Break the question"):
            return "Which country is meant?\nWhat is its capital?"
        if "suffice" in instruction:
            return "search: inhabitants of Paris"
        raise GeneratorUnavailable(instruction)


class SearchOnce(FixedSearch):
    """Fails after so many searches."""

    good: int = 1

    def find(self, query: str, scope: Scope, k: int, filter: Filter) -> SearchResult:
        if len(self.queries) >= self.good:
            raise SearchUnavailable("down")
        return super().find(query, scope, k, filter)


def found(said: ShortReplies | None, options: AnswerOptions, search: FixedSearch | None = None) -> Findings:
    return asyncio.run(inquiry(said).find(QUESTION, lookup(search or FixedSearch((hit(PARIS),))), 10, options))


def test_without_options_the_question_alone_is_searched_and_no_model_is_asked() -> None:
    completer = ScriptedCompleter(["search: more"])
    findings = found(ShortReplies(completer), AnswerOptions())
    assert [(each.kind, each.query) for each in findings.searched] == [("question", QUESTION)]
    assert (findings.skipped, completer.prompts) == ((), [])


def test_every_way_adds_its_queries_after_the_question() -> None:
    findings = found(ShortReplies(ByInstruction([""])), ALL)
    assert [(each.kind, each.query) for each in findings.searched] == [
        ("question", QUESTION),
        ("query", "French seat of government"),
        ("query", "Paris capital"),
        ("hypothetical", "The capital is Lyon."),
        ("step", "Which country is meant?"),
        ("step", "What is its capital?"),
        ("search", "inhabitants of Paris"),
    ]
    assert findings.skipped == ()


class Echo(ScriptedCompleter):
    """Says what it was told, in the form that is asked of it."""

    async def complete(self, instruction: str, text: str, max_tokens: int) -> str:
        return f"search: {instruction}\n{text}"


def test_nothing_that_a_model_was_told_is_searched_or_stands_in_a_trace() -> None:
    findings = found(ShortReplies(Echo([""])), ALL)
    assert [(each.query, each.answer) for each in findings.searched] == [(QUESTION, "")]
    assert findings.skipped == ("queries", "hypothetical", "decompose", "search_rounds")


@pytest.mark.parametrize(
    "said",
    [None, ShortReplies(ScriptedCompleter([None])), ShortReplies(ScriptedCompleter(["late"], seconds=9), 0.05)],
    ids=["no model", "down", "slow"],
)
def test_a_model_that_is_not_there_in_time_takes_nothing_away(said: ShortReplies | None) -> None:
    findings = found(said, ALL)
    assert [each.kind for each in findings.searched] == ["question"]
    assert findings.skipped == ("queries", "hypothetical", "decompose", "search_rounds")


def test_a_search_that_fails_after_the_questions_own_is_done_without() -> None:
    findings = found(ShortReplies(ByInstruction([""])), ALL, SearchOnce((hit(PARIS),)))
    assert [each.kind for each in findings.searched] == ["question"]
    assert findings.skipped == ("queries", "hypothetical", "decompose", "search_rounds")


def test_a_search_that_fails_in_a_later_step_leaves_what_was_found() -> None:
    search = SearchOnce((hit(PARIS),))
    search.good = 2
    findings = found(ShortReplies(ByInstruction([""])), AnswerOptions(decompose=True), search)
    assert [each.query for each in findings.searched] == [QUESTION, "Which country is meant?"]
    assert findings.skipped == ()


TWO = "What do the Oslo Handbook and the Bergen Handbook say of leave?"
OSLO, BERGEN = (
    entitled(f"{city} Handbook", f"{city} gives leave.", rank) for rank, city in ((1, "Oslo"), (2, "Bergen"))
)
ASKED = "What do the and the say of leave?"


class SearchWithin(FixedSearch):
    """Finds those of its hits that the filter lets through."""

    def find(self, query: str, scope: Scope, k: int, filter: Filter) -> SearchResult:
        self.queries.append(query)
        wanted = [each.value for each in filter if isinstance(each.value, tuple)]
        let = [one for one in self.hits if all(one.source.id in each for each in wanted)]
        return SearchResult(tuple(let[:k]), {}, ())


def test_documents_named_side_by_side_are_each_searched_by_themselves_for_what_is_asked() -> None:
    """Although the best hits are all of one: the other is known by a title further down."""
    far = (*(entitled("Oslo Handbook", f"Oslo gives {number}.", number) for number in range(10, 40)), BERGEN)
    search = SearchWithin(far)
    findings = asyncio.run(inquiry(None).find(TWO, lookup(search), 10, NONE))
    assert [(each.kind, each.query, len(each.result.hits)) for each in findings.searched] == [
        ("question", TWO, 10),
        ("document", ASKED, 10),
        ("document", ASKED, 1),
    ]
    assert [each.result.hits[0].source.title for each in findings.searched[1:]] == ["Oslo Handbook", "Bergen Handbook"]
    assert findings.skipped == ()


def test_within_a_named_document_its_people_are_not_searched_for() -> None:
    asked = "How many days of leave does Vera Martin have by the Oslo Handbook and the Bergen Handbook?"
    findings = asyncio.run(inquiry(None).find(asked, lookup(SearchWithin((OSLO, BERGEN))), 10, NONE))
    assert [each.query for each in findings.searched[1:]] == ["How many days of leave does have by the and the ?"] * 2


def test_documents_that_are_only_named_are_not_searched_by_themselves() -> None:
    search = SearchWithin((OSLO, BERGEN))
    findings = asyncio.run(inquiry(None).find("The Oslo Handbook and the Bergen Handbook?", lookup(search), 10, NONE))
    assert [each.kind for each in findings.searched] == ["question"]


def test_a_document_that_cannot_be_asked_for_by_itself_takes_nothing_away() -> None:
    """Neither is the other then preferred."""
    search = SearchOnce((OSLO, BERGEN))
    search.good = 2
    findings = asyncio.run(inquiry(None).find(TWO, lookup(search), 10, NONE))
    assert [(each.kind, len(each.result.hits)) for each in findings.searched] == [("question", 2)]
    assert findings.skipped == ()
