"""Quality does not fall: two small sets of our own texts, in English and Chinese, through the whole service.

The one, `gate`, has floors for its figures. The other, `sides`, is made to need both sides of the search: part numbers
and codes that only terms tell apart, and questions in other words than the text's.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app.client import Client
from app.evaluation.asking import Asker
from app.evaluation.configurations import DEFAULT, Configuration
from app.evaluation.corpus import prepare
from app.evaluation.datasets import load
from app.evaluation.runs import Plan, Run, run
from app.evaluation.statistics import Difference, difference
from app.evaluation.types import Dataset
from app.serve import own_service
from app.settings import Settings
from generation.language import HAN
from retrieval.types import SearchMode

GATE, BOTH = Path(__file__).parent / "gate", Path(__file__).parent / "sides"
MODES: tuple[SearchMode, ...] = ("hybrid", "lexical", "dense")
SIDES = MODES[1:]
FLOORS = {
    "nDCG@10": 0.97,
    "MRR@10": 0.96,
    "recall@5": 0.96,
    "answer contained": 0.80,
    "right documents cited": 0.91,
    "answers kept": 0.91,
    "abstention recall": 0.83,
    "AUROC": 0.95,
}
"""What may be lost of what was measured, all of it 1 but for the answers that contain what is right, 23 of 26.

Two right documents may come second and one not among the first five; two more answers, two citations, two answers that
compression kept, and one refusal of the six may be lost.
"""
FALSE_REFUSALS = 0.16
"""Two of 26 were measured; four may be."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service with the packaged model."""
    with own_service(Settings(data_dir=tmp_path_factory.mktemp("gate"), parse_processes=1)) as client:
        yield client


@pytest.fixture(scope="module")
def answered(client: Client) -> Run:
    """Every question of the one set, searched and answered."""
    return asked(client, load(GATE), DEFAULT)


@pytest.fixture(scope="module")
def ranked(client: Client) -> Mapping[SearchMode, Mapping[str, float]]:
    """nDCG@10 of each question of the other set, by both sides together and by each alone."""
    dataset = load(BOTH)
    found: dict[SearchMode, Mapping[str, float]] = {}
    for mode in MODES:
        rows = asked(client, dataset, Configuration(mode, {"mode": mode, "answers": False})).rows
        found[mode] = {row.question: row.values["nDCG@10"] for row in rows}
    return found


def asked(client: Client, dataset: Dataset, configuration: Configuration) -> Run:
    collection, ids = prepare(client, dataset)
    return run(Asker(client, collection, ids, configuration), Plan(dataset), silent)


def gain(ranked: Mapping[SearchMode, Mapping[str, float]], side: SearchMode, *, chinese: bool) -> Difference:
    """Of both sides together over one, paired by question."""
    questions = [question for question in ranked["hybrid"] if bool(HAN.search(question)) is chinese]
    modes: tuple[SearchMode, SearchMode] = (side, "hybrid")
    alone, together = ([ranked[mode][question] for question in questions] for mode in modes)
    return difference(alone, together)


def silent(done: int, of: int) -> None:
    assert done <= of


def test_no_figure_falls_below_its_floor(answered: Run) -> None:
    figures = {figure.name: figure.mean for figure in answered.summary.figures}
    assert {name: figures[name] for name, floor in FLOORS.items() if figures[name] < floor} == {}
    assert figures["false refusals"] <= FALSE_REFUSALS


@pytest.mark.parametrize("side", SIDES)
def test_in_english_both_sides_together_are_surely_better_than_one(
    ranked: Mapping[SearchMode, Mapping[str, float]], side: SearchMode
) -> None:
    apart = gain(ranked, side, chinese=False)

    assert apart.count == 100
    assert apart.low > 0, apart


def test_in_chinese_which_the_model_does_not_know_nothing_is_lost_on_terms(
    ranked: Mapping[SearchMode, Mapping[str, float]],
) -> None:
    apart = gain(ranked, "lexical", chinese=True)

    assert apart.count == 28
    assert apart.mean >= 0, apart
    assert gain(ranked, "dense", chinese=True).low > 0
