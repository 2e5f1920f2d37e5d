"""Looks at what a killed Duodesk has left, in a process of its own: everything acknowledged, once, and whole."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, make_url, text

from composition import compose
from core.parts import Parts
from core.personal_data import redact
from tests.kills.house import DOCUMENTS, PARTS, SECTIONS, TEMPLATES, House, passage

Said = Mapping[str, Any]


def problems(house: House, ledger: Sequence[Said], deaths: int) -> list[str]:
    """One sentence for each thing that is wrong. `ledger` is all that was ever acknowledged, oldest first; `deaths` is
    how many processes were killed, each of which may have left one thing of a kind and thread unacknowledged."""
    found = list(_sqlite(house)) if house.url.startswith("sqlite") else []
    parts = compose(house.settings)
    engine = parts.store._store._engine  # type: ignore[attr-defined]
    said: dict[str, list[Said]] = {}
    for line in ledger:
        said.setdefault(line["kind"], []).append(line)
    with engine.connect() as connection:
        found += _chats(connection, said)
        found += _votes(connection, said, deaths)
    found += _templates(parts, said)
    found += _index(parts, house, said)
    found += _adapters(parts, house)
    found += _backups(house, said)
    parts.store.close()
    return found


def _sqlite(house: House) -> Iterator[str]:
    connection = sqlite3.connect(str(make_url(house.url).database))
    for pragma, sound in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
        if (answer := connection.execute(f"PRAGMA {pragma}").fetchall()) != sound:
            yield f"PRAGMA {pragma} says {answer[:3]}"
    connection.close()


def _rows(connection: Connection, statement: str) -> list[Any]:
    return list(connection.execute(text(statement)))


def _missing(kind: str, wanted: Sequence[Any], there: Mapping[Any, Any]) -> Iterator[str]:
    for one in wanted:
        if one not in there:
            yield f"the acknowledged {kind} {one} is gone"


def _chats(connection: Connection, said: Mapping[str, Sequence[Said]]) -> Iterator[str]:
    chats = dict.fromkeys(row.id for row in _rows(connection, "SELECT id FROM chats"))
    questions = {row.id: row for row in _rows(connection, "SELECT id, chat_id, text FROM questions")}
    answers = {row.id: row for row in _rows(connection, "SELECT id, question_id, outcome, text FROM answers")}
    thumbs = {row.answer_id: row for row in _rows(connection, "SELECT answer_id, comment FROM thumbs")}
    yield from _missing("chat", [one["id"] for one in said.get("chat", [])], chats)
    yield from _missing("question", [one["id"] for one in said.get("question", [])], questions)
    yield from _missing("answer", [one["id"] for one in said.get("answer", [])], answers)
    yield from _missing("thumb", [one["answer"] for one in said.get("thumb", [])], thumbs)
    for one in said.get("question", []):
        row = questions.get(one["id"])
        if row and (row.chat_id, row.text) != (one["chat"], one["text"]):
            yield f"the question {one['id']} is not what was asked"
    for one in said.get("answer", []):
        row = answers.get(one["id"])
        if row and (row.question_id, row.outcome) != (one["question"], one["outcome"]):
            yield f"the answer {one['id']} is {row.outcome} to {row.question_id}, was {one['outcome']}"
        if row and one["text"] is not None and row.text != redact(one["text"])[0]:
            yield f"the answer {one['id']} has another text"
    for asked, count in Counter(row.text for row in questions.values()).items():
        if count > 1:
            yield f"'{asked}' is there {count} times"


def _votes(connection: Connection, said: Mapping[str, Sequence[Said]], deaths: int) -> Iterator[str]:
    of_chats = (
        "SELECT q.chat_id, v.choice, v.comment, c.locked FROM votes v JOIN pairs p ON p.id = v.pair_id "
        "JOIN questions q ON q.id = p.question_id JOIN chats c ON c.id = q.chat_id"
    )
    votes: dict[str, list[Any]] = {}
    for row in _rows(connection, of_chats):
        votes.setdefault(row.chat_id, []).append(row)
    for chat, rows in votes.items():
        if len(rows) > 1:
            yield f"the comparison {chat} has {len(rows)} votes"
    yield from _missing("vote on", [one["chat"] for one in said.get("vote", [])], votes)
    for one in said.get("vote", []):
        row = votes.get(one["chat"], [None])[0]
        if row and (row.choice, row.comment, bool(row.locked)) != (one["choice"], one["comment"], True):
            yield f"the vote on {one['chat']} is not what was given, or its comparison is open"
    rated = {
        row.id: row
        for row in _rows(connection, "SELECT id, rater, comment, place FROM ratings WHERE choice IS NOT NULL")
    }
    yield from _missing("rating", [one["id"] for one in said.get("rating", [])], rated)
    for one in said.get("rating", []):
        row = rated.get(one["id"])
        if row and (row.rater, row.comment) != (one["rater"], one["comment"]):
            yield f"the rating {one['id']} is {row.rater}'s '{row.comment}', was {one['rater']}'s '{one['comment']}'"
    given, unheard = len(said.get("rating", [])), len(rated) - len(said.get("rating", []))
    if len({one["id"] for one in said.get("rating", [])}) < given:
        yield "a pair was given to two raters, and both votes were taken"
    if unheard > 2 * deaths:  # two threads rate
        yield f"{unheard} ratings are there that nobody gave"
    if sorted(row.place for row in rated.values()) != list(range(1, len(rated) + 1)):
        yield "the votes' places are not 1 to their number"


def _templates(parts: Parts, said: Mapping[str, Sequence[Said]]) -> Iterator[str]:
    for name in TEMPLATES:
        if reason := parts.templates.problem(name):
            yield f"the template in force is broken: {reason}"
        versions = parts.templates.versions(name)[::-1]
        if [one.version for one in versions] != list(range(1, len(versions) + 1)):
            yield f"the versions of {name} are {[one.version for one in versions]}"
        notes = Counter(one.note for one in versions if one.note != "changed on disk")
        if doubled := [note for note, count in notes.items() if count > 1]:
            yield f"versions of {name} are there twice: {doubled}"
        by_number = {one.version: one for one in versions}
        acknowledged = [one for one in said.get("version", []) if one["name"] == name]
        for one in acknowledged:
            kept = by_number.get(one["version"])
            if kept is None or kept.note != one["note"] or one["note"] not in kept.yaml:
                yield f"version {one['version']} of {name} is not what was saved"
        if parts.templates.get(name).yaml != versions[-1].yaml:
            yield f"the template {name} in force is not its last version"
        if acknowledged and parts.templates.get(name).version < max(one["version"] for one in acknowledged):
            yield f"the template {name} went back"


def _index(parts: Parts, house: House, said: Mapping[str, Sequence[Said]]) -> Iterator[str]:
    """First as it was left: whole passages, none of them older than what was acknowledged. Then indexed to the end."""
    newest = dict.fromkeys(range(DOCUMENTS), 0)
    for one in said.get("indexed", []):
        newest[one["number"]] = max(newest[one["number"]], one["generation"])
    for number in range(DOCUMENTS):
        for section in range(SECTIONS):
            hits = parts.retriever.search(f"{PARTS[section]} of kind {number}", 50)
            texts = [hit.text.strip() for hit in hits if hit.source == f"kind-{number}.md"]
            editions = [edition for one in texts if (edition := _edition(one, number)) is not None]
            if len(editions) < len(texts):
                yield f"a passage of kind {number} is not whole: {texts}"
            if not any(edition >= newest[number] for edition in editions):
                yield f"the {PARTS[section]} of kind {number} is not found in edition {newest[number]}: {texts}"
    report = parts.retriever.index([house.documents])
    if report.failed:
        yield f"indexing fails: {report.failed}"
    expected = [(f"kind-{number}.md", SECTIONS) for number in range(DOCUMENTS)]
    if (found := parts.retriever.documents()) != expected:
        yield f"the index holds {found}"
    for source, _ in expected:
        if parts.retriever.document(source).strip() != (house.documents / source).read_text().strip():
            yield f"the text of {source} is not that of its file"


def _edition(text: str, number: int) -> int | None:
    """Of a passage that is exactly one of a document's, whatever its edition."""
    for section in range(SECTIONS):
        before, after = passage(number, 0, section).split("0. It")
        if text.startswith(before) and text.endswith(f". It{after}"):
            edition = text.removeprefix(before).removesuffix(f". It{after}")
            return int(edition) if edition.isdigit() else None
    return None


