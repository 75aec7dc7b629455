"""Calibrations: below which evidence to abstain, per embedder."""

import sqlalchemy as sa
from alembic import op

revision = "0015_calibrations"
down_revision = "0014_adapters"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calibrations",
        sa.Column("fingerprint", sa.String(length=255), nullable=False),
        sa.Column("scale", sa.Integer(), nullable=False),
        sa.Column("abstain_below", sa.Float(precision=53), nullable=False),
        sa.Column("false_refusals", sa.Float(precision=53), nullable=False),
        sa.Column("answerable", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_calibrations"),
    )


def downgrade() -> None:
    op.drop_table("calibrations")
