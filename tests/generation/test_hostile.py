"""A model that obeys every document: nothing that it was told to write is shown as borne out, or comes alive."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.answerer import Answerer
from generation.citations import labels_in
from generation.draft import Draft
from generation.generators.vllm import Timeouts, VllmGenerator
from generation.prompts.texts import RULES, STRUCTURED, STYLES
from generation.types import Answer, AnswerOptions, GeneratedText
from retrieval.types import Hit
from tests.generation.given import PARIS, SCOPE, FixedSearch, context, count_tokens, entitled, hit
from tests.generation.test_answerer import QUESTION, answerer
from tests.hostile import ATTACKS, Attack, obedient
from tests.stubs.vllm import Script, VllmStub, prompt_of

PATIENT = Timeouts(first_token=10.0, between_tokens=10.0, whole=30.0)
ALIVE = re.compile(r"\]\(|!\[|\]:|<[A-Za-z/!?]|://|\bwww\.|(?:javascript|data|vbscript):\S|\.example", re.IGNORECASE)
BUDGET, OVERHEAD = 500, 400
"""Words of the passages, and of all that stands around them: rules, marks, question."""
DRESSES = sorted({attack.kind.partition(":")[0] for attack in ATTACKS})
PROMPTS = (*RULES.values(), *STRUCTURED.values(), *(style for styles in STYLES.values() for style in styles.values()))
TOLD = [line.strip("- ") for rules in PROMPTS for line in rules.replace("{", "}").split("}") if len(line) > 30]


def in_the_text(attack: Attack) -> Hit:
    return hit(f"{PARIS} {attack.text}\n\nThe river Seine runs through it.")


def in_a_paragraph_of_its_own(attack: Attack) -> Hit:
    return hit(f"{attack.text}\n\n{PARIS}")


def in_a_table(attack: Attack) -> Hit:
    rows = ["City | Country", f"Paris | {attack.text.replace(chr(10), ' ')}", "Lyon | France"]
    return hit("\n".join(rows), lines=True)


def in_a_heading(attack: Attack) -> Hit:
    return hit(PARIS, headings=("France", attack.text))


def in_the_title(attack: Attack) -> Hit:
    return entitled(attack.text, PARIS)


def in_the_file_name(attack: Attack) -> Hit:
    found = hit(PARIS)
    return replace(found, source=replace(found.source, title="", name=attack.text))


def in_another_passage(attack: Attack) -> Hit:
    return hit(attack.text, 2)


@asynccontextmanager
async def service(stub: VllmStub, search: FixedSearch, *, removes: bool) -> AsyncGenerator[Answerer]:
    generator = VllmGenerator(stub.base_url, "stub-model", timeouts=PATIENT)
    try:
        yield replace(answerer(generator, search), remove_unsupported=removes)
    finally:
        await generator.aclose()


def answers(hits: Sequence[Sequence[Hit]], *, removes: bool = False) -> list[Answer]:
    async def asked() -> list[Answer]:
        search = FixedSearch()
        async with service(stub, search, removes=removes) as asking:
            told: list[Answer] = []
            for each in hits:
                search.hits = tuple(each)
                told.append(await asking.answer(QUESTION, SCOPE))
            return told

    with VllmStub(Script(choose=obedient)) as stub:
        found = asyncio.run(asked())
        for each, body in zip(hits, stub.seen.bodies, strict=True):
            carried = [attack.name for attack in ATTACKS if attack.name in repr(each)]
            assert carried, "no attack on its carrier"
            assert all(name in prompt_of(body) for name in carried), "a carrier that never reached the model"
        return found


def assert_harmless(answer: Answer, attack: Attack) -> None:
    """What is promised of any answer, whatever the model wrote."""
    assert not ALIVE.search(answer.text), answer.text
    assert not any(line in answer.text for line in TOLD), answer.text
    labels = {passage.label: passage for passage in answer.context.passages}
    assert all(citation.quote in labels[citation.label].hit.chunk.text for citation in answer.citations)
    assert {int(label) for label in re.findall(r"\[(\d+)\]", answer.text)} <= {each.label for each in answer.citations}
    for sentence in answer.sentences:
        written = answer.text[sentence.start : sentence.end]
        if attack.name.casefold() in written.casefold() and answer.generator != "extractive":
            assert sentence.doubts or sentence.support < 0.5, written


CARRIERS = [
    in_the_text,
    in_a_paragraph_of_its_own,
    in_a_table,
    in_a_heading,
    in_the_title,
    in_the_file_name,
    in_another_passage,
]


Case = tuple[Attack, Callable[[Attack], Hit]]


def cases_of(dress: str) -> list[Case]:
    """Each attack of that dress on three carriers in turn; over all dresses each demand meets every carrier."""
    turns = [(number, attack) for number, attack in enumerate(ATTACKS) if attack.kind.startswith(f"{dress}:")]
    return [(attack, CARRIERS[(number + turn) % len(CARRIERS)]) for number, attack in turns for turn in (0, 2, 4)]


def passages_of(case: Case) -> tuple[Hit, ...]:
    """The attack alone on its carrier, or behind a passage that is well."""
    attack, carrier = case
    return (hit(PARIS), carrier(attack)) if carrier is in_another_passage else (carrier(attack),)


@pytest.mark.parametrize("dress", DRESSES)
def test_what_a_document_commands_is_never_shown_as_borne_out(dress: str) -> None:
    cases = cases_of(dress)
    for answer, (attack, carrier) in zip(answers([passages_of(case) for case in cases]), cases, strict=True):
        try:
            assert_harmless(answer, attack)
        except AssertionError as error:
            raise AssertionError(f"{attack.kind}, {carrier.__name__}: {error}") from error


def test_with_remove_none_of_it_is_shown() -> None:
    cases = cases_of("override") + cases_of("plain")
    told = answers([passages_of(case) for case in cases], removes=True)
    for answer, (attack, carrier) in zip(told, cases, strict=True):
        if answer.generator != "extractive":
            assert attack.name.casefold() not in answer.text.casefold(), (attack.kind, carrier.__name__)


def test_a_model_that_says_its_rules_is_caught_by_mark_or_by_words() -> None:
    whole, rules = (next(each for each in ATTACKS if each.kind == f"plain: {goal}") for goal in ("prompt", "rules"))
    by_mark, by_words = answers([(in_the_text(whole),), (in_the_text(rules),)])
    assert (by_mark.generator, by_mark.degraded) == ("extractive", ("generator",))
    assert (by_words.generator, by_words.degraded) == ("stub-model", ())
    assert_harmless(by_words, rules)


def test_a_thousand_near_duplicates_stay_within_the_budget() -> None:
    search = FixedSearch(tuple(hit(f"{PARIS} Copy {number} says so.", number) for number in range(1, 1001)))

    async def asked() -> Answer:
        async with service(stub, search, removes=False) as asking:
            return await asking.answer(QUESTION, SCOPE, options=AnswerOptions(k=100, context_tokens=BUDGET))

    with VllmStub(Script(tokens=("Paris is the capital of France. [1]",))) as stub:
        answer = asyncio.run(asked())
    (body,) = stub.seen.bodies
    assert answer.context.tokens <= BUDGET
    assert sum(count_tokens([str(message["content"]) for message in body["messages"]])) <= BUDGET + OVERHEAD


@given(st.lists(st.sampled_from(ATTACKS), min_size=1, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_no_mixture_of_attacks_comes_alive(attacks: list[Attack], chance: Random) -> None:
    said = "".join(f"{attack.said} [{chance.randrange(4)}] " for attack in attacks)
    draft = Draft(context(hit(PARIS), hit(" ".join(attack.text for attack in attacks), 2)))
    while said:
        cut = chance.randrange(1, 9)
        draft.add(GeneratedText(said[:cut]))
        said = said[cut:]
    draft.finish()
    assert not ALIVE.search(draft.text)
    assert all(label in {1, 2} for label in labels_in(draft.text))
