"""What someone who edits prompt templates relies on."""

import dataclasses
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backends.templates import TemplateLibrary, chat_prompt, prompt_values
from core.errors import InvalidTemplate, UnknownTemplate
from core.types import Decoding, Passage, Turn

PROMPTS = Path(__file__).resolve().parents[2] / "prompts"
PASSAGES = [
    Passage("p1", "a.md", "Bikes: Weight", "It weighs 14 kg."),
    Passage("p2", "b.md", "Locks", "Two keys."),
]
PAST = [Turn("user", "Hello"), Turn("assistant", "Good morning.")]


def text(question="{question}", system="You work for {company}.", name="plain", head="") -> str:
    return (
        f"name: {name}\n{head}messages:\n  - system: {system!r}\n  - history: '{{history}}'\n"
        f"  - user: |\n      Passages:\n      {{context}}\n\n      {question}\n"
    )


@pytest.fixture
def library(tmp_path: Path) -> TemplateLibrary:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "plain.yaml").write_text(text())
    return TemplateLibrary(tmp_path / "prompts", tmp_path / "versions")


def write(library: TemplateLibrary, content: str, name: str = "plain") -> None:
    (library.folder / f"{name}.yaml").write_text(content)


def rendered(library: TemplateLibrary, **given) -> list[tuple[str, str]]:
    values = {"question": "How heavy?", "history": PAST, "passages": PASSAGES, "company": "Acme"} | given
    return [(turn.role, turn.text) for turn in library.render(library.get("plain"), **values)]


def test_a_prompt_holds_system_past_turns_passages_and_question_in_this_order(library):
    assert rendered(library) == [
        ("system", "You work for Acme."),
        ("user", "Hello"),
        ("assistant", "Good morning."),
        ("user", "Passages:\n[1] Bikes: Weight\nIt weighs 14 kg.\n\n[2] Locks\nTwo keys.\n\nHow heavy?"),
    ]


def test_without_passages_their_whole_paragraph_goes(library):
    assert rendered(library, passages=[], history=[]) == [
        ("system", "You work for Acme."),
        ("user", "How heavy?"),
    ]


def test_history_inside_a_text_becomes_lines_and_goes_when_there_is_none(library):
    write(library, "name: plain\nmessages:\n  - user: |\n      So far:\n      {history}\n\n      {question}\n")
    assert rendered(library) == [("user", "So far:\nCustomer: Hello\nAgent: Good morning.\n\nHow heavy?")]
    assert rendered(library, history=[]) == [("user", "How heavy?")]


def test_a_message_that_is_empty_without_passages_goes_as_a_whole(library):
    write(library, "name: plain\nmessages:\n  - system: 'Use this: {context}'\n  - user: '{question}'\n")
    assert rendered(library, passages=[], history=[]) == [("user", "How heavy?")]


@pytest.mark.parametrize("typed", ["{company}", "{question} {{x}}", "}{", "{0!r:>9}", "${HOME} %s {", "\n\n{context}"])
def test_braces_in_what_others_wrote_come_through_literally(library, typed):
    passages = [Passage("p", "s", typed, typed)]
    prompt = rendered(library, question=typed, history=[Turn("user", typed)], passages=passages, company=typed)
    assert prompt[0] == ("system", f"You work for {typed}.")
    assert prompt[1] == ("user", typed)
    assert prompt[2] == ("user", f"Passages:\n[1] {typed}\n{typed}\n\n{typed}")


def test_doubled_braces_are_literal_braces(library):
    write(library, text(system="Answer as {{json}}."))
    assert rendered(library)[0] == ("system", "Answer as {json}.")


def test_a_chain_can_use_the_langchain_prompt_itself(library):
    prompt = chat_prompt(library.get("plain"), with_context=True)
    messages = prompt.invoke(prompt_values("Why?", PAST, PASSAGES, "Acme")).to_messages()
    assert [m.type for m in messages] == ["system", "human", "ai", "human"]


