"""The shift: an article is edited in a copy, and each arm says the new fact, the old one or neither."""

from dataclasses import replace

import pytest

from core.errors import QuestionsError, StudyError
from core.types import Draft, IndexReport, Passage
from study.experiments.article_edits import Edit, changed_questions, edit_copy, label_of, read_edits
from study.experiments.choices import ShiftChoices
from study.experiments.shift import outcome, run_shift
from tests.unit.fake_experiments import make_parts, question

EDIT = Edit("returns.md", "30 days", "14 days")
ARTICLE = "# Returns\n\nWithin 30 days, not 130 days nor 30 daysailors. Thirty days is a month. It costs €5.\n"
FACTS = (("30 days", "thirty days", "30-day"), ("€5", "5 euro"))


@pytest.fixture
def articles(tmp_path):
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "returns.md").write_text(ARTICLE)
    (folder / "bikes.md").write_text("# Bikes\n\nThey have two wheels.\n")
    return folder


def test_an_edit_changes_whole_words_of_a_copy(articles, tmp_path):
    edit_copy(articles, [EDIT, Edit("returns.md", "€5", "€1,500")], tmp_path / "copy")
    assert (tmp_path / "copy/returns.md").read_text() == (
        "# Returns\n\nWithin 14 days, not 130 days nor 30 daysailors. Thirty days is a month. It costs €1,500.\n"
    )
    assert (articles / "returns.md").read_text() == ARTICLE
    assert (tmp_path / "copy/bikes.md").exists()


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (Edit("returns.md", "40 days", "14 days"), "does not say '40 days'"),
        (Edit("lost.md", "30 days", "14 days"), "no text 'lost.md'"),
        (Edit("../secret.md", "a", "b"), "changes nothing"),
        (Edit("returns.md", "", "14 days"), "changes nothing"),
        (Edit("returns.md", "30 days", "30 days"), "changes nothing"),
    ],
)
def test_an_edit_that_cannot_be_made_is_told(articles, tmp_path, edit, says):
    with pytest.raises(StudyError, match=says):
        edit_copy(articles, [edit], tmp_path / "copy")


def study_of(*questions):
    return replace(make_parts(lambda arm, rows: 1.0).store.kept, questions=questions)


def test_a_question_gets_the_new_fact_in_all_spellings_that_hold_the_number():
    other = question(2, article="bikes.md", facts=(("30 days",),))
    study = study_of(question(1, facts=FACTS), other, question(3, facts=(("€9",),)))
    (found,) = changed_questions(study, [EDIT])
    assert found.question.id == "q1"
    assert found.before.facts == (FACTS[0],)
    assert found.after.facts == (("14 days", "14-day"),)
    spelled = study_of(question(1, facts=(("3 years", "three years", "3-year", "13 years"),)))
    years = changed_questions(spelled, [Edit("returns.md", "3 years", "4 years")])[0]
    assert set(years.after.facts[0]) == {"4 years", "four years", "4-year"}
    changed = changed_questions(study, [Edit("returns.md", "€5", "free")])[0]
    assert changed.after.facts == (("free",),)


def test_an_edit_that_no_question_asks_for_is_told_with_what_they_ask_for():
    with pytest.raises(StudyError, match="requires '7 days' of returns.md; its questions require: 30 days, €5"):
        changed_questions(study_of(question(1, facts=FACTS)), [EDIT, Edit("returns.md", "7 days", "8 days")])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You have 14 days.", "new"),
        ("It was 30 days and is 14 days.", "old"),
        ("Thirty days, rider.", "old"),
        ("Some days.", "neither"),
        ("", "neither"),
    ],
)
def test_what_an_answer_says_after_the_change(text, expected):
    (found,) = changed_questions(study_of(question(1, facts=FACTS)), [EDIT])
    assert outcome(found, text) == expected


def test_edits_are_read_from_a_file(tmp_path):
    file = tmp_path / "edits.csv"
    file.write_text("article,old,new\nreturns.md,30 days,14 days\n")
    assert read_edits(file) == (EDIT,)
    file.write_text("a,b\n1,2\n")
    with pytest.raises(QuestionsError, match="columns article, old, new"):
        read_edits(file)
    assert label_of([EDIT]) == "returns.md: 30 days -> 14 days"
    assert label_of([EDIT, EDIT]).startswith("2 edits (")


class Index:
    """Says what the edited articles say."""

    version = "edited"

    def __init__(self):
        self.text = ""

    def index(self, paths, progress):
        (folder,) = paths
        self.text = "\n".join(file.read_text() for file in sorted(folder.rglob("*.md")))
        progress(1, 1, "returns.md")
        return IndexReport()


