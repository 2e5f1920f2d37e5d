"""Experiments in the report: a sentence first, a curve with bands, and nothing that was made up."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from core.line_chart import Level, Line, Mark, line_chart
from study.experiments.choices import CurveChoices
from study.experiments.html import experiments_html
from study.experiments.learning_curve import run_learning_curve
from tests.unit.fake_experiments import make_parts


def knows(arm, rows):
    return {"bare": 0.1, "prompt": 0.5, "lora": min(0.1 + rows / 50, 0.9)}.get(arm, 0.95)


def curve(**changes):
    parts = make_parts(knows, questions=100)
    choices = replace(CurveChoices(("transcripts",), sizes=(0, 10, 20, 40)), **changes)
    return run_learning_curve(parts, "0123456789abcdef", choices, lambda *told: None, lambda: False)


@pytest.fixture(scope="module")
def found():
    return curve(arms=("lora", "lora+prompt"))


def sound(html):
    """The same, once it has proved to be well-formed."""
    ElementTree.fromstring(f"<div>{html.replace('&nbsp;', ' ')}</div>")
    return html


def test_nothing_is_said_of_experiments_that_were_not_made():
    assert experiments_html({}) == ""
    assert "Whether" not in experiments_html({"judge": {"votes": []}})


def test_the_curve_begins_with_its_sentence_and_marks_the_crossover(found):
    html = sound(experiments_html({"learning_curve": found}))
    sentence = found["arms"]["lora"]["sentences"][0]
    assert html.index(sentence) < html.index("<svg") < html.index("<table")
    assert html.count('<polygon class="band') == 4, "a band for each arm, by facts and by similarity"
    assert html.index("The same by similarity") < html.index("How the curve was made")
    assert 'class="mark-line"' in html and 'class="band level"' in html
    for size in (0, 10, 20, 40, 60):
        assert f'<th scope="row">{size}</th>' in html
    assert "Adapters have seen" not in html


def test_a_curve_that_meets_nothing_marks_nothing(found):
    without = {"rows": None, "low": 20.0, "high": None}
    lora = found["arms"]["lora"] | {"crossover": without}
    html = sound(experiments_html({"learning_curve": found | {"arms": {"lora": lora}, "also": []}}))
    assert "mark-line" not in html and "polygon" in html


def test_intervals_that_are_not_known_are_no_numbers(found):
    lora = dict(found["arms"]["lora"])
    lora["scores"] = [{"mean": one["mean"], "low": None, "high": None} for one in lora["scores"]]
    html = sound(experiments_html({"learning_curve": found | {"arms": {"lora": lora}}}))
    assert "nan" not in html and "inf" not in html and "None" not in html
    assert "no interval" in html


def test_what_is_not_finished_says_so():
    html = sound(experiments_html({"learning_curve": {"settings": {}, "trainings": []}}))
    assert "is not finished" in html and "<svg" not in html


def test_seen_questions_are_said(found):
    trainings = [row | {"seen": 7} for row in found["trainings"]]
    assert "up to 7 questions" in experiments_html({"learning_curve": found | {"trainings": trainings}})


def test_few_shot_and_shift_have_their_sections():
    point = {"mean": 0.5, "low": 0.4, "high": 0.6}
    few = {
        "done": True,
        "measure": "facts",
        "questions": 40,
        "seeds": [1, 2],
        "against": {"name": "prompt <b>"} | point,
        "curve": {"sizes": [0, 1], "scores": [point, point], "ahead": [point, point]},
        "prompt_tokens": [800, 900],
        "lost_passages": [0, 3],
        "prompts": [80, 80],
        "sentences": ["Examples in the prompt help."],
    }
    arm = dict.fromkeys(("knew_old", "new", "old", "neither", "new_in_passages", "unsupported"), point)
    controls = {"before": point, "after": point, "difference": point, "same_words": point}
    one = {
        "edits": [{"article": "returns.md", "old": "30 days", "new": "14 <days>"}],
        "questions": 4,
        "controls": 9,
        "arms": {
            "bare": arm | {"retrieves": False, "controls": None},
            "prompt": arm | {"retrieves": True, "controls": controls},
        },
        "differences": {"prompt - bare": point},
        "sentences": ["After the articles changed: prompt follows."],
    }
    html = sound(experiments_html({"few_shot": few, "shift": {"done": True, "shifts": [one]}}))
    assert "prompt &lt;b&gt;" in html and "14 &lt;days&gt;" in html
    assert "3 of 80" in html and "After the articles changed" in html
    assert "the old fact" in html


def test_a_chart_of_log_1_plus_x_begins_at_0_and_leaves_out_numbers_that_would_run_into_each_other():
    points = [(0.0, 1.0), (10.0, 2.0), (200.0, 3.0), (210.0, 4.0)]
    drawn = sound(line_chart("Score", [Line("lora", points)], "examples", "log1p", ticks=(0, 10, 200, 210)))
    assert ">0</text>" in drawn and ">210</text>" in drawn and ">200</text>" not in drawn
    assert drawn.count("<circle") == 4


def test_a_level_and_a_mark_may_have_no_interval():
    line = Line("lora", [(1.0, 1.0), (2.0, 2.0)], [(float("nan"), 2.0), (1.0, 3.0)])
    drawn = sound(line_chart("Score", [line], "x", mark=Mark(1.5, "here"), level=Level("prompt", 1.2)))
    assert "polygon" not in drawn and "<rect" not in drawn and "here" in drawn and "prompt" in drawn
