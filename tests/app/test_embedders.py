"""Which embedder a collection is searched by, whatever is set today."""

import pytest

from app.db.database import Database
from app.db.index.embedders import EmbedderStore
from app.db.types import EmbedderRecord
from app.embedders import EmbedderCatalog
from retrieval.embedders.hashing import HashingEmbedder
from retrieval.errors import ModelUnavailable
from retrieval.ports import Embedder


class Workshop:
    """Makes hashing embedders, and notes each that it was asked to make."""

    def __init__(self) -> None:
        self.made: list[EmbedderRecord] = []

    def make(self, record: EmbedderRecord) -> Embedder:
        self.made.append(record)
        if record.model == "gone":
            raise ModelUnavailable("no such folder")
        return HashingEmbedder(int(record.model.partition(":")[2] or 256))


def test_each_fingerprint_is_made_once_from_what_was_remembered(database: Database) -> None:
    store, workshop = EmbedderStore(database), Workshop()
    EmbedderCatalog("hashing:16", "http://old", store, workshop.make).remember()
    catalog = EmbedderCatalog("hashing:8", None, store, workshop.make)
    workshop.made.clear()

    assert catalog.of("hashing:16") is catalog.of("hashing:16")
    assert catalog.of("hashing:8") is catalog.configured
    assert workshop.made == [EmbedderRecord("hashing:16", "hashing:16", "http://old", None)]


def test_what_a_setting_says_today_goes_before_what_it_said_then(database: Database) -> None:
    store, workshop = EmbedderStore(database), Workshop()
    for url in ("http://old", "http://moved"):
        EmbedderCatalog("hashing:16", url, store, workshop.make).remember()

    assert store.get("hashing:16") == EmbedderRecord("hashing:16", "hashing:16", "http://moved", None)


@pytest.mark.parametrize(
    ("fingerprint", "why"), [("gone", "no such folder"), ("hashing:4|other", "what is there now is hashing:4")]
)
def test_an_embedder_that_cannot_be_had_says_what_to_do_and_is_not_asked_for_again_at_once(
    database: Database, fingerprint: str, why: str
) -> None:
    workshop = Workshop()
    catalog = EmbedderCatalog("hashing:8", None, EmbedderStore(database), workshop.make)
    workshop.made.clear()

    for _ in range(2):
        with pytest.raises(ModelUnavailable, match=rf"{fingerprint.partition('|')[0]}.*openbook reindex.*{why}"):
            catalog.of(fingerprint)
    assert len(workshop.made) == 1
