"""Whose upload each job is of, so that what one sends goes not before all of the others'; before, nobody's."""

import sqlalchemy as sa
from alembic import op

revision = "0017_uploaders"
down_revision = "0016_hypothetical_questions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("uploader", sa.String(40), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "uploader")