def _adapters(parts: Parts, house: House) -> Iterator[str]:
    """Whatever is offered can be loaded; a run that says it is done has left its adapter."""
    from backends.adapter_config import check_config
    from backends.adapter_import import check_fits, check_weights

    for name in parts.adapters.names():
        folder = house.folder / "adapters" / name
        try:
            check_config(name, folder)
            check_weights(name, folder)
            check_fits(name, folder, house.folder / "model")
            if name != "base" and parts.adapters.card(name).get("name") != name:
                yield f"the adapter {name} is offered without its card"
        except Exception as error:
            yield f"the adapter {name} is offered and broken: {error}"
    for run in parts.training.runs():
        if run.status == "failed":
            yield f"the run {run.id} failed: {run.message}"
        if run.status == "done" and run.plan.adapter not in parts.adapters.names():
            yield f"the run {run.id} is done, its adapter is not there"


def _backups(house: House, said: Mapping[str, Sequence[Said]]) -> Iterator[str]:
    """Those that have their name are whole. Looked at once, then removed."""
    from backup.archive import reading

    for file in sorted(house.backups.glob("[!.]*")):
        try:
            with reading(file) as source:
                source.verify(lambda done, total: None)
        except Exception as error:
            yield f"the backup {file.name} is broken: {error}"
    there = {file.name for file in house.backups.iterdir()}
    for one in said.get("backup", []):
        if one.get("fresh") and one["file"] not in there:
            yield f"the acknowledged backup {one['file']} is gone"
    for file in house.backups.iterdir():
        Path(file).unlink()
