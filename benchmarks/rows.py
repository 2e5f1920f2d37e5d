"""What a benchmark found, as rows of a table, and the table in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Ratio

HEAD = ("| measure | model | median (quartiles; range, rounds) | bar | reached |", "|---|---|---|---|---|")
BEGIN, END = "<!-- benchmark table -->", "<!-- end of the benchmark table -->"


@dataclass(frozen=True)
class Row:
    """One line: what was measured, on which model, what came out, what it should be (None: only reported)."""

    measure: str
    model: str
    found: str
    bar: str = ""
    reached: bool | None = None

    @property
    def line(self) -> str:
        mark = "" if self.reached is None else "yes" if self.reached else "**no**"
        return f"| {self.measure} | {self.model} | {self.found} | {self.bar} | {mark} |"


def at_least(measure: str, model: str, found: Ratio, bar: float, note: str = "") -> Row:
    """A row whose ratio should not be below the bar."""
    return Row(measure, model, f"{found}{note}", f"≥ {bar:g}", found.median >= bar)


def at_most(measure: str, model: str, found: Ratio, bar: float, note: str = "") -> Row:
    """A row whose ratio should not be above the bar."""
    return Row(measure, model, f"{found}{note}", f"≤ {bar:g}", found.median <= bar)


def write_rows(file: Path, rows: list[Row]) -> None:
    """Puts the rows into the table between the marks of a Markdown file: each in the place of the one of the same
    measure and model, or at the end. Raises ValueError without the marks."""
    before, begin, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    known, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{file} lacks the lines {BEGIN} and {END}")
    lines = {_key(line): line for line in known.strip().splitlines()[len(HEAD) :]}
    lines |= {_key(row.line): row.line for row in rows}
    text = "\n".join([*HEAD, *lines.values()])
    file.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def _key(line: str) -> tuple[str, str]:
    _, measure, model, *_ = line.split("|")
    return measure.strip(), model.strip()
