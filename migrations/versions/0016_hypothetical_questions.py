"""Questions that a language model says a text answers; before, none was asked."""

import sqlalchemy as sa
from alembic import op

revision = "0016_hypothetical_questions"
down_revision = "0015_calibrations"
branch_labels = None
depends_on = None

UNANSWERED = sa.text("texts IS NULL")


def upgrade() -> None:
    op.create_table(
        "hypothetical_questions",
        sa.Column("collection_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=True),
        sa.Column("lease_until", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name="fk_hypothetical_questions_collection_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("collection_id", "key", name="pk_hypothetical_questions"),
    )
    op.create_index(
        "ix_hypothetical_questions_collection_id",
        "hypothetical_questions",
        ["collection_id"],
        sqlite_where=UNANSWERED,
        postgresql_where=UNANSWERED,
    )


def downgrade() -> None:
    op.drop_table("hypothetical_questions")
