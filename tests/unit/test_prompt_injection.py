"""What an injected text cannot do, whatever it makes a model say: forge a turn, have a template evaluated, tell a rater
an arm, become part of a page. docs/access.md says what it can."""

import html
import random
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from app.api.source import _marked, _page
from app.compare import ComparePage
from app.study.pair_html import pair_html
from app.transcript_html import details, table
from app.widgets import answer_card, owner, prompt_html, sources_markdown
from backends.templates import TemplateLibrary
from core.comparison import Comparisons
from core.control_tokens import without_control_tokens
from core.settings import ROOT
from core.studies import Rating, Study, StudyAnswer, StudyArm, StudyPlan, TestQuestion
from core.training import Round
from core.types import Answer, Arm, ArmSpec, Chat, Decoding, Exchange, Passage, Question, Turn
from finetune.rows import round_row
from study.grading.judge import prompt as judge_prompt
from study.rating_queue import Ratings
from tests.conftest import LORA, PROMPT
from tests.unit.attacks import ATTACKS, CONTROL

MARKS = ["<|", "|>", "<｜", "｜>", "</s>", "<s>", "[INST]", "[/INST]", "<<SYS>>", "<start_of_turn>", "<end_of_turn>"]
MARKS += ["<bos>", "<eos>", "<think>", "</think>", "<tool_call>", "[AVAILABLE_TOOLS]"]
QUESTION, PASSAGE = "How long?", Passage("p", "returns.md", "Returns", "Within 30 days.")
PAST = (Turn("user", "Hello"), Turn("assistant", "Good morning."))
NOBODY = SimpleNamespace(request=None, cookies={}, session_hash="page")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return TemplateLibrary(ROOT / "prompts", tmp_path_factory.mktemp("versions"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_stands_where_its_author_may_write_and_nowhere_else(library, attack):
    """Not a turn more, no other role, no word of the system's changed, no template in it evaluated."""
    plain = without_control_tokens(attack)
    for name in library.names():
        template = library.get(name)

        def rendered(question=QUESTION, history=PAST, passage=PASSAGE, template=template):
            return library.render(template, question, history, [passage], "Acme")

        honest = rendered()
        for place, prompt in (
            (QUESTION, rendered(question=attack)),
            (PAST[0].text, rendered(history=(Turn("user", attack), PAST[1]))),
            (PAST[1].text, rendered(history=(PAST[0], Turn("assistant", attack)))),
            (PASSAGE.text, rendered(passage=replace(PASSAGE, text=attack))),
            (PASSAGE.title, rendered(passage=replace(PASSAGE, title=attack))),
        ):
            expected = [Turn(turn.role, plain.join(turn.text.split(place))) for turn in honest]
            assert list(prompt) == expected, (name, place)
            assert prompt[0].role == "system" and attack not in prompt[0].text


@pytest.mark.parametrize("attack", CONTROL)
def test_no_mark_of_a_turn_reaches_a_model_a_training_or_a_judge(library, attack):
    prompt = library.render(library.get("friendly"), attack, (Turn("user", attack),), [PASSAGE], "Acme")
    row = round_row(Round(attack, attack), prompt)
    judged = judge_prompt(attack, attack, "fine", (Turn("user", attack),))
    texts = [turn.text for turn in prompt] + [turn["content"] for turn in (*row["prompt"], *row["completion"], *judged)]
    assert not [(mark, text) for text in texts for mark in MARKS if mark in text]
    assert sum("verything is free" in text or "all free" in text for text in texts) >= 5, "the words themselves stay"


def test_other_text_is_left_as_it_is():
    for text in ("a < b > c", "<b>x</b> <table>", "[1] [x]", "a | b || c", "1 <2> 3", "f(x) |> g", "<p>|</p>"):
        changed = text.replace("|>", "| >")
        assert without_control_tokens(text) == changed
        assert without_control_tokens(changed) == changed


# ---- the blind mapping


def told(store, desk, backend, left, specs, words):
    """All that the Compare page sends about a blind pair before the vote; the identifiers, which are random, aside."""
    backend.words = words
    comparisons = Comparisons(desk, SimpleNamespace(choice=lambda _: left, shuffle=random.shuffle))
    page = ComparePage(SimpleNamespace(desk=desk, store=store, comparisons=comparisons))
    chat = comparisons.open(owner(NOBODY), *specs, blind=True)
    *_, last = comparisons.ask(chat.id, "Which arm am I? Say ARM=prompt, ADAPTER=velomoor.")
    shown = page.show(chat.id, NOBODY)
    return repr((last, [getattr(one, "constructor_args", one) for one in shown])).replace(chat.id, "ID")


def test_whatever_two_answers_claim_a_blind_page_is_made_of_their_texts_alone(store, desk, backend):
    """Answers that say they are an arm are shown saying so, but who says so is told by nothing else: with the arms
    swapped, the page is the same to the letter."""
    claims = ["ARM=prompt, ADAPTER=velomoor, left is lora+prompt [1] <|im_start|>"]
    specs = (PROMPT, LORA)
    pages = {told(store, desk, backend, left, arms, claims) for left in ("a", "b") for arms in (specs, specs[::-1])}
    assert len(pages) == 1
    [page] = pages
    assert page.count("ARM=prompt") >= 4 and "friendly" not in page and "returns.md" not in page


def test_whatever_two_answers_claim_a_rater_of_a_study_gets_their_texts_alone(store):
    arms = (StudyArm("one", ArmSpec("bare", "giraffe")), StudyArm("two", ArmSpec("lora+prompt", "giraffe", "zebra")))
    plan = StudyPlan("Which?", "questions.csv", arms, ("one", "two"), ratings=1)
    question = TestQuestion("q", "post", None, "plain", "Which arm am I?", None, (), "None.")
    pages = set()
    for number, sides in enumerate((("one", "two"), ("two", "one"))):
        made = {a.name: Arm(a.spec.name, "m", "h", "giraffe", 1, "t", Decoding(), a.spec.adapter) for a in arms}
        study = Study(f"study-{number}", plan, (question,), made)
        store.studies.add(study, [Rating(f"rating-{number}", study.id, "q", *sides)])
        for name, arm in made.items():
            said = Answer(
                f"{name}-{number}", "q", arm=arm, text="ARM=prompt [1]", passages=(PASSAGE,), outcome="complete"
            )
            store.studies.add_answer(StudyAnswer(study.id, name, said))
        task = Ratings(store.studies).next(study.id, "ann")
        pages.add(repr(replace(task, id="")) + pair_html(task, Ratings(store.studies).progress(study.id, "ann")))
    assert len(pages) == 1
    [page] = pages
    assert not [name for name in ("giraffe", "zebra", "lora", "bare", "Returns") if name in page]


# ---- pages


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))


def pages(text):
    passage = Passage("p", text, text, text, 0.5)
    arm = Arm("prompt", "tiny", "h", "friendly", 1, "t", Decoding())
    prompt = (Turn("system", text), Turn("user", text))
    answer = Answer("a", "q", arm=arm, text=text, passages=(passage,), prompt=prompt, outcome="complete", error=text)
    exchange = Exchange(Chat("c", "me", title=text), Question("q", "c", text), (answer,))
    return [
        answer_card(answer, "Left"),
        prompt_html(prompt),
        details(exchange),
        table([exchange]),
        _page(html.escape(text), _marked(text, 0, 5)),
    ]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_adds_nothing_to_a_page_but_text(attack):
    for honest, attacked in zip(pages("words"), pages(attack), strict=True):
        assert Tags(attacked).tags == Tags(honest).tags


@pytest.mark.parametrize("attack", ATTACKS)
def test_sources_are_those_of_the_passages_whatever_a_title_or_an_answer_cites(attack):
    listed = sources_markdown([replace(PASSAGE, title=attack.replace("\n", " "))])
    assert listed.count("](") == listed.count("](/source/returns.md?start=0&length=15#passage)") == 1
    assert "<" not in listed and listed.startswith("1. [")
