"""Answers as the service would tell them, to be played to the page in the service's place."""

from collections.abc import Sequence
from typing import Any

import orjson
from playwright.sync_api import Page, Route

from app.api.rendering import GrowingText, rendered_body

MOMENT = "2026-11-01T08:00:00Z"
DOCUMENT = {"id": "doc_1", "name": "ferry.md", "title": "Ferry"}


def body(text: str, quote: str = "The ferry sails at 05:40.", **more: Any) -> dict[str, Any]:
    """An answer's body with one citation, labelled 1, and with one sentence that is all of its text."""
    citation: dict[str, Any] = {
        "label": 1,
        "document": DOCUMENT,
        "version": 1,
        "chunk_id": "1",
        "page": None,
        "page_label": None,
        "quote": quote,
        "boxes": [],
        "places": [],
        "recognised": False,
    }
    sentence = {"start": 0, "end": len(text), "labels": [1], "support": 1.0, "doubts": []}
    return {
        "id": "ans_1",
        "question": "When does it sail?",
        "answer": text,
        "abstained": False,
        "evidence": 0.9,
        "citations": [citation],
        "support": 1.0,
        "sentences": [sentence],
        "generator": "extractive",
        "degraded": [],
        "usage": {},
        "timings_ms": {"retrieve": 12.0, "pack": 3.0, "generate": 5.0, "total": 20.0},
        "trace": [],
        **more,
    }


def message(answer: dict[str, Any], number: int = 0) -> dict[str, Any]:
    """A message of a conversation."""
    return {
        "id": f"ans_{number}",
        "question": answer["question"],
        "answer": answer,
        "rendered": tree(answer),
        "rating": None,
        "created_at": MOMENT,
    }


def tree(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer's text as the service renders it."""
    return [node.model_dump() for node in rendered_body(answer)]


def play_answer(page: Page, pieces: Sequence[str]) -> None:
    """Let the page read an answer of these pieces, which breaks off after the last of them."""
    text = GrowingText((1,))
    passage: dict[str, Any] = {
        "label": 1,
        "document": DOCUMENT,
        "chunk_id": "1",
        "headings": [],
        "pages": [],
        "text": "",
        "rank": 1,
    }
    told: list[tuple[str, dict[str, Any]]] = [("context", {"passages": [{**passage, "scores": {}}], "tokens": 1})]
    for piece in pieces:
        grown = text.grow(piece)
        nodes = [] if grown is None else [node.model_dump() for node in grown.nodes]
        tree = {} if grown is None else {"kept": grown.kept, "rendered": nodes}
        told.append(("delta", {"text": piece, **tree}))
    events = b"".join(b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data)) for name, data in told)
    page.route("**/v1/answers", lambda route: route.fulfill(body=events, content_type="text/event-stream"))


def play_conversation(page: Page, messages: Sequence[dict[str, Any]], title: str = "Played") -> str:
    """Let the page read these messages as a conversation; gives its address."""
    head = {"id": "con_played", "title": title, "created_at": MOMENT, "updated_at": MOMENT}

    def answer(route: Route) -> None:
        route.fulfill(body=orjson.dumps({**head, "messages": list(messages)}), content_type="application/json")

    page.route("**/v1/conversations/con_played", answer)
    return "#/c/con_played"
