"""Counts: what each step before indexing found or left out, per version; versions from before have none."""

import sqlalchemy as sa
from alembic import op

revision = "0002_counts"
down_revision = "0001_foundation"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("versions", sa.Column("counts", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("versions", "counts")
