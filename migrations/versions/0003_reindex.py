"""Re-indexing: generations made beside the one that answers, and where each embedder is to be had."""

import sqlalchemy as sa
from alembic import op

revision = "0003_reindex"
down_revision = "0002_counts"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "embedders",
        sa.Column("fingerprint", sa.String(length=255), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("dim", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_embedders"),
    )
    op.create_table(
        "reindexes",
        sa.Column("collection_id", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("planned_to", sa.String(length=40), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("cancelled_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_reindexes_collection_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("collection_id", name="pk_reindexes"),
    )
    op.add_column("collections", sa.Column("pipeline", sa.Text(), nullable=True))
    op.add_column("collections", sa.Column("switched_at", MOMENT, nullable=True))
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("generation", sa.Integer(), nullable=False, server_default="0"))
        jobs.drop_constraint("uq_jobs_version_id", type_="unique")
        jobs.create_unique_constraint("uq_jobs_version_id_generation", ["version_id", "generation"])
    remember_embedders()


def downgrade() -> None:
    op.execute("DELETE FROM jobs WHERE generation <> 0")
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_constraint("uq_jobs_version_id_generation", type_="unique")
        jobs.create_unique_constraint("uq_jobs_version_id", ["version_id"])
        jobs.drop_column("generation")
    op.drop_column("collections", "switched_at")
    op.drop_column("collections", "pipeline")
    op.drop_table("reindexes")
    op.drop_table("embedders")


def remember_embedders() -> None:
    """A fingerprint begins with its model's name, and a stored vector is two bytes for each of its numbers."""
    name = "CASE WHEN {at} > 0 THEN substr(c.fingerprint, 1, {at} - 1) ELSE c.fingerprint END"
    at, length = "instr(c.fingerprint, '|')", "length"
    if op.get_context().dialect.name == "postgresql":
        at, length = "strpos(c.fingerprint, '|')", "octet_length"
    op.execute(
        "INSERT INTO embedders (fingerprint, model, dim) "  # noqa: S608 - no value of anybody's is in it
        f"SELECT DISTINCT c.fingerprint, {name.format(at=at)}, "
        f"(SELECT {length}(e.vector) / 2 FROM embeddings e WHERE e.fingerprint = c.fingerprint LIMIT 1) "
        "FROM collections c"
    )
