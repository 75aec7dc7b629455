from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.citations import cite
from generation.grounding import evidence, support
from tests.generation.given import CHINESE, PARIS, context, hit

THRESHOLD = 0.45


def test_nothing_found_is_no_evidence() -> None:
    assert evidence("What is the capital of France?", ()) == 0.0


def test_a_near_sentence_with_the_terms_is_evidence() -> None:
    assert evidence("What is the capital of France?", [hit(PARIS, near=0.8)]) > THRESHOLD


def test_neither_near_nor_in_the_terms_is_none() -> None:
    assert evidence("Who won the match?", [hit(PARIS, near=0.2)]) < THRESHOLD


def test_the_best_of_many_hits_counts() -> None:
    far, near = hit("Bread is baked.", 1, near=0.1), hit(PARIS, 2, near=0.8)
    question = "What is the capital of France?"
    assert evidence(question, [far, near]) == evidence(question, [near])


def test_what_two_hits_say_apart_is_less_than_what_one_says() -> None:
    question = "What is the capital of France?"
    near, telling = hit("It is a large city.", 1, near=0.6), hit(PARIS, 2, near=0.1)
    assert evidence(question, [near, telling]) == max(evidence(question, [near]), evidence(question, [telling]))
    assert evidence(question, [near, telling]) < evidence(question, [hit(PARIS, near=0.6)])


def test_of_two_hits_with_as_near_a_sentence_the_nearer_one_is_more_evidence() -> None:
    question = "What is the capital of France?"
    near, far, unknown = (hit(PARIS, near=0.6), hit(PARIS, near=0.6), hit(PARIS, near=0.6))
    near = replace(near, scores=replace(near.scores, dense=0.8))
    far = replace(far, scores=replace(far.scores, dense=-0.2))
    assert evidence(question, [far]) < evidence(question, [unknown]) < evidence(question, [near])
    assert evidence(question, [near, far]) == evidence(question, [near])


def test_a_name_that_is_not_found_weighs_more_than_another_word() -> None:
    text = hit("The capital of France lies on a river.", near=0.5)
    assert evidence("Is the capital of Norway on a river?", [text]) < evidence(
        "Is the capital of France on a hill?", [text]
    )


@pytest.mark.parametrize(
    ("question", "text", "near"),
    [
        ("What does error E07 mean?", "E07 Communication lost with the controller.", 0.25),
        ("How long is a label kept?", "The label is a PDF and is kept for 90 days.", 0.3),
        ("免租期有多长？", "其中2026年5月1日至2026年6月15日为免租装修期。", None),
    ],
)
def test_words_that_a_question_asks_by_are_not_missed(question: str, text: str, near: float | None) -> None:
    assert evidence(question, [hit(text, near=near, headings=("Error codes",))]) > THRESHOLD


def test_terms_in_the_headings_count() -> None:
    question = "How are route parameters declared?"
    plain, headed = hit("They are declared so."), hit("They are declared so.", headings=("Route parameters",))
    assert evidence(question, [headed]) > evidence(question, [plain])


def test_without_similarities_terms_alone_decide() -> None:
    asked, other = "香港第六届立法会有多少个议席？", "贝多芬出生在哪个城市？"
    assert evidence(asked, [hit(CHINESE, near=None)]) > THRESHOLD
    assert evidence(other, [hit(CHINESE, near=None)]) < THRESHOLD


def test_hits_of_a_model_and_hits_without_one_each_bear_witness_in_their_own_way() -> None:
    question = "What is the capital of France?"
    near, far = hit(PARIS, near=0.8), hit("Bread is baked.", 2, near=0.1)
    without = hit(PARIS, 3, near=None)
    assert evidence(question, [near, without]) == max(evidence(question, [near]), evidence(question, [without]))
    assert evidence(question, [far, without]) == evidence(question, [without])


@given(st.text(max_size=40), st.floats(-1, 1), st.booleans())
def test_evidence_lies_between_nothing_and_one(question: str, near: float, dense: bool) -> None:
    assert 0.0 <= evidence(question, [hit(PARIS, near=near if dense else None)]) <= 1.0


def supported(sentence: str, text: str = PARIS) -> float:
    found = {passage.label: passage for passage in context(hit(text)).passages}
    return support(sentence, cite(sentence, [1], found))


def test_a_documents_own_sentence_is_wholly_supported() -> None:
    assert supported("The capital of France is Paris. [1]") == 1.0


def test_a_sentence_without_citation_has_no_support() -> None:
    assert support("The capital of France is Paris.", ()) == 0.0


def test_what_the_quote_does_not_say_lowers_the_support() -> None:
    assert supported("Paris is the capital of France [1].") == 1.0
    assert 0.0 < supported("Paris is the richest and coldest capital [1].") < 0.7
    assert supported("Bananas grow slowly [1].") == 0.0


@pytest.mark.parametrize("sentence", ["It is. [1]", "[1]", ""])
def test_a_sentence_that_says_nothing_is_not_supported(sentence: str) -> None:
    assert supported(sentence) == 0.0
