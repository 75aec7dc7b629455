"""What is printed on the pages of a placement, where that is not their number; unknown of those from before."""

import sqlalchemy as sa
from alembic import op

revision = "0010_page_labels"
down_revision = "0009_effective"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("placements", sa.Column("page_labels", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("placements", "page_labels")
