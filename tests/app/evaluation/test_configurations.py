"""Configurations are options of searches and answers, checked as the service would check them."""

import json
from pathlib import Path

import pytest

from app.evaluation.configurations import Configuration, InvalidConfiguration, configuration


def test_options_reach_the_searches_and_answers_that_take_them() -> None:
    made = configuration("small=mode:dense,rerank:false,k:5,temperature:0.5,answers:false")

    assert made.name == "small"
    assert made.search == {"mode": "dense", "rerank": False}
    assert made.answer == {"rerank": False, "k": 5, "temperature": 0.5}
    assert not made.answers


def test_a_name_alone_asks_for_the_services_own_choice() -> None:
    assert configuration("plain") == Configuration("plain", {})
    assert configuration("plain").answers


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.json", json.dumps({"name": "small", "options": {"k": 5}})), ("small.toml", "[options]\nk = 5\n")],
)
def test_a_configuration_may_stand_in_a_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert configuration(str(tmp_path / name)) == Configuration("small", {"k": 5})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("a=depth:3", "there is no option depth: expected answers, "),
        ("a=k:0", "a: k: Input should be greater than or equal to 1"),
        ("a=mode:fast", "a: mode: Input should be 'hybrid', 'lexical' or 'dense'"),
        ("=k:3", "a configuration begins with its name"),
        ("gone.toml", "gone.toml: No such file"),
    ],
)
def test_what_cannot_be_asked_for_is_told(given: str, words: str) -> None:
    with pytest.raises(InvalidConfiguration, match=words):
        configuration(given)


def test_a_file_without_options_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(InvalidConfiguration, match=r"a\.json: expected a `name` and a table of `options`"):
        configuration(str(tmp_path / "a.json"))
