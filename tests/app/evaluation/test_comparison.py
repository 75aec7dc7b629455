"""Two runs are paired by question: what differs between them, and which questions changed most."""

from collections.abc import Mapping

import pytest

from app.evaluation.comparison import Changed, NothingInCommon, compare
from app.evaluation.runs import Kind, Run
from app.evaluation.statistics import Difference
from tests.app.evaluation.given import row, run_of


def ndcg(**values: float) -> Run:
    return run_of(*(row(name, {"nDCG@10": value}) for name, value in values.items()))


def changed(before: Mapping[str, float], after: Mapping[str, float], kind: Kind = "answerable") -> list[Changed]:
    """What is told of one question."""
    return list(compare(run_of(row("q", before, kind)), run_of(row("q", after, kind))).changed)


def test_what_changed_most_comes_first_be_it_better_or_worse() -> None:
    first = ndcg(a=0.5, b=0.5, c=0.25, d=1.0, same=0.5)
    second = ndcg(same=0.5, d=0.25, c=0.75, b=0.625, a=0.25)

    found = [(each.question, each.gain) for each in compare(first, second).changed]

    assert found == [("d?", -0.75), ("c?", 0.5), ("a?", -0.25), ("b?", 0.125)]


def test_twenty_questions_are_told() -> None:
    names = [f"q{number}" for number in range(25)]
    first, second = (ndcg(**{name: at * number for number, name in enumerate(names)}) for at in (0.01, 0.03))

    assert [each.question for each in compare(first, second).changed] == [f"q{number}?" for number in range(24, 4, -1)]


def test_a_question_is_told_with_both_answers_by_the_measure_that_tells_most_of_what_changed() -> None:
    first = row("q", {"token recall": 0.5, "answer contained": 0.0, "nDCG@10": 1.0}, answer="Tin.")
    second = row("q", {"token recall": 1.0, "answer contained": 0.0, "nDCG@10": 0.0}, answer="Gallium.")

    [told] = compare(run_of(first), run_of(second)).changed

    assert told == Changed("q?", "token recall", 0.5, "Tin.", "Gallium.")


@pytest.mark.parametrize(
    ("measure", "kind", "gain"),
    [
        ("false refusals", "answerable", -1),
        ("abstention recall", "unanswerable", 1),
        ("foreign refused", "foreign", 1),
    ],
)
def test_to_abstain_is_a_gain_where_the_documents_do_not_answer_and_a_loss_where_they_do(
    measure: str, kind: Kind, gain: float
) -> None:
    no, yes = {measure: 0.0}, {measure: 1.0}

    assert changed(no, yes, kind) == [Changed("q?", measure, gain, "", "")]
    assert changed(yes, no, kind) == [Changed("q?", measure, -gain, "", "")]


def test_a_measure_is_compared_over_the_questions_that_have_it_in_both_runs() -> None:
    half, one = {"nDCG@10": 0.5}, {"nDCG@10": 1.0}
    first = run_of(row("a", half), row("b", half), row("c", one), row("d"), row("first alone", one))
    second = run_of(row("d", one), row("b", one), row("a", one), row("c"), row("second alone", one))

    found = compare(first, second)

    assert [(each.name, each.first, each.second) for each in found.measures] == [("nDCG@10", 0.5, 1.0)]
    assert found.measures[0].difference == Difference(0.5, 0.5, 0.5, 0.5, 2)
    assert [each.question for each in found.changed] == ["b?", "a?"]


def test_measures_stand_in_the_order_of_reports_and_one_that_hangs_on_other_questions_is_not_paired() -> None:
    before = {"false refusals": 1.0, "abstention precision": 0.0, "token recall": 0.0, "nDCG@10": 1.0}
    after = {"abstention precision": 1.0, "nDCG@10": 1.0, "token recall": 0.5, "false refusals": 0.0}

    found = compare(run_of(row("q", before)), run_of(row("q", after)))

    assert [(each.name, each.difference.mean) for each in found.measures] == [
        ("nDCG@10", 0),
        ("token recall", 0.5),
        ("false refusals", -1),
    ]


def test_a_foreign_question_is_not_that_of_the_same_id() -> None:
    own, foreign = run_of(row("q", {"nDCG@10": 1.0})), run_of(row("q", {"nDCG@10": 0.5}, kind="foreign"))

    with pytest.raises(NothingInCommon, match="the two runs have no question in common"):
        compare(own, foreign)
