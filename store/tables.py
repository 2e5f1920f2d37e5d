"""The tables as the program sees them; store/migrations/ makes the same tables in a database.

Every table has `seq`, an autoincrement that gives the order of events whatever the clock says.
"""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)


def clean(value: Any) -> Any:
    """The same text, or nested lists and dicts of text, without what a database refuses: NUL characters are
    dropped, halves of surrogate pairs are joined or, when alone, replaced by U+FFFD; infinite numbers and those that
    are none become None."""
    match value:
        case str():
            whole = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            return whole.replace("\0", "")
        case float():
            return value if math.isfinite(value) else None
        case list() | tuple():
            return [clean(item) for item in value]
        case dict():
            return {clean(key): clean(item) for key, item in value.items()}
    return value


def fold(text: str) -> str:
    """Text as it is searched: upper and lower case alike, composed and decomposed letters alike.

    Done here and stored beside the text because the databases disagree about letters outside ASCII.
    """
    return unicodedata.normalize("NFC", str(clean(text)).casefold())


class CleanText(TypeDecorator[str]):
    """Text that any database takes, in what is stored and in what is asked for."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return clean(value)


class CleanJson(TypeDecorator[Any]):
    """Lists and dicts with clean text; None is SQL's NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return clean(value)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, timezone-aware in Python on both databases; a naive one is taken for UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _in_utc(value)


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

