"""SIGKILL of the worker in and after every step: nothing is lost, nothing doubled, indexes and database agree."""

from pathlib import Path

import pytest

from tests.acceptance.killed_worker import Death
from tests.acceptance.workers import (
    assert_killed,
    assert_whole,
    services_of,
    settings_of,
    upload_notes,
    wait_until_drained,
    worker,
    worker_here,
)

NOTES = 9

POINTS = [
    ("queue.claim", "inside", 1),
    ("queue.claim", "after", 1),
    ("queue.heartbeat", "inside", 1),
    ("queue.heartbeat", "after", 1),
    ("sandbox.read", "after", 1),
    ("sandbox.read", "after", 5),
    ("versions.save_parsed", "inside", 1),
    ("versions.save_parsed", "after", 1),
    ("embedder.embed_passages", "after", 1),
    ("versions.save_embeddings", "inside", 1),
    ("versions.save_embeddings", "after", 2),
    ("versions.publish", "before", 1),
    ("versions.publish", "inside", 1),
    ("versions.publish", "after", 1),
    ("versions.publish", "inside", 2),
]


@pytest.mark.parametrize(("point", "moment", "nth"), POINTS, ids=str)
def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    database_url: str, tmp_path: Path, point: str, moment: str, nth: int
) -> None:
    environment = settings_of(database_url, tmp_path)
    with services_of(environment) as services:
        chunks = upload_notes(services, NOTES)
        with worker(environment, Death(point, moment, nth)) as killed:
            assert_killed(killed)
        with worker_here(services):
            wait_until_drained(services, NOTES + 1)
        assert_whole(services, NOTES + 1, chunks)
