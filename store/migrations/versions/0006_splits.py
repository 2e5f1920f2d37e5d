"""Splits: live chats shared out between arms, and the arm that was drawn for a chat."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "splits",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("made", sa.JSON, nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("ended_at", moment),
        sa.Column("open", sa.Boolean),
        sa.UniqueConstraint("open", name="splits_open_key"),
    )
    op.add_column("chats", sa.Column("split", sa.Text, nullable=False, server_default=""))
    op.add_column("chats", sa.Column("split_arm", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_chats_split", "chats", ["split"])
