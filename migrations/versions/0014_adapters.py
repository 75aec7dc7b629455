"""The adapter of the served model that answers over a collection are written with; before, none."""

import sqlalchemy as sa
from alembic import op

revision = "0014_adapters"
down_revision = "0013_shared"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("collections", sa.Column("adapter", sa.String(200), nullable=True))


def downgrade() -> None:
    op.drop_column("collections", "adapter")
