"""Figures of a whole run against what is worked out by hand from a few questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2

import httpx
import pytest

from app.client import Client
from app.evaluation.asking import Asker, Replied, Retrieved
from app.evaluation.configurations import DEFAULT, Configuration
from app.evaluation.runs import Plan, Run, run
from app.evaluation.summary import Group
from app.evaluation.types import Dataset, Question

NO_ANSWERS: Mapping[str, Replied] = {}


@dataclass(frozen=True, slots=True)
class Scripted(Asker):
    """Finds and says what is given for each question."""

    found: Mapping[str, Retrieved]
    said: Mapping[str, Replied]

    def search(self, question: Question) -> Retrieved:
        return self.found[question.id]

    def ask(self, question: Question) -> Replied:
        return self.said[question.id]


def scripted(
    found: Mapping[str, Retrieved], said: Mapping[str, Replied] = NO_ANSWERS, configuration: Configuration = DEFAULT
) -> Scripted:
    return Scripted(Client(httpx.Client()), "metals", {}, configuration, found, said)


def finding(*documents: str, dense: float = 0.0) -> Retrieved:
    return Retrieved(documents, (), frozenset(documents[:1]), {}, {"dense": dense})


def saying(text: str, evidence: float, **timings: float) -> Replied:
    return Replied(text, False, evidence, (), {}, (), 0, 0, timings)


def abstaining(evidence: float) -> Replied:
    return Replied("Nothing of it is there.", True, evidence, (), {}, (), 0, 0, {})


def answerable(name: str, answer: str = "") -> Question:
    return Question(name, f"{name}?", grades={"d": 1}, answers=((answer,),) if answer else ())


def unanswerable(name: str) -> Question:
    return Question(name, f"{name}?", answerable=False)


OWN = (
    answerable("right", "29.8 degrees"),
    answerable("half", "in Paris"),
    answerable("refused", "Tin"),
    answerable("second"),  # no answer is known, and the document comes second
    unanswerable("told"),
    unanswerable("known"),
    unanswerable("also told"),
)
FOREIGN = (unanswerable("far"), unanswerable("near"), unanswerable("far too"))
FOUND = {
    question.id: finding("e", "d", dense=place) if question.id == "second" else finding("d", "e", dense=place)
    for place, question in enumerate((*OWN, *FOREIGN), start=1)
}
SAID = {
    "right": saying("At 29.8 degrees.", 0.9, generate=10),
    "half": saying("In Rome.", 0.6, generate=30),
    "refused": abstaining(0.2),
    "second": saying("Perhaps.", 0.8),
    "told": saying("In 1875.", 0.7),
    "known": abstaining(0.3),
    "also told": saying("In 1886.", 0.6),
    "far": abstaining(0.1),
    "near": saying("In 1901.", 0.6),
    "far too": abstaining(0.15),
}
SEARCHES = Configuration("searches", {"answers": False})


def measured(asker: Asker, questions: tuple[Question, ...], foreign: tuple[Question, ...] = ()) -> Run:
    told: list[tuple[int, int]] = []
    measured = run(asker, Plan(Dataset("metals", (), questions), foreign), lambda done, of: told.append((done, of)))
    count = len(questions) + len(foreign)
    assert told == [(done, count) for done in range(1, count + 1)]
    return measured


@pytest.fixture(scope="module")
def whole() -> Run:
    return measured(scripted(FOUND, SAID), OWN, FOREIGN)


def figures(run: Run, group: Group) -> dict[str, tuple[float, int]]:
    """The figures of a group with the number of their questions."""
    return {each.name: (each.mean, each.count) for each in run.summary.figures if each.group == group}


def test_abstentions_are_counted_among_the_questions_that_each_figure_is_about(whole: Run) -> None:
    summary = whole.summary

    assert (summary.questions, summary.unanswerable, summary.foreign) == (10, 3, 3)
    # The unanswerable and the foreign with less evidence than .9, .6, .2 and .8, a tie as half: 3, 1.5, 0, 3 of 3 each,
    # and 3, 2.5, 2, 3.
    assert figures(whole, "abstention") == {
        "abstention precision": (1 / 2, 2),  # of `refused` and `known`
        "abstention recall": (pytest.approx(1 / 3), 3),
        "false refusals": (1 / 4, 4),
        "foreign refused": (pytest.approx(2 / 3), 3),
        "AUROC": (pytest.approx(7.5 / 12), 4 + 3),
        "foreign AUROC": (pytest.approx(10.5 / 12), 4 + 3),
    }


def test_a_refusal_counts_as_an_answer_without_words(whole: Run) -> None:
    answers = figures(whole, "answers")

    assert answers["answer contained"] == (pytest.approx(1 / 3), 3)
    assert answers["token recall"] == (pytest.approx((1 + 1 / 2 + 0) / 3), 3)
    assert {row.id: row.loss for row in whole.rows if row.loss is not None} == {
        "right": 0,
        "half": 1 / 2,
        "told": 1,
        "also told": 1,
        "near": 1,
    }


def test_risk_is_told_of_own_questions_that_were_answered_and_coverage_of_all_own_ones(whole: Run) -> None:
    assert whole.summary.risk_coverage == [
        (pytest.approx(1 / 7), 0),
        (pytest.approx(2 / 7), pytest.approx(1 / 2)),
        (pytest.approx(4 / 7), pytest.approx(2.5 / 4)),  # two have the same evidence
    ]


def test_times_are_told_per_stage_over_the_questions_that_went_through_it(whole: Run) -> None:
    assert [(each.stage, each.p50, each.p95) for each in whole.summary.timings] == [
        ("search dense", 5.5, pytest.approx(9.55)),
        ("answer generate", 20, pytest.approx(29)),
    ]


def test_the_worst_of_the_own_questions_come_first_with_what_is_wrong(whole: Run) -> None:
    refused, wrong = "refused, though the documents answer it", "answered, though the documents do not"
    lacking, not_first = "the answer lacks what is right", "what answers it is not among the first"

    assert [(each.question, each.answer, each.note, each.loss) for each in whole.summary.worst] == [
        ("refused?", "Nothing of it is there.", refused, 1),
        ("told?", "In 1875.", wrong, 1),
        ("also told?", "In 1886.", wrong, 1),
        ("half?", "In Rome.", lacking, 0.5),
        ("second?", "Perhaps.", not_first, pytest.approx(1 - 1 / log2(3))),
    ]


def test_twenty_of_the_worst_are_told_and_each_shortly() -> None:
    questions = tuple(Question(str(number), "why? " * 250, answerable=False) for number in range(25))
    found = {each.id: finding() for each in questions}
    said = {each.id: saying("so. " * 300, 0.5) for each in questions}

    worst = measured(scripted(found, said), questions).summary.worst

    assert [(each.question, each.answer) for each in worst] == [("why? " * 200, "so. " * 250)] * 20


def test_without_answers_searches_alone_are_measured() -> None:
    alone = measured(scripted(FOUND, configuration=SEARCHES), OWN, FOREIGN)

    assert {each.group for each in alone.summary.figures} == {"ranking"}
    assert {(row.evidence, row.abstained, row.loss) for row in alone.rows} == {(None, None, None)}
    assert [each.stage for each in alone.summary.timings] == ["search dense"]
    assert [(each.question, each.answer) for each in alone.summary.worst] == [("second?", "")]
    assert alone.summary.risk_coverage == []
