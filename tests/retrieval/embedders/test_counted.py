"""What was counted is embedded as if it had been read: the same tokens, and where each ends."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.embedders import counted
from retrieval.embedders.counted import Counted
from retrieval.embedders.model_folder import PACKAGED, ModelFolder, Tokens, open_model
from retrieval.types import PassageInput, Span

FOLDER = open_model(PACKAGED)
PIECES = [
    "The cat sat.",
    "It sat",
    "ein Übermaß",
    "e\u0301te\u0301",
    "\u0301",
    "猫坐。",
    "[MASK]",
    "a\x1cb",
    "\ud800",
    "…",
    "x" * 120,
]
GAPS = ["", " ", "\n\n", "\t", "\x1c", "\u200b", "\u3000", " and "]


def read(passage: PassageInput) -> Tokens:
    [tokens] = FOLDER.read([passage.prefix + passage.text])
    return tokens


def same(one: Tokens, other: Tokens) -> bool:
    return one.ids == other.ids and one.last.tolist() == other.last.tolist()


def stretches(passage: PassageInput) -> list[str]:
    return [passage.prefix, *(passage.text[start:end] for start, end in passage.sentences)]


@st.composite
def passages(draw: st.DrawFn) -> PassageInput:
    prefix, text = draw(st.sampled_from(["", "Cats > Sitting\n", "Cats"])), draw(st.sampled_from(GAPS))
    spans: list[Span] = []
    for piece in draw(st.lists(st.sampled_from(PIECES), max_size=80)):
        spans.append((len(text), len(text) + len(piece)))
        text += piece + draw(st.sampled_from(GAPS))
    return PassageInput(prefix, text, tuple(spans))


@given(passages())
def test_what_was_counted_has_the_tokens_of_the_whole(passage: PassageInput) -> None:
    kept = Counted()
    assert kept.count(FOLDER, stretches(passage)) == FOLDER.count(stretches(passage))

    [tokens] = kept.read(FOLDER, [passage])

    assert same(tokens, read(passage))


def test_what_was_counted_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    passage = PassageInput("Cats\n", "The cat sat. It sat.\n\nStill.", ((0, 12), (13, 20), (22, 28)))
    kept, tokens = Counted(), read(passage)
    kept.count(FOLDER, stretches(passage))
    asked: list[str] = []

    def parts(_folder: ModelFolder, texts: list[str]) -> list[Tokens]:
        asked.extend(texts)
        return []

    monkeypatch.setattr(ModelFolder, "parts", parts)

    assert same(kept.read(FOLDER, [passage])[0], tokens)
    assert asked == []


def test_what_was_counted_long_ago_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "KEPT_TOKENS", 8)
    old, new = (PassageInput("", text, ((0, len(text)),)) for text in ("An old cat sat.", "A new cat sat."))
    kept = Counted()
    for passage in (old, new):
        kept.count(FOLDER, [passage.text])

    assert kept.known(FOLDER, old) is None
    assert kept.known(FOLDER, new) is not None
    assert same(kept.read(FOLDER, [old])[0], read(old))


@pytest.mark.parametrize("other", [{"by_word": False}, {"passage_prompt": "passage: "}])
def test_what_reads_across_white_space_reads_the_whole(other: dict[str, Any]) -> None:
    kept, folder = Counted(), replace(FOLDER, **other)
    passage = PassageInput("", "The cat sat.", ((0, 12),))
    kept.count(folder, [passage.text])

    assert kept.known(folder, passage) is None
    assert same(kept.read(folder, [passage])[0], folder.read([folder.passage_prompt + passage.text])[0])
