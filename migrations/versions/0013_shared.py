"""Whether an answer's asker shares it; those from before are not shared."""

import sqlalchemy as sa
from alembic import op

revision = "0013_shared"
down_revision = "0012_listings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("shared", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("messages", "shared")
