"""Bringing a database's schema to the code's, under a lock, from the migrations that the package carries."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select, text

import migrations
from app.db.errors import SchemaTooNew
from app.db.sql import MIGRATION_LOCK


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Upgrade to a revision in one transaction; whoever comes second finds nothing to do. Raises SchemaTooNew."""
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        _without_foreign_keys(connection)  # a table that is rebuilt must not cascade; a no-op inside a transaction
        try:
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SET LOCAL statement_timeout = 0"))
                    connection.execute(text("SET LOCAL lock_timeout = 0"))
                    connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
                if _is_behind(connection, scripts):
                    config.attributes["connection"] = connection
                    command.upgrade(config, revision)
                    _check_foreign_keys(connection)
        finally:
            connection.invalidate()  # closes it: its settings are not those of the pool's others


def current(connection: Connection) -> str | None:
    """The revision that the database is at; None where there is no schema yet."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The revision that this code's tables have."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def is_known(revision: str) -> bool:
    """Whether this code's migrations lead over that revision."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    folder = Path(migrations.__file__ or "").parent
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def _is_behind(connection: Connection, scripts: ScriptDirectory) -> bool:
    heads = set(MigrationContext.configure(connection).get_current_heads())
    known = {script.revision for script in scripts.walk_revisions()}
    if unknown := heads - known:
        raise SchemaTooNew(
            f"the database is at revision {', '.join(sorted(unknown))}, which this Openbook does not know: "
            "run the newer version, or restore a backup from before its upgrade"
        )
    return heads != set(scripts.get_heads())


def _without_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        cursor = connection.connection.cursor()  # the raw driver's, before any transaction begins
        cursor.execute("PRAGMA foreign_keys = OFF")
        cursor.close()


def _check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise RuntimeError(f"the migration broke a reference of table {broken[0]}")
