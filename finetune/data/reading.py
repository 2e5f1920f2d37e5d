"""Past conversations from files in whatever shape a helpdesk or a data set hub gives them (see README)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from core.errors import TrainingError
from core.record_files import LINES, TABLES, ending, records
from core.training import Columns, FileLook, Round
from finetune.data.columns import guess, names_of, settle, turn_fields
from finetune.data.conversations import rounds_in, rounds_of_table
from finetune.data.own_exports import is_own, worth_learning

SAMPLE = 5
FOR_TRAINING = {"train", "training"}


def look(file: Path) -> FileLook:
    """A file (or a folder of them) at first sight. A column that cannot be guessed stays empty for a person to choose.

    Raises TrainingError when it is missing, broken or larger than 200 MB.
    """
    rows = [fields for one in files_in([file]) for _, fields in records(one, TrainingError)]
    return FileLook(file, len(rows), names_of(rows), guess(rows), tuple(rows[:SAMPLE]))


def files_in(paths: Sequence[Path]) -> list[Path]:
    """The files themselves, and those with a known ending in the folders, by name. Raises TrainingError."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.is_file() and ending(file) in TABLES + LINES)
            if not inside:
                raise TrainingError(f"The folder {path} holds no .csv, .jsonl or .json file; add one or name a file.")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise TrainingError(f"There is no file {path}; check its name.")
    if not found:
        raise TrainingError("No file was given; name at least one .csv, .jsonl or .json file.")
    return found


def read_rounds(files: Sequence[Path], columns: Columns | None) -> tuple[list[Round], dict[str, int]]:
    """All rounds of files and folders in their order, and how many rows were left out for which reason.

    `columns` None: guessed for each file. A round's `row` is the line of JSON lines, the item of a JSON array or the
    row below the header of a CSV; for a table with a turn a row that in which the conversation begins. Rounds whose
    answer is empty are among them: the data report counts those.

    Raises TrainingError when a file is missing, broken or larger than 200 MB, when a column is not there or cannot be
    guessed, and when nothing is left.
    """
    found = files_in(files)
    rounds: list[Round] = []
    left_out: Counter[str] = Counter()
    for file in found:
        read, without = _rounds_of(file, columns)
        rounds += read
        left_out.update(without)
    if not rounds:
        raise TrainingError(
            f"{', '.join(map(str, found))} holds no answered question"
            + "".join(f"; {count:,} left out: {reason}" for reason, count in left_out.items())
            + "; add transcripts, or choose other columns."
        )
    return rounds, dict(left_out)


def _rounds_of(file: Path, chosen: Columns | None) -> tuple[list[Round], dict[str, int]]:
    all_records = records(file, TrainingError)
    rows = [fields for _, fields in all_records]
    if not rows:
        return [], {}
    columns = settle(rows, chosen, str(file))
    left_out: Counter[str] = Counter()
    own = is_own(names_of(rows))
    if own:
        all_records, without = worth_learning(all_records)
        left_out.update(without)
    if columns.split:
        marked = [one for one in all_records if str(one[1].get(columns.split)).strip().lower() in FOR_TRAINING]
        left_out["not marked for training"] += len(all_records) - len(marked)
        all_records = marked
    if columns.messages and turn_fields(names_of(rows)) and not isinstance(rows[0].get(columns.messages), list):
        rounds = rounds_of_table(all_records, columns, str(file))
    else:
        parts = [rounds_in(one, columns, f"{file}, row {one[0]}") for one in all_records]
        # An exported conversation ends with the answer that was rated; those before it have rows of their own.
        rounds = [found for part in parts for found in (part[-1:] if own else part)]
    left_out["without a question"] += sum(not found.question for found in rounds)
    return [found for found in rounds if found.question], {why: n for why, n in left_out.items() if n}
