"""The first tables: chats, questions, answers, pairs, votes, thumbs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "chats",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("owner", sa.Text, nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("specs", sa.JSON, nullable=False),
        sa.Column("left", sa.Text, nullable=False),
        sa.Column("locked", sa.Boolean, nullable=False),
        sa.Column("created_at", moment, nullable=False),
    )
    op.create_table(
        "questions",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("chat_id", sa.Text, sa.ForeignKey("chats.id"), nullable=False, index=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("created_at", moment, nullable=False, index=True),
    )
    op.create_table(
        "answers",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("question_id", sa.Text, sa.ForeignKey("questions.id"), nullable=False, index=True),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("arm_name", sa.Text),
        sa.Column("template", sa.Text),
        sa.Column("adapter", sa.Text),
        sa.Column("arm", sa.JSON),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("passages", sa.JSON, nullable=False),
        sa.Column("prompt", sa.JSON, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("first_token_s", sa.Float),
        sa.Column("total_s", sa.Float, nullable=False),
        sa.Column("prompt_tokens", sa.Integer, nullable=False),
        sa.Column("new_tokens", sa.Integer, nullable=False),
        sa.Column("created_at", moment, nullable=False),
    )
    op.create_table(
        "pairs",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("question_id", sa.Text, sa.ForeignKey("questions.id"), nullable=False, index=True),
        sa.Column("left_answer", sa.Text, sa.ForeignKey("answers.id"), nullable=False),
        sa.Column("right_answer", sa.Text, sa.ForeignKey("answers.id"), nullable=False),
    )
    op.create_table(
        "votes",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("pair_id", sa.Text, sa.ForeignKey("pairs.id"), nullable=False),
        sa.Column("rater", sa.Text, nullable=False),
        sa.Column("choice", sa.Text, nullable=False),
        sa.Column("criteria", sa.JSON, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("guessed_left", sa.Text),
        sa.Column("created_at", moment, nullable=False),
        sa.UniqueConstraint("pair_id", "rater", name="votes_pair_id_rater_key"),
    )
    op.create_table(
        "thumbs",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("answer_id", sa.Text, sa.ForeignKey("answers.id"), nullable=False),
        sa.Column("rater", sa.Text, nullable=False),
        sa.Column("value", sa.Integer, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.UniqueConstraint("answer_id", "rater", name="thumbs_answer_id_rater_key"),
    )