chats = Table(
    "chats",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", CleanText, nullable=False, unique=True),
    Column("owner", CleanText, nullable=False, index=True),
    Column("kind", CleanText, nullable=False),
    Column("title", CleanText, nullable=False),
    Column("specs", CleanJson, nullable=False),
    Column("left", CleanText, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("opening", CleanJson, nullable=False, server_default="[]"),
    Column("split", CleanText, nullable=False, server_default="", index=True),
    Column("split_arm", CleanText, nullable=False, server_default=""),
    Column("created_at", Moment, nullable=False),
)

questions = Table(
    "questions",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", CleanText, nullable=False, unique=True),
    Column("chat_id", CleanText, ForeignKey("chats.id"), nullable=False, index=True),
    Column("text", CleanText, nullable=False),
    Column("folded", CleanText, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
)

answers = Table(
    "answers",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", CleanText, nullable=False, unique=True),
    Column("question_id", CleanText, ForeignKey("questions.id"), nullable=False, index=True),
    Column("lane", CleanText, nullable=False),
    # What can be filtered by, also contained in `arm`: the full identity. All four are NULL together.
    Column("arm_name", CleanText),
    Column("template", CleanText),
    Column("adapter", CleanText),
    Column("arm", CleanJson),
    Column("text", CleanText, nullable=False),
    Column("folded", CleanText, nullable=False),
    Column("passages", CleanJson, nullable=False),
    Column("prompt", CleanJson, nullable=False),
    Column("outcome", CleanText, nullable=False),
    Column("reason", CleanText, nullable=False, server_default=""),
    Column("error", CleanText, nullable=False),
    Column("first_token_s", Float),
    Column("total_s", Float, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("new_tokens", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
)

pairs = Table(
    "pairs",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", CleanText, nullable=False, unique=True),
    Column("question_id", CleanText, ForeignKey("questions.id"), nullable=False, index=True),
    Column("left_answer", CleanText, ForeignKey("answers.id"), nullable=False),
    Column("right_answer", CleanText, ForeignKey("answers.id"), nullable=False),
)

votes = Table(
    "votes",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", CleanText, nullable=False, unique=True),
    Column("pair_id", CleanText, ForeignKey("pairs.id"), nullable=False),
    Column("rater", CleanText, nullable=False),
    Column("choice", CleanText, nullable=False),
    Column("criteria", CleanJson, nullable=False),
    Column("comment", CleanText, nullable=False),
    Column("guessed_left", CleanText),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("pair_id", "rater", name="votes_pair_id_rater_key"),
)

thumbs = Table(
    "thumbs",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("answer_id", CleanText, ForeignKey("answers.id"), nullable=False),
    Column("rater", CleanText, nullable=False),
    Column("value", Integer, nullable=False),
    Column("comment", CleanText, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("answer_id", "rater", name="thumbs_answer_id_rater_key"),
)

studies = Table(
    "studies",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", CleanText, nullable=False, unique=True),
    Column("plan", CleanJson, nullable=False),
    Column("arms", CleanJson, nullable=False),
    Column("notes", CleanJson, nullable=False),
    Column("experiments", CleanJson, nullable=False),
    Column("status", CleanText, nullable=False),
    Column("message", CleanText, nullable=False),
    Column("created_at", Moment, nullable=False),
)

study_questions = Table(
    "study_questions",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("study_id", CleanText, ForeignKey("studies.id"), nullable=False),
    Column("id", CleanText, nullable=False),
    Column("topic", CleanText, nullable=False),
    Column("article", CleanText),
    Column("kind", CleanText, nullable=False),
    Column("question", CleanText, nullable=False),
    Column("facts", CleanJson),
    Column("history", CleanJson, nullable=False),
    Column("reference", CleanText, nullable=False),
    Column("area", CleanText, nullable=False, server_default=""),
    UniqueConstraint("study_id", "id", name="study_questions_study_id_id_key"),
)

study_answers = Table(
    "study_answers",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("study_id", CleanText, ForeignKey("studies.id"), nullable=False),
    Column("arm_name", CleanText, nullable=False),  # in the study; `arm` is what made the answer
    Column("question_id", CleanText, nullable=False),
    Column("digest", CleanText, nullable=False, index=True),  # of what made it and of the words that it answers
    Column("id", CleanText, nullable=False),  # not unique: a study may take over what another has asked already
    Column("lane", CleanText, nullable=False),
    Column("arm", CleanJson),
    Column("text", CleanText, nullable=False),
    Column("passages", CleanJson, nullable=False),
    Column("prompt", CleanJson, nullable=False),
    Column("outcome", CleanText, nullable=False),
    Column("reason", CleanText, nullable=False, server_default=""),
    Column("error", CleanText, nullable=False),
    Column("first_token_s", Float),
    Column("total_s", Float, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("new_tokens", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("study_id", "arm_name", "question_id", name="study_answers_question_key"),
)

ratings = Table(
    "ratings",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", CleanText, nullable=False, unique=True),
    Column("study_id", CleanText, ForeignKey("studies.id"), nullable=False, index=True),
    Column("question_id", CleanText, nullable=False),
    Column("left", CleanText, nullable=False),
    Column("right", CleanText, nullable=False),
    Column("repeats", CleanText),
    Column("second_to", CleanText, index=True),
    Column("rater", CleanText),
    Column("reserved_until", Moment),
    Column("choice", CleanText),
    Column("criteria", CleanJson, nullable=False),
    Column("comment", CleanText, nullable=False),
    Column("guessed_left", CleanText),
    Column("place", Integer),
    Column("rated_at", Moment),
    Column("final", Boolean, nullable=False),
    UniqueConstraint("study_id", "place", name="ratings_study_id_place_key"),
    Index("ratings_study_id_rater_idx", "study_id", "rater"),
)

rating_skips = Table(
    "rating_skips",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("rating_id", CleanText, ForeignKey("ratings.id"), nullable=False),
    Column("rater", CleanText, nullable=False),
    UniqueConstraint("rating_id", "rater", name="rating_skips_rating_id_rater_key"),
)

splits = Table(
    "splits",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", CleanText, nullable=False, unique=True),
    Column("name", CleanText, nullable=False, unique=True),
    Column("plan", CleanJson, nullable=False),
    Column("made", CleanJson, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    # Only one runs at a time: all that have not ended would be the same here.
    Column("open", Boolean),
    UniqueConstraint("open", name="splits_open_key"),
)

redactions = Table(
    "redactions",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("kind", CleanText, nullable=False, unique=True),
    Column("count", Integer, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("who", CleanText, nullable=False),
    Column("what", CleanText, nullable=False),
    Column("counts", CleanJson, nullable=False),
    Column("at", Moment, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("name", CleanText, nullable=False, unique=True),
    Column("role", CleanText, nullable=False),
    Column("password_hash", CleanText, nullable=False),
    Column("created_at", Moment, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("digest", CleanText, nullable=False, unique=True),
    Column("name", CleanText, nullable=False, index=True),
    Column("until", Moment, nullable=False),
)

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("key", CleanText, nullable=False, unique=True),
    Column("count", Integer, nullable=False),
    Column("until", Float, nullable=False),  # seconds since 1970
)

IN_FORCE = text("revoked_at IS NULL")

api_keys = Table(
    "api_keys",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", CleanText, nullable=False, unique=True),
    Column("name", CleanText, nullable=False),
    Column("shown", CleanText, nullable=False),
    Column("digest", CleanText, nullable=False, unique=True),
    Column("arms", CleanJson, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("revoked_at", Moment),
    # A revoked key leaves its name to the next one.
    Index("api_keys_name_idx", "name", unique=True, sqlite_where=IN_FORCE, postgresql_where=IN_FORCE),
)
