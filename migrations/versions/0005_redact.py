"""What each collection wants blackened in the files that it takes in; those from before, nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0005_redact"
down_revision = "0004_descriptions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("collections", sa.Column("redact", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("collections", "redact")
