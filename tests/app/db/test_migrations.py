"""What an older Openbook left in a database is there after the upgrade."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text

import migrations
from app.db.database import Database
from app.db.library.documents import DocumentStore
from ingestion.types import DocumentId
from retrieval.types import CollectionId, Scope
from tests import postgresql
from tests.conftest import BACKENDS

FOUNDATION = (
    "INSERT INTO collections (id, name, generation, fingerprint, seq, created_at) VALUES "
    "(1, 'default', 1, 'packaged-minilm|5e|mean|254||', 1, '2026-01-02 03:04:05'), "
    "(2, 'empty', 1, 'hashing:8', 0, '2026-01-02 03:04:05')",
    "INSERT INTO documents (id, collection_id, name, metadata, created_at, updated_at) VALUES "
    "('doc_1', 1, 'a.md', '{{}}', '2026-01-02 03:04:05', '2026-01-02 03:04:05')",
    "INSERT INTO versions (id, document_id, number, blob_key, sha256, size, media_type, status, title, metadata, "
    "warnings, created_at) VALUES (7, 'doc_1', 1, 'b', 's', 1, 'text/plain', 'ready', 'A', '{{}}', '[]', "
    "'2026-01-02 03:04:05')",
    "INSERT INTO jobs (id, document_id, version_id, status, stage, priority, attempts, max_attempts, run_after, "
    "progress, cancel_requested, created_at, updated_at) VALUES ('job_1', 'doc_1', 7, 'succeeded', 'publish', 0, 1, 3, "
    "0, 1, false, '2026-01-02 03:04:05', '2026-01-02 03:04:05')",
    "INSERT INTO embeddings (id, collection_id, fingerprint, key, vector, sentence_vectors) VALUES "
    "(1, 1, 'packaged-minilm|5e|mean|254||', 'k', {vector}, {vector})",
)

SCOPE = Scope(frozenset({CollectionId(1)}))
MOMENT = "'2026-01-02 03:04:05'"
DESCRIBED = f"""
INSERT INTO collections (id, name, generation, fingerprint, seq, created_at) VALUES (1, 'default', 1, 'f', 0, {MOMENT});
INSERT INTO documents (id, collection_id, name, metadata, created_at, updated_at)
    VALUES ('doc_1', 1, 'told.md', '{{"title": "Told", "year": 2026}}', {MOMENT}, {MOMENT}),
           ('doc_2', 1, 'plain.md', '{{}}', {MOMENT}, {MOMENT});
INSERT INTO versions (id, document_id, number, blob_key, sha256, size, media_type, status, title, metadata, warnings,
                      created_at, published_at)
    VALUES (1, 'doc_1', 1, '1/a', 'a', 1, 'text/markdown', 'ready', 'Told',
            '{{"title": "Told", "year": 2026, "author": "Ada"}}', '[]', {MOMENT}, {MOMENT}),
           (2, 'doc_2', 1, '1/b', 'b', 1, 'text/markdown', 'ready', 'Plain',
            '{{"author": "Ada", "created": "2020-05-06"}}', '[]', {MOMENT}, {MOMENT});
UPDATE documents SET live_version_id = 1 WHERE id = 'doc_1';
UPDATE documents SET live_version_id = 2 WHERE id = 'doc_2'
"""


@pytest.fixture(params=BACKENDS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'old.db'}"
    cluster = cast("postgresql.Cluster", request.getfixturevalue("cluster"))
    return cluster.create(f"upgraded_{secrets.token_hex(4)}")


def test_collections_and_jobs_of_the_first_release_outlive_the_upgrade_and_back(old: str) -> None:
    engine = create_engine(old)
    vector = "'\\x00010203'::bytea" if engine.dialect.name == "postgresql" else "X'00010203'"
    with engine.begin() as connection:
        config = _config(connection)
        command.upgrade(config, "0001_foundation")
        for statement in FOUNDATION:
            connection.execute(text(statement.format(vector=vector).replace(":bytea", "\\:bytea")))
        command.upgrade(config, "head")
        assert _rows(connection, "SELECT fingerprint, model, url, dim FROM embedders ORDER BY model") == [
            ("hashing:8", "hashing:8", None, None),
            ("packaged-minilm|5e|mean|254||", "packaged-minilm", None, 2),
        ]
        assert _rows(connection, "SELECT id, version_id, generation, status FROM jobs") == [
            ("job_1", 7, 0, "succeeded")
        ]
        assert _rows(connection, "SELECT name, generation, pipeline FROM collections ORDER BY id") == [
            ("default", 1, None),
            ("empty", 1, None),
        ]
        command.downgrade(config, "0001_foundation")
        assert _rows(connection, "SELECT id, version_id FROM jobs") == [("job_1", 7)]
        command.upgrade(config, "head")
    engine.dispose()


def test_documents_of_the_first_release_keep_their_words_and_can_get_others(old: str) -> None:
    engine = create_engine(old)
    with engine.begin() as connection:
        command.upgrade(_config(connection), "0001_foundation")
        for statement in DESCRIBED.split(";"):
            connection.execute(text(statement.replace(": ", r"\: ")))
    engine.dispose()
    database = Database(old)
    database.migrate()

    documents = DocumentStore(database)
    told, plain = (documents.get(DocumentId(each), SCOPE) for each in ("doc_1", "doc_2"))
    assert (told.name, told.title, told.metadata) == (
        "told.md",
        "Told",
        {"title": "Told", "year": 2026, "author": "Ada"},
    )
    assert (plain.name, plain.title, plain.metadata) == (
        "plain.md",
        "Plain",
        {"author": "Ada", "created": "2020-05-06"},
    )
    assert (told.effective_at, plain.effective_at) == (None, datetime(2020, 5, 6, tzinfo=UTC))
    assert [version.name for version in documents.versions(told.id, SCOPE, 10, None).rows] == ["told.md"]
    told = documents.describe(told.id, None, {"year": 2027})
    plain = documents.describe(plain.id, "other.md", {"author": "Bob"})
    assert (told.title, told.metadata) == ("told", {"year": 2027, "author": "Ada"})
    assert (plain.name, plain.title, plain.metadata) == (
        "other.md",
        "Plain",
        {"author": "Bob", "created": "2020-05-06"},
    )
    database.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__ or "").parent))
    config.attributes["connection"] = connection
    return config


def _rows(connection: Connection, statement: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(text(statement))]
