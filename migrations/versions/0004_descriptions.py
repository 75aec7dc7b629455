"""Versions keep their name, what the uploader said of them and what their file says of itself."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004_descriptions"
down_revision = "0003_reindex"
branch_labels = None
depends_on = None

BATCH = 1000
DOCUMENTS = sa.table("documents", sa.column("id"), sa.column("name"), sa.column("metadata", sa.JSON()))
VERSIONS = sa.table(
    "versions",
    sa.column("id", sa.BigInteger()),
    *(sa.column(name, sa.Text()) for name in ("document_id", "title", "name", "own_title")),
    *(sa.column(name, sa.JSON()) for name in ("metadata", "given_metadata", "own_metadata")),
)
KEPT = {"sqlite_autoincrement": True}  # which SQLite does not tell of itself when a table is rebuilt
NEW = ("name", "own_title", "given_metadata", "own_metadata")


def upgrade() -> None:
    for column in NEW:
        op.add_column("versions", sa.Column(column, VERSIONS.c[column].type))
    update = sa.update(VERSIONS).where(VERSIONS.c.id == sa.bindparam("version"))
    values = {column: sa.bindparam(f"new_{column}", type_=VERSIONS.c[column].type) for column in NEW}
    for rows in batches(op.get_bind()):
        op.get_bind().execute(update.values(values), [told(row) for row in rows])
    with op.batch_alter_table("versions", table_kwargs=KEPT) as versions:
        for column in NEW:
            versions.alter_column(column, nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("versions", table_kwargs=KEPT) as versions:
        for column in NEW:
            versions.drop_column(column)


def batches(connection: sa.Connection) -> Iterator[Sequence[sa.Row[Any]]]:
    statement = (
        sa.select(VERSIONS.c.id, VERSIONS.c.title, VERSIONS.c.metadata, DOCUMENTS.c.name)
        .add_columns(DOCUMENTS.c.metadata.label("given"))
        .join(DOCUMENTS, DOCUMENTS.c.id == VERSIONS.c.document_id)
        .order_by(VERSIONS.c.id)
        .limit(BATCH)
    )
    last = 0
    while rows := connection.execute(statement.where(VERSIONS.c.id > last)).all():
        yield rows
        last = rows[-1].id


def told(row: sa.Row[Any]) -> dict[str, Any]:
    """Only the outcome was kept so far: what the uploader did not say, the file did."""
    return {
        "version": row.id,
        "new_name": row.name,
        "new_own_title": "" if "title" in row.given else row.title,
        "new_given_metadata": row.given,
        "new_own_metadata": {key: value for key, value in row.metadata.items() if key not in row.given},
    }
