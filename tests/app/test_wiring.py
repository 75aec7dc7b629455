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
        ({"embedder": "hashing", "embedder_query_prompt": "query: "}, "reads no prompts"),
        ({"reranker": "cross_encoder:x"}, "reranker"),
        ({"reranker": "http:"}, "reranker"),
        ({"database_url": "mysql://host/name"}, "database_url"),
        ({"reranker": "http:x"}, "needs OPENBOOK_RERANKER_URL"),
        ({"reranker": "http:x", "reranker_url": "127.0.0.1:8001"}, "reranker_url"),
    ],
)
def test_what_cannot_work_refuses_to_start(given: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings.model_validate(given)


def test_a_collection_keeps_the_prompts_that_it_was_embedded_with(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/v1"
    services = build(
        Settings(data_dir=tmp_path, embedder="openai:m", embedder_url=url, embedder_query_prompt="query: ")
    )
    services.db.migrate()
    services.embedders.remember()

    before = "openai:m|512|ask: |say: "
    assert services.embedder.fingerprint == "openai:m|512|query: |"
    assert services.embedders.of(services.embedder.fingerprint) is services.embedder
    assert services.embedders.of(before).fingerprint == before
    assert services.embedders.of("openai:m|512").fingerprint == "openai:m|512"
    close(services)


def test_a_collection_keeps_the_window_that_it_was_cut_to(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/v1"
    services = build(Settings(data_dir=tmp_path, embedder="openai:m", embedder_url=url, embedder_window=256))
    services.db.migrate()

    before = services.embedders.of("openai:m|512")
    assert (services.embedder.fingerprint, services.embedder.window) == ("openai:m|256", 254)
    assert (before.fingerprint, before.window) == ("openai:m|512", 510)
    close(services)


def test_prompts_for_a_model_on_this_machine_make_another_embedder_of_it(tmp_path: Path) -> None:
    before = build(Settings(data_dir=tmp_path, embedder_query_prompt="ask: "))
    before.db.migrate()
    before.embedders.remember()
    theirs = before.embedder.fingerprint
    close(before)

    services = build(Settings(data_dir=tmp_path, embedder_query_prompt="query: ", embedder_document_prompt="text: "))

    assert services.embedder.fingerprint.endswith("|query: |text: |set")
    assert theirs.endswith("|ask: ||set")
    assert services.embedders.of(theirs).fingerprint == theirs
    close(services)
