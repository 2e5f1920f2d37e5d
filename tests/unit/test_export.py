"""What a person who takes the ratings elsewhere relies on."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.export import COLUMNS, to_csv, to_jsonl
from core.types import Answer, Arm, Chat, Decoding, Exchange, Lane, Pair, Passage, Question, Thumb, Turn, Vote

MOMENT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
ARM = Arm(
    name="lora+prompt",
    model="base",
    model_hash="m1",
    template="desk",
    template_version=3,
    template_hash="t1",
    decoding=Decoding(max_new_tokens=99, temperature=0.5),
    adapter="support",
    adapter_hash="a1",
    index_version="i1",
)
CHAT = Chat("chat", "owner", kind="blind")
QUESTION = Question("question", "chat", "And by post?", created_at=MOMENT)
HISTORY: dict[Lane, tuple[Turn, ...]] = {
    "a": (Turn("user", "Hi"), Turn("assistant", "Good day.")),
    "b": (Turn("user", "Hi"), Turn("assistant", "Hello!")),
}
LEFT = Answer(
    "left-answer",
    "question",
    lane="b",
    arm=ARM,
    text="Yes, „by post“.\nTwo days.",
    passages=(Passage("p1", "post.md", "Post", "By post: two days.", 0.75, 12), Passage("p2", "faq.md", "FAQ", "?")),
    prompt=(Turn("system", "Be kind."), Turn("user", "And by post?")),
    outcome="complete",
    reason="length",
    first_token_s=0.25,
    total_s=1.5,
    prompt_tokens=40,
    new_tokens=8,
    created_at=MOMENT,
)
RIGHT = Answer("right-answer", "question", outcome="failed", error="no model", created_at=MOMENT)
PAIR = Pair("pair", "question", left_answer="left-answer", right_answer="right-answer")


def exchange(*votes: Vote, **changes: Any) -> Exchange:
    whole = Exchange(CHAT, QUESTION, answers=(RIGHT, LEFT), pair=PAIR, votes=votes, history=HISTORY)
    return replace(whole, **changes)


def vote(choice: str, rater: str = "ann", **changes: Any) -> Vote:
    return replace(Vote(f"vote-{rater}", "pair", rater, "tie", created_at=MOMENT), choice=choice, **changes)


def as_objects(*exchanges: Exchange) -> dict[str, dict[str, Any]]:
    return {found["answer_id"]: found for found in map(json.loads, to_jsonl(exchanges))}


def as_rows(*exchanges: Exchange) -> dict[str, dict[str, str]]:
    return {row["answer_id"]: row for row in csv.DictReader(to_csv(exchanges))}


def test_every_answer_is_one_line_of_jsonl() -> None:
    awkward = replace(LEFT, text="a\nb\r\nc\u2028d\u0085e\ud800")
    lines = list(to_jsonl([exchange(answers=(RIGHT, awkward)), exchange(answers=())]))
    assert [len(line.encode("utf-8").splitlines()) for line in lines] == [1, 1]
    assert len("".join(lines).splitlines()) == 2
    assert json.loads(lines[1])["messages"][-1]["content"] == awkward.text


def test_messages_are_the_customers_conversation_and_not_the_prompt() -> None:
    assert as_objects(exchange())["left-answer"]["messages"] == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "And by post?"},
        {"role": "assistant", "content": LEFT.text},
    ]
    assert as_objects(exchange())["right-answer"]["messages"][1]["content"] == HISTORY[RIGHT.lane][1].text


def test_a_whole_answer_comes_back_from_jsonl() -> None:
    found = as_objects(exchange())["left-answer"]
    decoding = found["arm"]["decoding"]
    rebuilt = Answer(
        id=found["answer_id"],
        question_id=found["question_id"],
        lane=found["lane"],
        arm=Arm(**found["arm"] | {"decoding": Decoding(**decoding | {"stop": tuple(decoding["stop"])})}),
        text=found["messages"][-1]["content"],
        passages=tuple(Passage(**passage) for passage in found["passages"]),
        prompt=tuple(Turn(turn["role"], turn["content"]) for turn in found["prompt"]),
        created_at=datetime.fromisoformat(found["answered_at"]),
        **{name: found[name] for name in ("outcome", "reason", "error", "first_token_s", "total_s")},
        **{name: found[name] for name in ("prompt_tokens", "new_tokens")},
    )
    assert asdict(rebuilt) == asdict(LEFT)


@pytest.mark.parametrize(
    ("choice", "left", "right"),
    [("left", "won", "lost"), ("right", "lost", "won"), ("tie", "tie", "tie"), ("both_bad", "both_bad", "both_bad")],
)
def test_a_vote_is_told_as_what_it_means_for_each_answer(choice: str, left: str, right: str) -> None:
    objects, rows = as_objects(exchange(vote(choice))), as_rows(exchange(vote(choice)))
    for answer_id, result in (("left-answer", left), ("right-answer", right)):
        assert [told["result"] for told in objects[answer_id]["votes"]] == [result]
        counts = {name: rows[answer_id][name] for name in ("won", "lost", "tie", "both_bad")}
        assert counts == dict.fromkeys(counts, "0") | {result: "1"}


def test_each_answer_gets_the_scores_of_its_own_side() -> None:
    scored = exchange(
        vote("left", criteria={"tone": (5, 2)}, comment="warm", guessed_left="lora"),
        vote("tie", rater="bob", criteria={"tone": (4, 2), "correctness": (1, 3)}),
    )
    objects, rows = as_objects(scored), as_rows(scored)
    assert [told["criteria"] for told in objects["left-answer"]["votes"]] == [
        {"tone": 5},
        {"tone": 4, "correctness": 1},
    ]
    assert [told["criteria"] for told in objects["right-answer"]["votes"]] == [
        {"tone": 2},
        {"tone": 2, "correctness": 3},
    ]
    assert (rows["left-answer"]["tone"], rows["right-answer"]["tone"]) == ("4.5", "2")
    assert rows["left-answer"]["helpfulness"] == ""
    assert [told["guessed_arm"] for told in objects["left-answer"]["votes"]] == ["lora", None]
    assert [told["guessed_arm"] for told in objects["right-answer"]["votes"]] == [None, None]


def test_an_answer_that_was_regenerated_away_has_no_part_in_the_vote() -> None:
    older = replace(LEFT, id="older")
    rated = exchange(vote("left"), answers=(older, RIGHT, LEFT))
    objects = as_objects(rated)
    assert objects["older"]["votes"] == []
    assert {name: found["latest"] for name, found in objects.items()} == {
        "older": False,
        "right-answer": True,
        "left-answer": True,
    }


def test_a_vote_on_another_pair_is_not_counted() -> None:
    elsewhere = exchange(vote("left", pair_id="another"), vote("tie", rater="bob"))
    assert [told["rater"] for told in as_objects(elsewhere)["left-answer"]["votes"]] == ["bob"]


def test_a_thumb_stays_with_its_answer() -> None:
    thumbed = exchange(thumbs=(Thumb("left-answer", "ann", -1, "too long"), Thumb("left-answer", "bob", 1)))
    rows = as_rows(thumbed)
    assert (rows["left-answer"]["thumbs_up"], rows["left-answer"]["thumbs_down"]) == ("1", "1")
    assert (rows["right-answer"]["thumbs_up"], rows["right-answer"]["thumbs_down"]) == ("0", "0")
    assert rows["left-answer"]["comments"] == "too long"
    assert [told["value"] for told in as_objects(thumbed)["left-answer"]["thumbs"]] == [-1, 1]


def test_the_csv_has_exactly_the_documented_columns() -> None:
    rows = list(csv.reader(to_csv([exchange()])))
    assert rows[0] == list(COLUMNS)
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert list(csv.reader(to_csv([]))) == [list(COLUMNS)]


def test_text_and_numbers_come_back_from_csv() -> None:
    row = as_rows(exchange())["left-answer"]
    assert row["answer"] == LEFT.text
    assert row["arm"] == "lora+prompt"
    assert (row["template_version"], row["temperature"], row["max_new_tokens"]) == ("3", "0.5", "99")
    assert (row["first_token_s"], row["total_s"], row["prompt_tokens"]) == ("0.25", "1.5", "40")
    assert row["sources"] == "post.md\nfaq.md"
    assert row["asked_at"] == "2026-02-03T04:05:06+00:00"
    assert row["latest"] == "true"


def test_an_answer_that_failed_before_its_arm_was_known_is_exported() -> None:
    assert as_objects(exchange())["right-answer"]["arm"] is None
    row = as_rows(exchange())["right-answer"]
    assert (row["arm"], row["outcome"], row["error"], row["first_token_s"]) == ("", "failed", "no model", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_text_becomes_a_formula_in_a_spreadsheet(start: str) -> None:
    attack = start + 'HYPERLINK("http://127.0.0.1","x")'
    hostile = exchange(
        question=replace(QUESTION, text=attack),
        answers=(replace(LEFT, text=attack, error=attack, passages=(Passage("p", attack, "", ""),)),),
        thumbs=(Thumb("left-answer", "ann", 1, attack),),
    )
    row = as_rows(hostile)["left-answer"]
    for column in ("question", "answer", "error", "sources", "comments"):
        assert row[column] == "'" + attack


def test_a_negative_number_is_not_taken_for_a_formula() -> None:
    assert as_rows(exchange(answers=(replace(LEFT, total_s=-0.5),)))["left-answer"]["total_s"] == "-0.5"


def test_a_long_export_is_made_line_by_line() -> None:
    def endless() -> Any:
        while True:
            yield exchange()

    assert json.loads(next(to_jsonl(endless())))["chat_id"] == "chat"
    lines = to_csv(endless())
    assert [len(next(lines)) > 0 for _ in range(5)] == [True] * 5


def test_a_chat_whose_arm_a_split_drew_names_both_in_columns_that_no_reader_of_transcripts_takes_for_its_own():
    drawn = exchange(chat=replace(CHAT, kind="chat", split="split-1", split_arm="new"))
    for row in (as_objects(drawn)["left-answer"], as_rows(drawn)["left-answer"]):
        assert (row["split_id"], row["split_arm"]) == ("split-1", "new")
        assert "split" not in row, "a reader would take it for train and test"
