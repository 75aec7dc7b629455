"""Alembic migrations of the one schema that SQLite and PostgreSQL share."""
