"""The Adapters page: cards as they are, a form that is a plan, and mistakes that are said."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import gradio as gr
import pytest

from app.adapters.adapters_tab import VIEW_SIZE, AdapterList
from app.adapters.card_html import best_loss
from app.adapters.scores_html import scores_html
from app.adapters.train_form import DEMO, FIELDS, USE_SIZE, TrainingForm, plan_of
from core.errors import AdapterMismatch, TrainingError
from core.settings import Settings
from core.training import Columns, DataChoices, Plan, Recipe, Run
from tests.unit.fake_training import CARD, REPORT, FakeAdapters, FakeTraining

WHEN = "2026-11-22T16:35:22+00:00"
PLAN = Plan("second", files=(DEMO,), columns=Columns(question="q", answer="a"), template="friendly")
FORM = dict.fromkeys(FIELDS, "") | asdict(DataChoices()) | asdict(Recipe())
FORM |= {"source": "file", "method": "dpo", "question": "q", "answer": "a", "template": "friendly", "replay_share": 0.3}
ATTACK = "<img src=x>"
ODD = (None, True, "many", "\ud800", 7, -1.5, float("nan"), float("inf"), 1e308, 5e-324, 10**400, [], {}, [[1]])


class OnlyEmbedded:
    """A model for which the adapter 'other' was not made."""

    def adapter_hash(self, name):
        if name == "other":
            raise AdapterMismatch("It was made for another base model.")
        return "abc"


@pytest.fixture
def parts():
    templates = SimpleNamespace(names=lambda: ["calm", "friendly"])
    return SimpleNamespace(
        settings=Settings(), templates=templates, model=OnlyEmbedded(), training=FakeTraining(), adapters=FakeAdapters()
    )


@pytest.fixture
def adapters(parts):
    return AdapterList(parts)


@pytest.fixture
def form(parts):
    return TrainingForm(parts)


def values(**changes):
    return tuple((FORM | changes)[name] for name in FIELDS)


def run_of(kind="train", status="done", **more):
    return Run(f"run-{kind}", replace(PLAN, kind=kind), status, "Said.", WHEN, **more)


def chosen(identifier):
    return gr.EventData(None, {"id": identifier})


# The list of adapters


def test_the_list_shows_each_adapter_with_its_best_validation_loss(adapters):
    name, table, card, *_ = adapters.show("")
    assert name == "velomoor"
    assert "2.920" in table
    assert "c9d1db20135c" in card


def test_an_adapter_for_another_base_model_is_marked_with_the_reason(adapters, parts):
    parts.adapters.cards["other"] = dict(CARD)
    assert adapters.show("")[1].count("It was made for another base model.") == 1
    assert "It was made for another base model." in adapters.choose(chosen("other"))[1]


def test_an_adapter_trained_on_leaks_says_so_in_the_list_and_on_its_card(adapters, parts):
    parts.adapters.cards["velomoor"]["leaks_kept"] = 2
    _, table, card, *_ = adapters.show("")
    assert "trained on leaks" in table
    assert "2 rows of its data nearly repeat test questions" in card


def test_an_adapter_without_a_card_is_shown_all_the_same(adapters, parts):
    parts.adapters.cards = {"bare-folder": {}}
    _, table, card, *_ = adapters.show("")
    assert "unknown" in table
    assert "came without a card" in card


def test_a_card_keeps_what_is_known_of_its_data(adapters, parts):
    parts.adapters.cards["velomoor"]["data"] = asdict(REPORT)
    card = adapters.show("")[2]
    assert "19 near duplicates" in card
    assert "34 rounds are Dutch" in card


def test_an_imported_card_of_another_shape_does_not_break_the_page(adapters, parts):
    odd = {"recipe": "hot", "data": ["much"], "curve": "long", "losses": 3, "scores": "good", "validation_loss": "low"}
    parts.adapters.cards["odd"] = odd | {
        "made_at": 7,
        "parent": "velomoor",
        "final_loss": "low",
        "rows": "many",
        "method": ["sft"],
    }
    adapters.show("odd")
    adapters.compare("velomoor", "odd")


@pytest.mark.parametrize("odd", ODD)
def test_no_value_of_a_card_breaks_the_page(adapters, parts, odd):
    row = dict.fromkeys(("set", "before", "after", "step", "loss", "eval_loss"), odd)
    scores = {"arms": {"bare": {"chrf": dict.fromkeys(("mean", "low", "high"), odd)}}}
    for value in (odd, [odd, odd], {"a": odd}, [row, row | {"step": 1}, row | {"loss": 2.0}], scores):
        for name in (*asdict(REPORT), *CARD, "losses", "curve", "scores", "parent", "leaks_kept", "run"):
            parts.adapters.cards["odd"] = CARD | {name: value, "data": {name: value}}
            (adapters.show("odd")[2] + adapters.compare("velomoor", "odd")).encode()
        parts.adapters.cards["odd"] = dict.fromkeys((*CARD, "losses", "curve", "data"), value)
        "".join(adapters.show("odd")[1:3]).encode()


def test_what_a_card_holds_is_never_html(adapters, parts):
    parts.adapters.cards["velomoor"] |= {"model": ATTACK, "parent": {"name": ATTACK}, "recipe": {ATTACK: ATTACK}}
    shown = "".join(adapters.show("")[1:3]) + adapters.compare("velomoor", "velomoor")
    assert "<img" not in shown


def test_a_new_name_stays_chosen_and_a_taken_one_is_said_and_changes_nothing(adapters, parts):
    assert adapters.rename("velomoor", " calm ")[0] == "calm"
    parts.adapters.cards["other"] = {}
    with pytest.warns(UserWarning, match="'other' already"):
        assert adapters.rename("calm", "other") == (gr.skip(),) * VIEW_SIZE
    assert parts.adapters.names() == ["calm", "other"]


def test_deleting_needs_the_persons_yes(adapters, parts):
    adapters.delete("")
    assert parts.adapters.names() == ["velomoor"]
    adapters.delete("velomoor")
    assert parts.adapters.names() == []


def test_an_imported_adapter_is_chosen_and_named_after_its_file_unless_named(adapters, parts, tmp_path):
    assert adapters.import_(str(tmp_path / "brought.zip"), "")[2] == "brought"
    assert adapters.import_(str(tmp_path / "brought.zip"), "mine")[2] == "mine"
    with pytest.warns(UserWarning, match="choose a zip file"):
        adapters.import_(None, "third")
    assert parts.adapters.names() == ["brought", "mine", "velomoor"]


def test_an_export_is_a_file_of_its_own(adapters, tmp_path):
    assert adapters.export("velomoor", str(tmp_path)).endswith("/velomoor.zip")
    with pytest.warns(UserWarning, match="no adapter 'gone'"):
        assert adapters.export("gone", str(tmp_path)) is None


def test_a_comparison_separates_what_differs_from_what_is_equal(adapters, parts):
    parts.adapters.cards["hot"] = CARD | {"recipe": CARD["recipe"] | {"learning_rate": 0.01}}
    different, equal = adapters.compare("velomoor", "hot").split("<details>")
    assert "<td>recipe: learning rate</td><td>0.002</td><td>0.01</td>" in different
    assert "recipe: rank" not in different
    assert "recipe: rank" in equal


@pytest.mark.parametrize(("value", "best"), [([3.0, 2.5, 2.7], 2.5), (2.5, 2.5), ([], None), (None, None)])
def test_a_card_may_hold_one_validation_loss_or_all_of_them(value, best):
    assert best_loss({"validation_loss": value}) == best


# The form


def test_the_form_is_the_plan():
    plan = plan_of("train", ("mine.csv",), Recipe(dropout=0.2), values(adapter=" second ", parent="velomoor", rows=9))
    assert plan == Plan(
        "second",
        files=("mine.csv",),
        columns=Columns(question="q", answer="a"),
        choices=DataChoices(rows=9),
        recipe=Recipe(dropout=0.2),
        template="friendly",
        parent="velomoor",
    )


def test_ratings_need_no_file_and_bring_their_method():
    plan = plan_of("train", (DEMO,), Recipe(), values(source="ratings", method="kto"))
    assert (plan.method, plan.files, plan.columns) == ("kto", (), None)


def test_only_a_training_takes_a_name():
    assert plan_of("sweep", (DEMO,), Recipe(), values(adapter="second")).adapter == ""


@pytest.mark.parametrize(("files", "changes", "said"), [((), {}, "CSV or JSONL"), (("a",), {"rank": None}, "'rank'")])
def test_what_is_missing_in_the_form_is_named(files, changes, said):
    with pytest.raises(TrainingError, match=said):
        plan_of("train", files, Recipe(), values(**changes))


def test_a_file_is_looked_at_and_its_columns_are_guessed(form):
    files, _, _, note, fold, rows, *columns, _, recipe = form.choose("file", "/tmp/mine.csv")
    assert files == ("/tmp/mine.csv",)
    assert "mine.csv: 504 rows" in note
    assert fold.visible and fold.open
    assert "Is &lt;b&gt;it&lt;/b&gt; open?" in rows
    assert [column.value for column in columns] == ["", "q", "a", "", ""]
    assert not recipe.visible


def test_a_file_that_cannot_be_read_is_said_and_not_kept(form, parts):
    parts.training.problem = "Line 3 is no JSON."
    with pytest.warns(UserWarning, match="Line 3"):
        files, _, _, note, *_ = form.choose("file", "/tmp/mine.csv")
    assert files == ()
    assert "Line 3 is no JSON." in note


def test_ratings_say_how_they_are_counted(form):
    files, upload, method, note, *_ = form.choose("ratings", None)
    assert (files, upload.visible, method.visible) == ((), False, True)
    assert "12 pairs; ties are left out." in note


def test_the_report_lists_what_a_person_must_see_and_brings_the_recipe(form):
    report, recipe, base, reason, *fields = form.look_at(("mine.csv",), None, *values())
    for said in ("34 rounds are Dutch", "Within 14 days.", "What does E-417 mean??", "0.93"):
        assert said in report
    assert "&lt;b&gt;return&lt;/b&gt;" in report
    assert recipe.visible
    assert base.dropout == 0.1
    assert "For 431 rounds." in reason
    assert fields[0] == 7e-4


def test_data_that_cannot_be_trained_on_is_said_and_brings_no_recipe(form, parts):
    parts.training.problem = "No row holds an answer."
    with pytest.warns(UserWarning, match="No row holds an answer"):
        assert not form.look_at(("mine.csv",), None, *values())[1].visible


def test_a_started_run_is_shown_and_a_refused_one_is_explained(form, parts):
    started, tabs, said = form.start("train", ("mine.csv",), Recipe(), None, values(adapter="second"))
    assert (started, tabs.selected, said) == ("run-1", "runs", "")
    parts.training.problem = "A run is under way."
    with pytest.warns(UserWarning, match="under way"):
        assert "A run is under way." in form.start("train", ("mine.csv",), Recipe(), None, values())[2]
    assert [plan.adapter for plan in parts.training.started] == ["second"]


@pytest.mark.parametrize(
    ("kind", "result", "found"),
    [
        ("range_test", {"suggested": 1.3e-3}, (1.3e-3, 16)),
        ("sweep", {"trials": [{"learning_rate": 4e-3, "rank": 32}, {"learning_rate": 1e-3, "rank": 8}]}, (4e-3, 32)),
        ("train", {}, (2e-3, 16)),
    ],
)
def test_what_a_run_found_goes_into_the_form_with_its_whole_plan(form, parts, kind, result, found):
    parts.training.all = [run_of(kind, result=result)]
    tabs, *used = form.use(f"run-{kind}")
    fields = dict(
        zip((name for name in FIELDS if name not in asdict(Columns())), used[-(len(FIELDS) - 5) :], strict=True)
    )
    assert (tabs.selected, len(used)) == ("train", USE_SIZE - 1)
    assert (fields["learning_rate"], fields["rank"]) == found
    assert (fields["source"], fields["template"], fields["adapter"]) == ("demo", "friendly", "")


def test_scores_are_a_table_and_odd_ones_are_left_out():
    value = {"mean": 0.2967, "low": 0.287, "high": 0.3068}
    scores = {
        "rows": 438,
        "test": "past<.csv",
        "date": "2026-11-22T21:43:51",
        "arms": {"lora": {"rouge_l": value, "chrf": "high"}},
        "differences": {"lora - bare": {"rouge_l": value | {"mean": 0.21}}},
    }
    shown = scores_html(scores)
    assert "ROUGE-L" in shown and "0.297 [0.287, 0.307]" in shown and "+0.210 [+0.287" in shown
    assert "438 questions of past&lt;.csv, 2026-11-22" in shown and "chrF" not in shown
    assert scores_html({"arms": 3}) == ""
