"""Versions that are retired, logs that begin later, and originals that are to be deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0008_sweep"
down_revision = "0007_pins"
branch_labels = None
depends_on = None

RETIRED = sa.text("retired_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("versions", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_versions_retired_at", "versions", ["retired_at"], sqlite_where=RETIRED, postgresql_where=RETIRED
    )
    op.add_column("collections", sa.Column("log_start", sa.BigInteger(), nullable=False, server_default="1"))
    op.create_table(
        "dropped_blobs",
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_dropped_blobs"),
    )


def downgrade() -> None:
    op.drop_table("dropped_blobs")
    op.drop_column("collections", "log_start")
    op.drop_index("ix_versions_retired_at", "versions")
    op.drop_column("versions", "retired_at")
