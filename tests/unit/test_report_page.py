"""The verdict page: everything is told, nothing that an answer says becomes part of the page, and no request leaves
it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from core.studies import Prices
from study.analysis.findings import findings
from study.report.interval_chart import Row, interval_chart, scatter, share_bars
from study.report.page import page, report_html
from study.report.tools import ReportTools
from study.statistics.estimate import Estimate
from tests import simulated_study as simulated

TOOLS = ReportTools(card=lambda adapter: {"seconds": 600.0, "conversation_rounds": 500})
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
VOID = {"meta", "br", "img", "line", "circle", "rect", "input"}


class Marks(HTMLParser):
    """Every tag with its attributes; `open` are those that were not closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()


@pytest.fixture(scope="module")
def study():
    found = simulated.study(count=60, ratings=120, prices=simulated.PRICES)
    labels = {one.id: {"winner": "prompt", "consistent": True, "answers": []} for one in found.questions}
    judge = {"model": "m", "pair": list(found.plan.decides), "labels": labels}
    return replace(found, experiments={"judge": judge})


@pytest.fixture(scope="module")
def shown(study):
    answers = simulated.answers(study, simulated.FOUR)
    return page(findings(study, answers, simulated.ratings(study, answers), TOOLS))


def words(text):
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL))


def test_the_verdict_comes_first_and_every_part_is_there(shown):
    said = words(shown)
    parts = [
        "Use lora+prompt: ",
        "Which arm for which topic",
        "How each arm did",
        "Arms against each other",
        "What people prefer",
        "Do scores choose as people do?",
        "What it costs",
        "How this was found",
        "What exactly was compared",
    ]
    places = [said.index(part) for part in parts]
    assert places == sorted(places)


def test_areas_are_advised_where_topics_have_too_few_questions():
    found = simulated.study({"prompt": 0.4, "lora+prompt": 0.9}, 60)
    areas = [
        replace(one, topic=f"topic {number // 4}", area="shop" if number < 30 else "workshop")
        for number, one in enumerate(found.questions)
    ]
    found = replace(found, questions=tuple(areas))
    text = report_html(found, simulated.answers(found, {"prompt": 0.4, "lora+prompt": 0.9}), [], TOOLS)
    said = words(text)
    assert "Which arm for which area" in said and "All 2 areas" in said and "15 topics in 2 areas" in said
    assert "No area calls for another arm than lora+prompt." in said and Marks(text).open == []


def test_every_method_is_told_with_its_source(shown):
    for source in (
        "Holm 1979",
        "Schuirmann 1987",
        "Waudby-Smith and Ramdas",
        "Davidson 1970",
        "Krippendorff",
        "Fieller",
    ):
        assert source in shown


def test_the_identity_of_each_arm_is_told(shown):
    said = words(shown)
    assert all(what in said for what in ("abc123", "def456", "fed987", "knowledge/questions", "temperature 0"))


def test_it_is_well_formed_and_without_scripts(shown):
    marks = Marks(shown)
    assert marks.open == []
    assert not {"script", "link", "iframe", "object", "img"} & {tag for tag, _ in marks.tags}
    assert not any(name.startswith("on") for _, attributes in marks.tags for name in attributes)


def test_nothing_asks_for_anything_from_elsewhere(shown):
    for _, attributes in Marks(shown).tags:
        assert not {"src", "href", "action", "srcset"} & set(attributes)
    assert "url(" not in shown and "@import" not in shown and "http" not in shown


def test_styles_hold_for_the_page_alone(shown):
    style = re.sub(r"/\*.*?\*/", "", re.search("<style>(.*?)</style>", shown, re.DOTALL)[1])
    selectors = [one for rule in re.findall(r"([^{}]+)\{", style) for one in rule.split(",") if "@" not in one]
    assert selectors
    assert all("#verdict-page" in one or "by-itself" in one for one in selectors)


def test_what_people_and_answers_say_stays_text():
    found = simulated.study({EVIL: 0.4, "prompt": 0.9}, 40, decides=("prompt", EVIL), ratings=40)
    questions = tuple(replace(one, topic=EVIL, article=None, question=EVIL) for one in found.questions)
    plan = replace(found.plan, name=EVIL, questions=EVIL, prices=Prices(1.0, 1.0, currency=EVIL))
    found = replace(found, questions=questions, plan=plan, notes=(EVIL,), message=EVIL, status="failed")
    answers = [
        replace(one, answer=replace(one.answer, text=f"{EVIL} {one.answer.text}"))
        for one in simulated.answers(found, {EVIL: 0.4, "prompt": 0.9})
    ]
    votes = [replace(one, rater=f"{EVIL}{one.rater}", comment=EVIL) for one in simulated.ratings(found, answers)]
    text = report_html(found, answers, votes, TOOLS)
    assert "<img" not in text and "<script" not in text
    assert "&lt;script&gt;" in text
    assert Marks(text).open == []


def test_a_contradiction_stands_right_below_the_verdict():
    chances = {"prompt": 0.4, "lora+prompt": 0.9}
    found = simulated.study(chances, 60, pairs="deciding", ratings=60)
    answers = simulated.answers(found, chances)
    text = report_html(found, answers, simulated.ratings(found, answers, flip=True, noise=0.1), TOOLS)
    assert re.search(r'Use lora\+prompt: [^<]*</p><p class="against">People&#x27;s votes contradict this', text)


def test_every_state_of_a_study_has_a_page():
    planned = replace(simulated.study(count=20, ratings=10), status="planned")
    assert "Nothing to say yet" in report_html(planned, [], simulated.ratings(planned, [], votes=0), TOOLS)
    alone = replace(planned, questions=planned.questions[:1])
    answers = simulated.answers(alone, simulated.FOUR)
    text = report_html(alone, answers, [], ReportTools())
    assert "too little to go by" in text
    assert not re.search(r"\b(nan|inf)\b", words(text).lower())


def test_an_interval_without_end_is_drawn_to_the_edge_and_said_in_words():
    endless = Estimate(1.0, float("-inf"), float("inf"))
    text = interval_chart("t", [Row("a", endless, "no interval")], "x", 0.0)
    assert Marks(text).open == [] and "inf" not in text.replace("interval", "")
    assert interval_chart("t", [Row("a", Estimate(float("nan"), 0, 1), "?")], "x") == ""


def test_charts_tell_their_figures_to_those_who_cannot_see_them():
    row = Row("prompt <b>", Estimate(60, 50, 70), "60 [50, 70]")
    for text in (
        interval_chart("Scores", [row], "points"),
        scatter("Cost", [(row, Estimate(1, 0.5, 2))], "EUR", "facts"),
        share_bars("Votes", [("prompt <b>", [("better", 0.75), ("worse", 0.25)])]),
    ):
        title, told = re.search(r"<title>(.*?)</title><desc>(.*?)</desc>", text).groups()
        assert title and "prompt &lt;b&gt;" in told
        assert 'role="img"' in text and "<b>" not in told


def test_long_names_of_arms_stay_within_the_drawing():
    name = "lora+prompt with the formal template less " + "prompt with the friendly template " * 2
    row = Row(name, Estimate(60, 50, 70), "60 [50, 70]")
    text = interval_chart("t", [row, row], "x")
    drawn = re.findall(r"<text [^>]*>([^<]*)</text>", text)
    assert all(len(one) <= 54 for one in drawn)
    assert name in text
    heights = re.findall(r'<text (?:class="told" )?x="\d+" y="([\d.]+)"', text)
    assert len(set(heights)) == len(heights) == 4  # each name and each value has a line of its own
