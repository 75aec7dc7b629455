"""Runs the migrations: on the connection that `Database.migrate` gives, or on the settings' from Alembic's command."""

from alembic import context
from sqlalchemy import Connection, create_engine

from app.db.tables import Base
from app.settings import Settings


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    settings = Settings()  # pyright: ignore[reportCallIssue] all have defaults
    with create_engine(settings.database).begin() as own:
        run(own)
