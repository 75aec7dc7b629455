"""Lists of documents come sorted by name or by change, and those that are not ready are found without a walk."""

import sqlalchemy as sa
from alembic import op

revision = "0012_listings"
down_revision = "0011_evaluations"
branch_labels = None
depends_on = None

UNREADY = sa.text("status <> 'ready'")


def upgrade() -> None:
    op.create_index("ix_documents_by_name", "documents", [sa.text("lower(name)"), "id"])
    op.create_index("ix_documents_updated_at_id", "documents", ["updated_at", "id"])
    op.create_index("ix_versions_status", "versions", ["status"], sqlite_where=UNREADY, postgresql_where=UNREADY)


def downgrade() -> None:
    op.drop_index("ix_versions_status", "versions")
    op.drop_index("ix_documents_updated_at_id", "documents")
    op.drop_index("ix_documents_by_name", "documents")
