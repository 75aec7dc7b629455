"""Which settings hold together, and which backend each chooses."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings
from app.wiring import build, close
from retrieval.rerankers.cross_encoder import CrossEncoderReranker
from retrieval.rerankers.http import HttpReranker
from retrieval.rerankers.sentence import SentenceReranker


@pytest.mark.parametrize(
    ("reranker", "kind"),
    [
        ("sentence", SentenceReranker),
        ("none", type(None)),
        ("cross-encoder:some/model", CrossEncoderReranker),
        ("http:some/model", HttpReranker),
    ],
)
def test_a_reranker_is_chosen_by_its_kind(tmp_path: Path, reranker: str, kind: type) -> None:
    services = build(Settings(data_dir=tmp_path, reranker=reranker, reranker_url="http://127.0.0.1:8001/v1"))

    assert type(services.retriever.reranker) is kind
    close(services)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"reranker": "cross_encoder:x"}, "reranker"),
        ({"reranker": "http:"}, "reranker"),
        ({"reranker": "http:x"}, "needs OPENBOOK_RERANKER_URL"),
        ({"reranker": "http:x", "reranker_url": "127.0.0.1:8001"}, "reranker_url"),
    ],
)
def test_a_reranker_that_cannot_work_refuses_to_start(given: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings.model_validate(given)
