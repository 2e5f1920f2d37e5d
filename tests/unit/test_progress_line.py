"""Long work in the terminal: one line that is written over, and in a log no flood of lines."""

from __future__ import annotations

import pytest

from core import progress_line
from core.progress_line import ProgressLine


@pytest.fixture
def clock(monkeypatch):
    """Seconds since some moment, set by the test."""
    seconds = [0.0]
    monkeypatch.setattr(progress_line.time, "monotonic", lambda: seconds[0])
    return seconds


def test_a_log_gets_a_line_a_stage_and_now_and_then_one_within(capsys, clock):
    line = ProgressLine()
    for step in range(100):
        clock[0] = step
        line.show(f"step {step}", stage=step // 50)
    assert capsys.readouterr().out.split("\n")[:-1] == ["step 0", "step 31", "step 50", "step 81"]


def test_a_terminal_gets_one_line_that_is_written_over_and_cleared_at_the_end(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    line = ProgressLine()
    line.show("half " + "." * 1_000)
    line.show("whole")
    line.end()
    said = capsys.readouterr().out
    assert "\n" not in said
    assert said.endswith("\r\033[Kwhole\r\033[K")
    assert len(said) < 200, "a line that wraps cannot be written over"
