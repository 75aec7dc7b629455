"""From when on a document's content holds, per version: read off the metadata that is there already."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009_effective"
down_revision = "0008_sweep"
branch_labels = None
depends_on = None

BATCH = 1000
DATED_BY = ("effective_at", "published", "modified", "created")
VERSIONS = sa.table(
    "versions",
    sa.column("id", sa.BigInteger()),
    sa.column("metadata", sa.JSON()),
    sa.column("effective_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    op.add_column("versions", sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True))
    connection = op.get_bind()
    page = sa.select(VERSIONS.c.id, VERSIONS.c.metadata).order_by(VERSIONS.c.id).limit(BATCH)
    update = sa.update(VERSIONS).where(VERSIONS.c.id == sa.bindparam("version")).values(effective_at=sa.bindparam("at"))
    last = 0
    while rows := connection.execute(page.where(VERSIONS.c.id > last)).all():
        last = rows[-1].id
        dated = [{"version": row.id, "at": at} for row in rows if (at := told(row.metadata)) is not None]
        if dated:
            connection.execute(update, dated)


def downgrade() -> None:
    op.drop_column("versions", "effective_at")


def told(metadata: dict[str, Any]) -> datetime | None:
    """The first of the dates that can be read; files were dated by the day or the second so far."""
    for key in DATED_BY:
        try:
            found = datetime.fromisoformat(metadata[key])
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
    return None
