"""The door, as a person uses it: commands in a terminal, and one clear sentence for each mistake."""

import json
import os
import subprocess
import sys

import pytest

from backends.folders import folder_hash
from tests.integration.tiny_models import ROOT, make_adapter, make_model

SAY_HOW_LONG = "Chats are kept for ever; say for how long with --keep-days or the setting `keep_days`.\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("launch")
    base = make_model(folder / "tiny", context=1024)
    make_adapter(folder / "adapters/velomoor", base, folder_hash(base))
    (folder / "knowledge").mkdir()
    (folder / "knowledge/returns.md").write_text("# Returns\n\n## How long\n\nWithin 30 days.\n")
    return folder


def launch(folder, *arguments, **environ):
    given = {
        "DUODESK_DATA": str(folder / "data"),
        "DUODESK_MODEL": str(folder / "tiny"),
        "DUODESK_ADAPTERS": str(folder / "adapters"),
        "DUODESK_KNOWLEDGE": str(folder / "knowledge"),
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), *arguments],
        capture_output=True,
        text=True,
        env=os.environ | given | environ,
        timeout=120,
    )


@pytest.mark.parametrize("arm", ["prompt", "lora+prompt"])
def test_ask_prints_an_answer_its_sources_and_its_figures(folder, arm):
    done = launch(folder, "ask", "How long can I send it back?", "--arm", arm, "--template", "brief")
    assert done.returncode == 0, done.stderr
    answer, *rest = done.stdout.splitlines()
    assert answer.strip()
    assert "[1] Returns: How long (returns.md)" in done.stdout
    assert f"{arm}, template brief: first token" in rest[-1]


def test_what_was_asked_can_be_exported(folder):
    launch(folder, "ask", "Is it on record?", "--arm", "bare", "--template", "brief")
    file = folder / "out.jsonl"
    done = launch(folder, "export", str(file))
    assert done.returncode == 0, done.stderr
    asked = [json.loads(line)["messages"][-2]["content"] for line in file.read_text().splitlines()]
    assert "Is it on record?" in asked


def test_what_was_said_is_redacted_and_can_be_forgotten(folder, tmp_path, capsys):
    from launch import main

    asked = ("ask", "I am zed@example.org, is it late?", "--arm", "bare", "--template", "brief")
    launch(folder, *asked, DUODESK_DATA=str(tmp_path / "data"))
    file = tmp_path / "data/out.jsonl"

    def command(*arguments):
        code = main([*arguments, "--data", str(tmp_path / "data"), "--model", str(folder / "tiny")])
        return code, *capsys.readouterr()

    command("export", str(file))
    (row,) = map(json.loads, file.read_text().splitlines())
    assert row["messages"][-2]["content"] == "I am [email], is it late?"
    assert command("purge") == (1, "", SAY_HOW_LONG)
    assert command("purge", "--keep-days", "1") == (0, "There was nothing to remove.\n", "")
    _, told, _ = command("forget", row["chat_id"])
    assert "1 answers, 1 questions, 1 chats, 1 lines of files" in told
    assert f"1 lines removed from {file}" in told
    assert file.read_text() == ""
    assert "removed a chat: answers 1, questions 1, chats 1" in command("audit")[1]
    assert b"is it late" not in b"".join(part.read_bytes() for part in (tmp_path / "data").glob("*.sqlite3*"))
    assert command("forget", row["chat_id"])[2].startswith("There is no visitor and no chat")


def test_index_reports_what_it_did_and_names_what_it_could_not_read(folder, tmp_path):
    (tmp_path / "prices.csv").write_text("part,price\nbell,9\n")
    (tmp_path / "empty.md").write_text("")
    done = launch(folder, "index", str(tmp_path))
    assert done.returncode == 1
    assert "added: 1, replaced: 0" in done.stdout
    assert "empty.md" in done.stderr
    assert launch(folder, "index", str(tmp_path / "prices.csv")).stdout.rstrip().endswith("failed: 0.")


def test_score_prints_each_arm_and_their_difference_and_keeps_them_on_the_card(folder):
    rows = [f"how long {n}?,Within {n} days you can send it back.,returns,test" for n in range(4)]
    test = folder / "test.csv"
    test.write_text("\n".join(["question,answer,intent,split", *rows, "price?,Nine euros.,price,train"]))
    before = folder_hash(folder / "adapters/velomoor")
    command = ("score", "velomoor", "--test", str(test), "--limit", "2", "--template", "brief")
    done = launch(folder, *command)
    assert done.returncode == 0, done.stderr
    assert len((folder / "data/score.jsonl").read_text().splitlines()) == 4
    assert [line.split("  ")[0] for line in done.stdout.splitlines()[-4:]] == ["arm", "bare", "lora", "lora - bare"]
    scores = json.loads((folder / "adapters/velomoor/card.json").read_text())["scores"]
    assert (scores["test"], scores["rows"], scores["failed"]) == ("test.csv", 2, {"bare": 0, "lora": 0})
    assert set(scores["arms"]) == {"bare", "lora"}
    bare, lora = (scores["arms"][arm]["chrf"]["mean"] for arm in ("bare", "lora"))
    assert scores["differences"]["lora - bare"]["chrf"]["mean"] == pytest.approx(lora - bare)
    assert folder_hash(folder / "adapters/velomoor") == before
    assert "answers, " not in launch(folder, *command).stdout, "a rerun asks again what is known"


@pytest.mark.parametrize(
    ("arguments", "environ", "says"),
    [
        (["ask", "Hello", "--model", "/no/such/model"], {}, "does not exist"),
        (["ask", "Hello", "--template", "nonesuch"], {}, "There is no template 'nonesuch'"),
        (["ask", "Hello", "--arm", "lora", "--adapter", "nonesuch"], {}, "There is no adapter 'nonesuch'"),
        (["ask", "  "], {}, "The message is empty"),
        (["ask", "Hello"], {"DUODESK_DATA": "/dev/null/data"}, "cannot be written"),
        (["ask", "Hello"], {"DUODESK_PORT": "many"}, "must be a whole number"),
        (["ask", "Hello"], {"DUODESK_DATABASE": "postgresql://127.0.0.1:1/none"}, "127.0.0.1"),
        (["study", "--questions", "/no/such/file"], {}, "No test questions found"),
        (["train", "velomoor"], {}, "exists already"),
        (["score", "nonesuch", "--test", "test.csv"], {}, "There is no adapter 'nonesuch'"),
        (["score", "velomoor", "--test", "/no/such/test.csv"], {}, "No test questions found"),
        (["study", "show", "nonesuch"], {}, "'nonesuch' is no study; the studies are: none yet"),
    ],
)
def test_a_mistake_gets_one_sentence_and_no_stack_trace(folder, arguments, environ, says):
    done = launch(folder, *arguments, **environ)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
