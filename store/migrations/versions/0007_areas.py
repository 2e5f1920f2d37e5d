"""Areas of test questions: each holds several topics."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("study_questions", sa.Column("area", sa.Text, nullable=False, server_default=""))
