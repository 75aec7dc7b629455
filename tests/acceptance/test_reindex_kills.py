"""SIGKILL of the worker while it re-indexes: the old index answers on, the new one is whole, nothing is done twice."""

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from app.db.tables import Chunk, Embedding, Job, Placement, Reindex, Version
from app.wiring import Services
from retrieval.types import CollectionId, Scope
from tests.acceptance.killed_worker import Death
from tests.acceptance.workers import (
    OTHER,
    PATIENCE_SECONDS,
    assert_killed,
    begin,
    read_all,
    services_of,
    settings_of,
    start_request,
    upload_notes,
    worker,
)

pytestmark = pytest.mark.timeout(300)

NOTES = 9
POINTS = ["reindexes._ask", "versions.publish", "reindexes._switch"]
MOMENTS = ["inside", "after"]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_re_index_goes_on_where_it_was(database_url: str, tmp_path: Path, point: str, moment: str) -> None:
    environment = settings_of(database_url, tmp_path)
    with services_of(environment) as services:
        chunks = _ready(services)
        home = services.collections.ids()["default"]
        assert _answers(services, home)
        later = {**environment, "OPENBOOK_EMBEDDER": OTHER}
        begin(services)
        with worker(later, Death(point, moment, 1)) as killed:
            assert_killed(killed)
        assert _answers(services, home)
        with worker(later):
            _wait_until_switched(services, home)
        assert _answers(services, home)
        _assert_whole(services, home, chunks)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_re_index_whose_beginning_was_killed_is_begun_again(database_url: str, tmp_path: Path, moment: str) -> None:
    environment = settings_of(database_url, tmp_path)
    with services_of(environment) as services:
        chunks = _ready(services)
        home = services.collections.ids()["default"]
        later = {**environment, "OPENBOOK_EMBEDDER": OTHER}
        assert_killed(start_request(later, begin, Death("reindexes.begin", moment, 1)))
        assert len(services.reindexes.under_way()) == (moment == "after")
        begin(services)
        with worker(later):
            _wait_until_switched(services, home)
        assert _answers(services, home)
        _assert_whole(services, home, chunks)


def _ready(services: Services) -> int:
    """Notes that answer; gives how many chunks they have."""
    chunks = upload_notes(services, NOTES)
    services.embedders.remember()
    read_all(services)
    return chunks


def _answers(services: Services, home: CollectionId) -> bool:
    found = services.retriever.search("fact of document 3", Scope(frozenset({home})), 3)
    return len(found.hits) == 3 and found.degraded == ()


def _wait_until_switched(services: Services, home: CollectionId) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while services.changes.head(home).generation == 1:
        assert time.monotonic() < deadline, services.reindexes.get("default")
        time.sleep(0.05)


def _assert_whole(services: Services, home: CollectionId, chunks: int) -> None:
    with services.db.read() as session:
        by_generation = {
            table.__tablename__: Counter(session.scalars(select(table.generation)).all())
            for table in (Chunk, Placement, Job)
        }
        embedded = Counter(session.scalars(select(Embedding.fingerprint)).all())
        statuses = session.scalars(select(Version.status)).all()
        shown = session.scalars(select(Version.chunks)).all()
        assert session.scalar(select(func.count()).select_from(Reindex)) == 0
    assert by_generation == {
        "chunks": {1: chunks, 2: chunks},
        "placements": {1: chunks, 2: chunks},
        "jobs": {0: NOTES + 1},
    }
    assert embedded == {"hashing:256": chunks, OTHER: chunks}
    assert (statuses, sum(count or 0 for count in shown)) == (["ready"] * (NOTES + 1), chunks)
    indexes = services.replica.indexes(home)
    _, alive = services.changes.live(home, 2)
    assert (indexes.generation, indexes.fingerprint, len(alive)) == (2, OTHER, chunks)
    assert indexes.vector is not None
    assert np.array_equal(indexes.vector.ids(), alive)
    assert np.array_equal(indexes.lexical.ids(), alive)
