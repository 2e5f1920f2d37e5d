"""The arrows between the rooms, as the README's tour draws them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {"core", "store", "backends", "app", "finetune", "study", "deploy", "backup"}
MAY_IMPORT = {
    "core": set(),
    "store": {"core"},
    "backends": {"core"},
    "app": {"core"},
    "backup": {"core"},
    "finetune": {"core", "backends.templates", "backends.engine", "backends.folders"},
    "study": {"core", "store"},
    "deploy": {"core"},
    "models": {"core", "backends", "study"},  # a tool beside the application: its evaluation asks as the study does
}
# Their classes derive from transformers' and TRL's own; only the process that trains imports them.
TRAINING_PROCESS_ONLY = {"finetune/watch.py", "finetune/sft_trainer.py"}
HEAVY = {"torch", "transformers", "peft", "trl", "gradio", "chromadb", "langchain_chroma", "sentence_transformers"}


def imports(file: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_its_arrows_allow(room):
    assert files(room), f"{room}/ holds no code"
    for file in files(room):
        for name in imports(file):
            top = name.split(".")[0]
            if top in ROOMS | {"models"} - {room} and top != room:
                allowed = any(name == arrow or name.startswith(f"{arrow}.") for arrow in MAY_IMPORT[room])
                assert allowed, f"{file.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_heavy_packages_are_imported_where_they_are_needed(room):
    for file in files(room):
        if file.relative_to(ROOT).as_posix() in TRAINING_PROCESS_ONLY:
            continue
        # The pages are made of gradio; launch.py imports them only to serve.
        banned = HEAVY - {"gradio"} if room == "app" else HEAVY
        heavy = {name.split(".")[0] for name in imports(file, top_level_only=True)} & banned
        assert not heavy, f"{file.relative_to(ROOT)} imports {heavy} at its top"


def test_what_only_the_training_process_needs_is_not_imported_at_the_top_of_other_files():
    for file in (file for room in ROOMS for file in files(room)):
        names = {f"{name.replace('.', '/')}.py" for name in imports(file, top_level_only=True)}
        assert not names & TRAINING_PROCESS_ONLY, file.relative_to(ROOT)


def test_only_launch_and_composition_see_every_room():
    both = {"launch", "composition"}
    seen = {name.split(".")[0] for file in both for name in imports(ROOT / f"{file}.py")} & ROOMS
    assert seen == ROOMS
    for file in (file for room in ROOMS for file in files(room)):
        assert not imports(file) & both, f"{file.relative_to(ROOT)} imports what puts the rooms together"
