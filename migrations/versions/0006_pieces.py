"""Vectors that are written ahead of a publication know their job; jobs count the pages or chunks that are done."""

import sqlalchemy as sa
from alembic import op

revision = "0006_pieces"
down_revision = "0005_redact"
branch_labels = None
depends_on = None

AHEAD = sa.text("job_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("embeddings", sa.Column("job_id", sa.String(length=40), nullable=True))
    op.create_index("ix_embeddings_job_id", "embeddings", ["job_id"], sqlite_where=AHEAD, postgresql_where=AHEAD)
    op.add_column("jobs", sa.Column("done", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("total", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_index("ix_embeddings_job_id", "embeddings")
    for table, column in (("embeddings", "job_id"), ("jobs", "done"), ("jobs", "total")):
        op.drop_column(table, column)