def test_a_change_on_disk_counts_for_the_very_next_message_even_with_the_same_size_and_time(library):
    import os

    path = library.folder / "plain.yaml"
    before = path.stat()
    assert library.get("plain").version == 1
    write(library, text(system="You work for {company}!"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert library.get("plain").messages[0].text == "You work for {company}!"
    assert [v.note for v in library.versions("plain")] == ["changed on disk", "first seen on disk"]


def test_a_broken_file_leaves_the_last_good_version_in_force_and_says_why(library):
    good = library.get("plain")
    write(library, "name: plain\nmessages: [")
    assert library.get("plain") == good
    assert "line 2" in library.problem("plain")
    assert library.names() == ["plain"]
    write(library, text())
    assert library.problem("plain") == ""
    assert len(library.versions("plain")) == 1


def test_a_broken_file_has_its_last_good_version_after_a_restart_too(library, tmp_path):
    good = library.get("plain")
    (library.folder / "plain.yaml").write_bytes(b"\xff\xfe broken")
    again = TemplateLibrary(library.folder, tmp_path / "versions")
    assert again.get("plain") == good
    assert "UTF-8" in again.problem("plain")


def test_a_file_that_never_was_valid_is_not_offered_and_says_why_when_asked_for(library):
    write(library, "name: draft\nmesages: []", name="draft")
    assert library.names() == ["plain"]
    with pytest.raises(UnknownTemplate, match=r"mesages.*did you mean `messages`"):
        library.get("draft")


def test_saving_writes_the_file_and_records_the_version_that_answers_then_name(library):
    library.get("plain")
    saved = library.save("plain", text(system="Short."), "shorter")
    assert (saved.version, library.get("plain")) == (2, saved)
    assert (library.folder / "plain.yaml").read_text() == saved.yaml
    newest, oldest = library.versions("plain")
    assert (newest.note, newest.yaml, newest.hash) == ("shorter", saved.yaml, saved.hash)
    assert oldest.yaml == text()


def test_saving_under_a_new_name_makes_a_new_template(library):
    library.save("terse", text(name="terse"), "new")
    assert library.names() == ["plain", "terse"]
    assert library.get("terse").version == 1


def test_a_refused_save_changes_nothing(library):
    before = library.get("plain")
    with pytest.raises(InvalidTemplate):
        library.save("plain", "name: plain\nmessages: []", "oops")
    assert library.get("plain") == before
    assert len(library.versions("plain")) == 1


def test_rolling_back_puts_the_old_text_in_force_as_a_new_version(library):
    first = library.get("plain")
    library.save("plain", text(system="Short."), "shorter")
    back = library.roll_back("plain", 1)
    assert (back.version, back.hash, back.yaml) == (3, first.hash, first.yaml)
    assert library.versions("plain")[0].note == "rolled back to version 1"
    with pytest.raises(UnknownTemplate, match="no version 9; it has 3, 2, 1"):
        library.roll_back("plain", 9)


def test_a_deleted_template_is_unknown_but_can_be_rolled_back(library):
    library.get("plain")
    (library.folder / "plain.yaml").unlink()
    library.save("other", text(name="other"), "")
    with pytest.raises(UnknownTemplate, match="the templates are: other"):
        library.get("plain")
    assert library.roll_back("plain", 1).version == 2
    assert library.names() == ["other", "plain"]


@pytest.mark.parametrize("name", ["", "..", "../plain", "Plain", "a b", "a/b", "x" * 65])
def test_other_names_reach_no_file(library, name):
    with pytest.raises(UnknownTemplate):
        library.get(name)
    with pytest.raises(UnknownTemplate):
        library.versions(name)
    with pytest.raises(InvalidTemplate):
        library.save(name, text(name=name), "")


def test_a_line_torn_by_a_crash_costs_only_itself(library, tmp_path):
    library.get("plain")
    with (tmp_path / "versions" / "plain.jsonl").open("a") as file:
        file.write('{"version": 2, "note": "torn')
    again = TemplateLibrary(library.folder, tmp_path / "versions")
    assert again.save("plain", text(system="Short."), "after the crash").version == 2
    assert [v.version for v in again.versions("plain")] == [2, 1]


def test_two_libraries_over_one_folder_see_each_other(library, tmp_path):
    other = TemplateLibrary(library.folder, tmp_path / "versions")
    library.get("plain"), other.get("plain")
    saved = library.save("plain", text(system="Short."), "elsewhere")
    assert other.get("plain") == saved
    assert len(other.versions("plain")) == 2


def test_many_savers_and_readers_at_once_lose_and_tear_nothing(library, tmp_path):
    library.get("plain")
    program = (
        "import sys; from pathlib import Path; from backends.templates import TemplateLibrary\n"
        "library = TemplateLibrary(Path(sys.argv[1]), Path(sys.argv[2])); old = library.get('plain').yaml\n"
        "for n in range(10): library.save('plain', old.replace('work', f'work{n}'), 'process')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, library.folder, tmp_path / "versions"], cwd=PROMPTS.parent
    )
    threads = [
        threading.Thread(target=lambda i=i: [library.save("plain", text(system=f"{i} {n}"), "") for n in range(5)])
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or process.poll() is None:
        assert library.get("plain").name == "plain"
        assert library.problem("plain") == ""
    assert process.returncode == 0
    assert [v.version for v in library.versions("plain")] == list(range(31, 0, -1))
    assert library.versions("plain")[0].yaml == library.get("plain").yaml


def test_the_hash_follows_the_meaning_not_the_layout(library):
    meaning = library.check("plain", text()).hash
    assert library.check("plain", "# a comment\n" + text(head="purpose: another\n")).hash == meaning
    assert library.check("plain", text(head="depth: 3\n")).hash != meaning
    assert library.check("plain", text(head="decoding: {temperature: 0.5}\n")).hash != meaning
    assert library.check("plain", text(system="Else.")).hash != meaning


def test_what_a_file_leaves_out_has_defaults(library):
    template = library.get("plain")
    assert (template.depth, template.decoding, template.purpose) == (4, Decoding(), "")


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("name: plain\nmessages:\n  - user: 'a", r"not valid YAML in line \d, column \d"),
        ("name: plain\npurpose: warm: plain", "line 2, column 14.*colon in quotes"),
        ("", "must hold keys.*is empty"),
        ("[" * 5000, "not valid YAML"),
        ("name: plain\nextra: 1\nmessages: []", "unknown key `extra`"),
        ("name: other\nmessages: []", "says `name: other`; write `name: plain`"),
        ("name: plain", "lacks `messages`"),
        ("name: plain\nmessages: []", "must be a list of messages"),
        (text("{quesiton}"), r"unknown variable \{quesiton\}; did you mean \{question\}.*\{context\}"),
        (text("Hello"), r"end with a `user` message that contains \{question\}"),
        (text("{question} {"), "single { or }"),
        (text("{question!r}"), "nothing else inside its braces"),
        (text("{question.text}"), "nothing else inside its braces"),
        (text("{question}\n      {context}"), "paragraph of its own"),
        ("name: plain\nmessages:\n  - user: {question}", "message 1: .*`user` is a group of keys"),
        ("name: plain\nmessages:\n  - user: '{question}'\n    system: x", "message 1 must be one role"),
        ("name: plain\nmessages:\n  - usr: '{question}'", "unknown role `usr`; did you mean `user`"),
        ("name: plain\nmessages:\n  - user: '{question}'\n  - system: x", "must end with a `user` message"),
        ("name: plain\nmessages:\n  - history: past\n  - user: '{question}'", "must be exactly `history:"),
        (text(head="depth: 21\n"), "`depth` must be between 0 and 20, but is 21"),
        (text(head="depth: many\n"), "`depth` must be a whole number, but is the text 'many'"),
        (text(head="depth: true\n"), "`depth` must be a whole number"),
        (text(head="decoding: {temperature: 3}\n"), "`temperature` must be between 0.0 and 2.0"),
        (text(head="decoding: {temperature: .nan}\n"), "`temperature` must be between"),
        (text(head="decoding: {max_new_tokens: 0}\n"), "`max_new_tokens` must be between 1 and 2048"),
        (text(head="decoding: {temprature: 1}\n"), "did you mean `temperature`"),
        (text(head="purpose: [a]\n"), "`purpose` must be text, but is a list"),
    ],
)
def test_every_mistake_has_one_clear_sentence(library, broken, says):
    with pytest.raises(InvalidTemplate, match=says) as caught:
        library.check("plain", broken)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("The template 'plain'")


def test_the_templates_that_come_with_duodesk_are_valid_short_and_different(tmp_path):
    library = TemplateLibrary(PROMPTS, tmp_path)
    templates = [library.get(name) for name in library.names()]
    assert len(templates) == len(list(PROMPTS.glob("*.yaml"))) >= 6
    assert len({template.hash for template in templates}) == len(templates)
    for template in templates:
        system = template.messages[0]
        assert system.role == "system"
        assert system.text.startswith("You are a customer service agent of {company}.")
        assert len(system.text.split()) < 60
        assert "the help centre does not say" in system.text and "a person" in system.text
        assert template.purpose
        assert f"`{template.name}`" in (PROMPTS / "README.md").read_text()


def test_the_example_in_the_manual_is_a_valid_template(library):
    example = (PROMPTS / "README.md").read_text().split("```yaml\n")[1].split("```")[0]
    template = library.check("friendly", example)
    assert dataclasses.asdict(template.decoding) == dataclasses.asdict(Decoding(160, 0.0))
