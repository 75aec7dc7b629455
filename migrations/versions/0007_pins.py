"""Pins: while a backup copies originals, none is deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0007_pins"
down_revision = "0006_pieces"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pins",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("until", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pins"),
    )


def downgrade() -> None:
    op.drop_table("pins")
