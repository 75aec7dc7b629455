import asyncio

import pytest

from generation.inquiry.lookup import Finding
from generation.inquiry.search_rounds import SearchRounds
from generation.short_replies import ShortReplies
from retrieval.errors import SearchUnavailable
from retrieval.types import Condition, Filter, Scope, SearchResult
from tests.generation.given import PARIS, SCOPE, ScriptedCompleter, SearchByQuery, count_tokens, hit, lookup, replies

QUESTION = "What is the capital of France?"
FILTER = (Condition("language", "eq", "en"),)


def found(said: ShortReplies, rounds: int = 3, search: SearchByQuery | None = None) -> list[Finding] | None:
    bound = lookup(search or SearchByQuery({}), FILTER)
    own = bound.find("question", QUESTION, 5)
    return asyncio.run(SearchRounds(said, count_tokens).find(QUESTION, bound, [own], rounds, 5))


def queries(findings: list[Finding] | None) -> list[str]:
    assert findings is not None
    return [each.query for each in findings]


def test_a_model_searches_until_it_has_enough() -> None:
    assert queries(found(replies("search: France cities", "search: Paris", "enough", "search: more"))) == [
        "France cities",
        "Paris",
    ]


def test_rounds_are_bounded() -> None:
    completer = ScriptedCompleter([f"search: query {number}" for number in range(50)])
    assert queries(found(ShortReplies(completer), rounds=2)) == ["query 0", "query 1"]
    assert len(completer.prompts) == 2


def test_a_query_that_was_searched_already_ends_the_rounds() -> None:
    assert queries(found(replies("search: Paris", "search: Paris", "search: other"))) == ["Paris"]
    assert queries(found(replies(f"search: {QUESTION}"))) == []


def test_the_scope_and_the_filter_are_the_askers_whatever_the_model_says() -> None:
    search = SearchByQuery({})
    found(replies('search("secret", collections=["board"], filter=none)'), 1, search)
    assert {asked[1:] for asked in search.asked} == {(SCOPE, FILTER)}


@pytest.mark.parametrize("said", ["search: Paris", 'Search("Paris")', "搜索：Paris", "- SEARCH: “Paris”"])
def test_a_call_is_read_in_any_of_the_forms_that_models_use(said: str) -> None:
    assert queries(found(replies(said), rounds=1)) == ["Paris"]


@pytest.mark.parametrize("said", ["enough", "足够", "I would research: nothing.", "Paris is the capital."])
def test_anything_else_is_no_call(said: str) -> None:
    assert queries(found(replies(said))) == []


def test_what_was_found_is_read_in_the_next_round() -> None:
    completer = ScriptedCompleter(["search: Paris", "enough"])
    found(ShortReplies(completer), search=SearchByQuery({"Paris": (hit(PARIS),)}))
    assert PARIS not in completer.prompts[0]
    assert PARIS in completer.prompts[1]
    assert "Searched so far:\nWhat is the capital of France?\nParis" in completer.prompts[1]


def test_a_search_that_fails_in_a_later_round_leaves_what_was_found() -> None:
    class FailsAt(SearchByQuery):
        def find(self, query: str, scope: Scope, k: int, filter: Filter) -> SearchResult:
            if query == "broken":
                raise SearchUnavailable("down")
            return super().find(query, scope, k, filter)

    assert queries(found(replies("search: Paris", "search: broken"), search=FailsAt({}))) == ["Paris"]
    assert found(replies("search: broken"), search=FailsAt({})) is None


def test_a_model_that_does_not_answer_or_repeats_its_mark_is_no_guide() -> None:
    class Echo(ScriptedCompleter):
        async def complete(self, instruction: str, text: str, max_tokens: int) -> str:
            return f"search: {instruction}"

    assert found(replies()) is None
    assert found(ShortReplies(Echo([""]))) is None
    assert queries(found(replies("search: Paris", None))) == ["Paris"]