@pytest.fixture
def parts(articles):
    """Ten questions on returns, ten on bikes; `prompt` reads its passages, `bare` remembers."""
    (articles / "returns.md").write_text("# Returns\n\nWithin 30 days. It costs €5.\n")
    made = make_parts(lambda arm, rows: 1.0)
    of_returns = [question(n, facts=FACTS, reference="Within 30 days.") for n in range(10, 20)]
    of_bikes = [question(n, article="bikes.md", facts=(("two wheels",),)) for n in range(20, 30)]
    made.store.kept = replace(made.store.kept, questions=(*of_returns, *of_bikes))
    made.store.all = [
        replace(one, answer=replace(one.answer, text="30 days, two wheels."))
        for one in made.store.all
        if one.answer.question_id < "q30"
    ]
    asked = []

    def backend_with(templates, retriever):
        before = made.backend

        class Reading:
            def draft(self, question, spec):
                draft = before.draft(question, spec)
                passages = (Passage("p", "returns.md", "Returns", retriever.text),) if spec.uses_retrieval else ()
                arm = replace(draft.arm, index_version=retriever.version)

                def pieces():
                    asked.append((spec.name, question.id))
                    for piece in draft.pieces:
                        yield replace(piece, text="14 days, two wheels." if "14 days" in retriever.text else "?")

                return Draft(arm, draft.prompt, passages, pieces())

        return Reading()

    ready = replace(made, documents=articles, backend_with=backend_with, retriever_over=lambda folder: Index())
    ready.store.asked = asked
    return ready


def run(parts, choices=None):
    chosen = choices or ShiftChoices((EDIT,), controls=6)
    return run_shift(parts, "0123456789abcdef", chosen, lambda *told: None, lambda: False)


def test_the_arm_with_passages_follows_and_the_one_without_still_says_what_was(parts):
    (found,) = run(parts)["shifts"]
    prompt, bare = found["arms"]["prompt"], found["arms"]["bare"]
    assert (found["questions"], found["controls"]) == (10, 6)
    assert prompt["new"]["mean"] == 1 and prompt["new"]["low"] < 1, "ten of ten is not certain to go on"
    assert bare["old"]["mean"] == 1 and bare["new"]["mean"] == 0
    assert prompt["new_in_passages"]["mean"] == 1 and bare["new_in_passages"]["mean"] == 0
    assert prompt["knew_old"]["mean"] == bare["knew_old"]["mean"] == 1
    assert found["differences"]["bare − prompt"]["mean"] == -1
    assert prompt["controls"]["difference"]["mean"] == 0 and prompt["controls"]["same_words"]["mean"] == 0
    assert found["sentences"] == [
        "After the articles changed: bare gives the new fact in 0 of 10, still the old one in 10; "
        "prompt gives the new fact in 10 of 10, still the old one in 0.",
        "Answers to 6 questions on other articles stayed as right as they were.",
    ]


def test_what_was_true_before_is_unsupported_now(parts):
    (found,) = run(parts)["shifts"]
    assert found["arms"]["bare"]["unsupported"]["mean"] == 1
    assert found["arms"]["prompt"]["unsupported"]["mean"] == 0


def test_only_arms_with_passages_are_asked_and_never_twice(parts):
    run(parts)
    assert {arm for arm, _ in parts.store.asked} == {"prompt"} and len(parts.store.asked) == 16
    run(parts)
    assert len(parts.store.asked) == 16
    assert parts.store.named()["prompt, returns.md: 30 days -> 14 days"] == 16


def test_several_shifts_are_kept_the_last_one_last(parts):
    run(parts)
    other = ShiftChoices((Edit("returns.md", "€5", "€6"),), controls=0)
    content = run(parts, other)
    assert [one["label"] for one in content["shifts"]] == [
        "returns.md: 30 days -> 14 days",
        "returns.md: €5 -> €6",
    ]
    assert content["shifts"][1]["arms"]["prompt"]["controls"] is None
    assert [one["label"] for one in run(parts)["shifts"]][-1] == "returns.md: 30 days -> 14 days"


def test_an_index_that_cannot_be_made_and_unknown_arms_are_told(parts):
    with pytest.raises(StudyError, match="no arm 'lora'"):
        run(parts, ShiftChoices((EDIT,), arms=("lora",)))
    with pytest.raises(StudyError, match="no folder of articles"):
        run(replace(parts, documents=None))

    class Failing(Index):
        def index(self, paths, progress):
            return IndexReport(failed=[("returns.md", "no room")])

    with pytest.raises(StudyError, match="cannot be indexed: returns.md: no room"):
        run(replace(parts, retriever_over=lambda folder: Failing()))


def test_a_study_that_is_not_answered_yet_is_refused(parts):
    parts.store.all = [one for one in parts.store.all if one.answer.question_id != "q10"]
    with pytest.raises(StudyError, match="has not answered 1 of"):
        run(parts)
