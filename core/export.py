"""Exchanges as lines for other programs: JSONL for fine-tuning and rating elsewhere, CSV for a spreadsheet.

Both give one line an answer; a question without an answer gives none. Write either with encoding="utf-8" and
newline="" (for CSV that Excel shall open by itself: "utf-8-sig").

JSONL, one object a line, with the keys
- messages: `[{role, content}]` of the customer's conversation: the past turns of its lane, the question, this answer
- chat_id, kind (chat, open or blind), split_id (of the split that drew the chat's arm, '' without one), split_arm (the
  arm's name in it), question_id, answer_id, lane
- latest: whether this answer counts in its lane, false where it was regenerated
- withdrawn: whether the question was edited away or undone
- asked_at, answered_at: ISO 8601, UTC
- arm: the full identity of what made the answer (see core.types.Arm), null when it failed before that was known
- prompt: `[{role, content}]` as the model got it
- passages: `[{id, source, title, text, score, start}]`, best first
- outcome (complete, stopped or failed), reason (why it ended so, see core.types.Answer), error
- first_token_s (null when no token came), total_s: seconds; prompt_tokens, new_tokens
- thumbs: `[{rater, value (+1 or -1), comment, created_at}]`
- votes: `[{rater, result (won, lost, tie or both_bad, for this answer), criteria ({name: 1 to 5}, this answer's
  side), comment, guessed_arm (null unless this side's arm was guessed), created_at}]`

CSV: the columns are COLUMNS; a cell of text that a spreadsheet would take for a formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from statistics import mean
from typing import Any, Literal

from core.types import CRITERIA, Answer, Choice, Exchange, Thumb, Turn, Vote

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # how one begins

Result = Literal["won", "lost", "tie", "both_bad"]
Side = Literal["left", "right"]

COLUMNS: dict[str, str] = {
    "chat_id": "identifier of the chat",
    "kind": "chat, open or blind",
    "split_id": "identifier of the split that drew the chat's arm",
    "split_arm": "name of the arm in that split",
    "question_id": "identifier of the question",
    "answer_id": "identifier of the answer",
    "lane": "a or b",
    "latest": "true when this answer counts in its lane, false when it was regenerated",
    "withdrawn": "true when the question was edited away or undone",
    "asked_at": "moment of the question, ISO 8601, UTC",
    "answered_at": "moment of the answer, ISO 8601, UTC",
    "question": "the customer's message",
    "answer": "the text of the answer",
    "sources": "sources of the passages, best first, separated by line breaks",
    "arm": "bare, prompt, lora or lora+prompt",
    "model": "name of the base model",
    "model_hash": "hash of the base model",
    "template": "name of the template",
    "template_version": "version of the template",
    "template_hash": "hash of the template",
    "adapter": "name of the adapter",
    "adapter_hash": "hash of the adapter",
    "index_version": "version of the document index",
    "engine": "what ran the weights, and their precision",
    "max_new_tokens": "decoding: most tokens an answer may have",
    "temperature": "decoding: 0 is greedy",
    "top_p": "decoding: nucleus",
    "repetition_penalty": "decoding: 1 is none",
    "stop": "decoding: texts that the answer ends before, separated by line breaks",
    "outcome": "complete, stopped or failed",
    "reason": "stop or length when complete, the kind of error when failed",
    "error": "why it failed",
    "first_token_s": "seconds to the first token",
    "total_s": "seconds to the end",
    "prompt_tokens": "tokens of the prompt",
    "new_tokens": "tokens of the answer",
    "thumbs_up": "number of thumbs up",
    "thumbs_down": "number of thumbs down",
    "won": "number of votes this answer won",
    "lost": "number of votes this answer lost",
    "tie": "number of votes that saw no difference",
    "both_bad": "number of votes that found both bad",
    **{name: f"mean {name} over the votes, 1 to 5" for name in CRITERIA},
    "comments": "comments of thumbs and votes, separated by line breaks",
}


def to_jsonl(exchanges: Iterable[Exchange]) -> Iterator[str]:
    """Lines of JSON, each with its line break; ASCII with escapes, so that no reader breaks a line elsewhere."""
    for exchange, answer in _answers(exchanges):
        yield json.dumps(_document(exchange, answer)) + "\n"


def to_csv(exchanges: Iterable[Exchange]) -> Iterator[str]:
    """Rows of CSV (RFC 4180), each with its line break; the first names the columns."""
    yield csv_row(COLUMNS)
    for exchange, answer in _answers(exchanges):
        cells = _cells(exchange, answer)
        yield csv_row(cells.get(column) for column in COLUMNS)


def csv_row(cells: Iterable[Any]) -> str:
    """One row of CSV with its line break, in which no text is a formula."""
    line = io.StringIO()
    csv.writer(line).writerow(map(_safe, cells))
    return line.getvalue()


def _answers(exchanges: Iterable[Exchange]) -> Iterator[tuple[Exchange, Answer]]:
    return ((exchange, answer) for exchange in exchanges for answer in exchange.answers)


def _document(exchange: Exchange, answer: Answer) -> dict[str, Any]:
    question = exchange.question
    past = exchange.history.get(answer.lane, ())
    conversation = (*past, Turn("user", question.text), Turn("assistant", answer.text))
    return {
        "messages": _messages(conversation),
        **_identity(exchange, answer),
        "arm": asdict(answer.arm) if answer.arm else None,
        "prompt": _messages(answer.prompt),
        "passages": [asdict(passage) for passage in answer.passages],
        **_outcome(answer),
        "thumbs": [_thumb(thumb) for thumb in _thumbs(exchange, answer)],
        "votes": [_vote(vote, side) for vote, side in _votes(exchange, answer)],
    }


def _cells(exchange: Exchange, answer: Answer) -> dict[str, Any]:
    thumbs = _thumbs(exchange, answer)
    votes = [_vote(vote, side) for vote, side in _votes(exchange, answer)]
    results = [vote["result"] for vote in votes]
    arm = asdict(answer.arm) if answer.arm else {"decoding": {}}
    scores = {name: [vote["criteria"][name] for vote in votes if name in vote["criteria"]] for name in CRITERIA}
    return {
        **_identity(exchange, answer),
        "question": exchange.question.text,
        "answer": answer.text,
        "sources": "\n".join(passage.source for passage in answer.passages),
        **arm,
        **arm["decoding"],
        "stop": "\n".join(arm["decoding"].get("stop", ())),
        "arm": arm.get("name"),
        **_outcome(answer),
        "thumbs_up": sum(thumb.value > 0 for thumb in thumbs),
        "thumbs_down": sum(thumb.value < 0 for thumb in thumbs),
        **{result: results.count(result) for result in ("won", "lost", "tie", "both_bad")},
        **{name: mean(found) for name, found in scores.items() if found},
        "comments": "\n".join(filter(None, [*(t.comment for t in thumbs), *(v["comment"] for v in votes)])),
    }


def _identity(exchange: Exchange, answer: Answer) -> dict[str, Any]:
    return {
        "chat_id": exchange.chat.id,
        "kind": exchange.chat.kind,
        "split_id": exchange.chat.split,
        "split_arm": exchange.chat.split_arm,
        "question_id": exchange.question.id,
        "answer_id": answer.id,
        "lane": answer.lane,
        "latest": exchange.latest(answer.lane) == answer,
        "withdrawn": exchange.withdrawn,
        "asked_at": exchange.question.created_at.isoformat(),
        "answered_at": answer.created_at.isoformat(),
    }


def _outcome(answer: Answer) -> dict[str, Any]:
    return {
        "outcome": answer.outcome,
        "reason": answer.reason,
        "error": answer.error,
        "first_token_s": answer.first_token_s,
        "total_s": answer.total_s,
        "prompt_tokens": answer.prompt_tokens,
        "new_tokens": answer.new_tokens,
    }


def _messages(turns: Iterable[Turn]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.text} for turn in turns]


def _thumbs(exchange: Exchange, answer: Answer) -> list[Thumb]:
    return [thumb for thumb in exchange.thumbs if thumb.answer_id == answer.id]


def _thumb(thumb: Thumb) -> dict[str, Any]:
    return {
        "rater": thumb.rater,
        "value": thumb.value,
        "comment": thumb.comment,
        "created_at": thumb.created_at.isoformat(),
    }


def _votes(exchange: Exchange, answer: Answer) -> list[tuple[Vote, Side]]:
    """The votes on the pair this answer was shown in, each with the answer's side."""
    pair = exchange.pair
    if pair is None or answer.id not in (pair.left_answer, pair.right_answer):
        return []
    side: Side = "left" if answer.id == pair.left_answer else "right"
    return [(vote, side) for vote in exchange.votes if vote.pair_id == pair.id]


def _vote(vote: Vote, side: Side) -> dict[str, Any]:
    return {
        "rater": vote.rater,
        "result": _result(vote.choice, side),
        "criteria": {name: scores[side == "right"] for name, scores in vote.criteria.items()},
        "comment": vote.comment,
        "guessed_arm": vote.guessed_left if side == "left" else None,
        "created_at": vote.created_at.isoformat(),
    }


def _result(choice: Choice, side: Side) -> Result:
    if choice == "tie" or choice == "both_bad":
        return choice
    return "won" if choice == side else "lost"


def _safe(cell: Any) -> Any:
    """Numbers stay numbers; text never begins like a formula (https://owasp.org/www-community/attacks/CSV_Injection).

    What begins with apostrophes and a formula gets one more, so that taking one away gives what was said.
    """
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, str) and cell.lstrip("'").startswith(FORMULA):
        return "'" + cell
    return cell
