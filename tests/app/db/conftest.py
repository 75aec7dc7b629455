import pytest

from app.db.database import Database
from tests.app.db.builders import World, world


@pytest.fixture
def here(database: Database) -> World:
    """Every store, on SQLite and on PostgreSQL."""
    return world(database)
