"""What a study keeps: its questions, answers, planned ratings with their votes, and who skipped which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "studies",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("arms", sa.JSON, nullable=False),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.Column("experiments", sa.JSON, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
    )
    op.create_table(
        "study_questions",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("study_id", sa.Text, sa.ForeignKey("studies.id"), nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("article", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("facts", sa.JSON),
        sa.Column("history", sa.JSON, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.UniqueConstraint("study_id", "id", name="study_questions_study_id_id_key"),
    )
    op.create_table(
        "study_answers",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("study_id", sa.Text, sa.ForeignKey("studies.id"), nullable=False),
        sa.Column("arm_name", sa.Text, nullable=False),
        sa.Column("question_id", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False, index=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("arm", sa.JSON),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("passages", sa.JSON, nullable=False),
        sa.Column("prompt", sa.JSON, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("first_token_s", sa.Float),
        sa.Column("total_s", sa.Float, nullable=False),
        sa.Column("prompt_tokens", sa.Integer, nullable=False),
        sa.Column("new_tokens", sa.Integer, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.UniqueConstraint("study_id", "arm_name", "question_id", name="study_answers_question_key"),
    )
    op.create_table(
        "ratings",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("study_id", sa.Text, sa.ForeignKey("studies.id"), nullable=False, index=True),
        sa.Column("question_id", sa.Text, nullable=False),
        sa.Column("left", sa.Text, nullable=False),
        sa.Column("right", sa.Text, nullable=False),
        sa.Column("repeats", sa.Text),
        sa.Column("second_to", sa.Text, index=True),
        sa.Column("rater", sa.Text),
        sa.Column("reserved_until", moment),
        sa.Column("choice", sa.Text),
        sa.Column("criteria", sa.JSON, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("guessed_left", sa.Text),
        sa.Column("place", sa.Integer),
        sa.Column("rated_at", moment),
        sa.Column("final", sa.Boolean, nullable=False),
        sa.UniqueConstraint("study_id", "place", name="ratings_study_id_place_key"),
    )
    op.create_index("ratings_study_id_rater_idx", "ratings", ["study_id", "rater"])
    op.create_table(
        "rating_skips",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("rating_id", sa.Text, sa.ForeignKey("ratings.id"), nullable=False),
        sa.Column("rater", sa.Text, nullable=False),
        sa.UniqueConstraint("rating_id", "rater", name="rating_skips_rating_id_rater_key"),
    )
