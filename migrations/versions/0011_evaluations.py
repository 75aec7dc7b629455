"""Evaluations: the summaries of finished runs."""

import sqlalchemy as sa
from alembic import op

revision = "0011_evaluations"
down_revision = "0010_page_labels"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evaluations"),
    )


def downgrade() -> None:
    op.drop_table("evaluations")
