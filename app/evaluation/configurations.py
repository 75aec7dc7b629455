"""Configurations: what searches and answers are asked for, by name, to be compared with each other."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.api.answers import Options
from app.api.search import SearchQuery
from app.evaluation import summary

_ANSWERS = "answers"
_OURS = {"query", "collections", "filter", "k"}  # of a search, the evaluation's own
_SEARCH = frozenset(SearchQuery.model_fields) - _OURS
_ANSWER = frozenset(Options.model_fields)


class InvalidConfiguration(Exception):
    """There is no such option, or not with this value; the message names those that there are."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Options of searches and answers under a name; what is not among them is the service's own choice.

    `answers`: whether answers are asked for at all.
    """

    name: str
    options: Mapping[str, Any]

    @property
    def search(self) -> Mapping[str, Any]:
        """The options that a search takes."""
        return {name: value for name, value in self.options.items() if name in _SEARCH}

    @property
    def answer(self) -> Mapping[str, Any]:
        """The options that an answer takes."""
        return {name: value for name, value in self.options.items() if name in _ANSWER}

    @property
    def answers(self) -> bool:
        return bool(self.options.get(_ANSWERS, True))

    def summary(self) -> summary.Configuration:
        """As it is shown and stored."""
        return summary.Configuration(name=self.name, options=dict(self.options))


DEFAULT = Configuration("default", {})


def configuration(text: str) -> Configuration:
    """A file with `name` and `options` in JSON or TOML, or NAME=KEY:VALUE,... Raises InvalidConfiguration."""
    path = Path(text)
    if path.suffix in {".json", ".toml"}:
        return _checked(*_read(path))
    name, _, listed = text.partition("=")
    pairs = [pair.partition(":") for pair in listed.split(",") if pair]
    return _checked(name, {key.strip(): _value(value.strip()) for key, _, value in pairs})


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        given: dict[str, Any] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        return str(given.get("name") or path.stem), dict(given["options"])
    except OSError as error:
        raise InvalidConfiguration(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidConfiguration(f"{path}: expected a `name` and a table of `options`") from error


def _value(text: str) -> str | int | float | bool:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _checked(name: str, options: dict[str, Any]) -> Configuration:
    if not name:
        raise InvalidConfiguration("a configuration begins with its name: NAME=KEY:VALUE,...")
    unknown = sorted(options.keys() - _SEARCH - _ANSWER - {_ANSWERS})
    if unknown:
        known = ", ".join(sorted({*_SEARCH, *_ANSWER, _ANSWERS}))
        raise InvalidConfiguration(f"{name}: there is no option {', '.join(unknown)}: expected {known}")
    made = Configuration(name, options)
    try:
        SearchQuery.model_validate({"query": "?", **made.search})
        Options.model_validate(dict(made.answer))
        made.summary()
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise InvalidConfiguration(f"{name}: {problems}") from error
    return made
