"""API keys; the turns that a caller of the API brings along; why an answer ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "api_keys",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("arms", sa.JSON, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("used_at", moment),
        sa.Column("revoked_at", moment),
    )
    in_force = sa.text("revoked_at IS NULL")
    op.create_index(
        "api_keys_name_idx", "api_keys", ["name"], unique=True, sqlite_where=in_force, postgresql_where=in_force
    )
    op.add_column("chats", sa.Column("opening", sa.JSON, nullable=False, server_default="[]"))
    for table in ("answers", "study_answers"):
        op.add_column(table, sa.Column("reason", sa.Text, nullable=False, server_default=""))
