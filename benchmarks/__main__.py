"""Measures engine, retrieval and training beside their peers and writes the table that README.md shows.

pip install -r benchmarks/requirements.txt
python -m benchmarks --models embedded llama_28m --folder /tmp/duodesk-benchmarks --write
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks import chats, decode, memory, neighbour, pairs, prefixes, retrieval, shapes, study, training
from benchmarks.rows import Row, write_rows

README = Path(__file__).parent / "README.md"
MODELS = ("embedded", "llama_28m", "qwen_05b")
MEASURES = ("decode", "pairs", "prefixes", "chats", "neighbour", "study", "memory", "retrieval", "training")


def main() -> None:
    options = _parse()
    options.folder.mkdir(parents=True, exist_ok=True)
    # Importing the app sets it for torch; llama.cpp, which spins, would get several times slower.
    os.environ.pop("OMP_WAIT_POLICY", None)
    found: list[Row] = []
    for measure in options.measures:
        for name in options.models:
            model = shapes.EMBEDDED if name == "embedded" else getattr(shapes, name)(options.folder)
            start = time.perf_counter()
            new = _measured(measure, name, model, options)
            found += new
            print(*(row.line for row in new), f"({measure}: {time.perf_counter() - start:.0f} s)", sep="\n", flush=True)
    (options.folder / "rows.json").write_text(json.dumps([asdict(row) for row in found], indent=1))
    if options.write:
        write_rows(README, found)


def _measured(measure: str, name: str, model: Path, options: argparse.Namespace) -> list[Row]:
    folder, rounds = options.folder, options.rounds
    if measure == "decode":
        return decode.rows(name, model, folder, rounds)
    if measure == "pairs":
        return pairs.rows(name, model, folder, rounds)
    if measure == "prefixes":
        return prefixes.rows(name, model, rounds)
    if measure == "chats":
        return chats.rows(name, model, folder, rounds)
    if measure == "neighbour":
        return neighbour.rows(name, model, folder, rounds)
    if name != "embedded":  # the others are about the demo company, for which only this model is made
        return []
    if measure == "retrieval":
        return retrieval.rows(folder, options.passages, rounds)
    if measure == "training":
        return training.rows(name, model, rounds)
    return study.rows(folder) if measure == "study" else memory.rows(folder)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["embedded", "llama_28m"])
    parser.add_argument("--measures", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--passages", type=int, default=100_000, help="to search in, for retrieval")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "duodesk-benchmarks", help="for models and results"
    )
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
