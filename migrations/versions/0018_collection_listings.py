"""Lists of one collection's documents come sorted by name or by change too, without all of them being sorted."""

import sqlalchemy as sa
from alembic import op

revision = "0018_collection_listings"
down_revision = "0017_uploaders"
branch_labels = None
depends_on = None

BY_NAME = "ix_documents_collection_by_name"
BY_CHANGE = "ix_documents_collection_id_updated_at_id"


def upgrade() -> None:
    op.create_index(BY_NAME, "documents", ["collection_id", sa.text("lower(name)"), "id"])
    op.create_index(BY_CHANGE, "documents", ["collection_id", "updated_at", "id"])


def downgrade() -> None:
    op.drop_index(BY_CHANGE, "documents")
    op.drop_index(BY_NAME, "documents")
