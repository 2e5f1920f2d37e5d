"""What the Study page's second tab does: look at questions, gather arms, tell what a plan can show, and fix it.

The form is a StudyPlan in widgets: `plan_of` reads it, `use` writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from itertools import count
from typing import Any

import gradio as gr

from app.study.plan_html import arms_html, look_html, planning_html, problem_html
from app.study.study_html import MEASURES
from app.widgets import say, spec
from core.errors import DuodeskError, StudyError
from core.parts import Parts
from core.settings import Settings
from core.studies import Prices, QuestionsLook, StudyArm, StudyPlan
from core.types import ARM_NAMES, ArmSpec

PRICES = tuple(entry.name for entry in fields(Prices))
SHARES = ("margin", "twice", "repeats")  # shown in points of 100
WHOLE = ("limit", "ratings", "seed")
# The order of `values`; the arms are beside them.
FIELDS = ("name", "questions", "first", "second", "measure", *SHARES, *WHOLE, "pairs", "leaks", *PRICES)
LABELS = {
    "margin": "Difference that matters",
    "twice": "Rated by two people",
    "repeats": "Asked again of the same person",
    "limit": "Only so many",
    "ratings": "Ratings",
    "seed": "Seed",
}

Arms = tuple[StudyArm, ...]
Values = Sequence[Any]


def first_arms(settings: Settings) -> Arms:
    """The four cells of the 2x2 with the template and the adapter in use."""
    specs = (spec(name, settings.template, settings.adapter) for name in ARM_NAMES)
    return tuple(StudyArm(one.name, one) for one in specs)


class PlanForm:
    """The tab's handlers. `arms` are those of the plan, `chosen` the name of the one in the editor below them."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.studies = parts.studies

    def open(self, template: str | None, adapter: str | None) -> tuple[Any, Any]:
        """Templates and adapters as they are now."""
        names, adapters = self.parts.templates.names(), self.parts.adapters.names()
        settings = self.parts.settings
        return (
            gr.Dropdown(choices=names, value=template if template in names else settings.template),
            gr.Dropdown(choices=adapters, value=adapter if adapter in adapters else settings.adapter),
        )

    def look(self, questions: str, measure: str) -> tuple[Any, ...]:
        """A question set at first sight. Returns look, what is said of it, and the measures that it allows."""
        try:
            look = self.studies.look((questions or "").strip())
        except DuodeskError as error:
            return None, problem_html(str(error)), gr.Dropdown()
        allowed = [(MEASURES[name], name) for name in look.measures]
        kept = measure if measure in look.measures else next(iter(look.measures), None)
        return look, look_html(look), gr.Dropdown(choices=allowed, value=kept)

    def choose_arm(self, arms: Arms, event: gr.EventData) -> tuple[Any, ...]:
        """An arm of the list: chosen, the editor's fields, and the buttons Change and Remove."""
        arm = next(arm for arm in arms if arm.name == event._data["id"])
        cell, adapter = arm.spec.name, gr.update(value=arm.spec.adapter, visible=arm.spec.uses_adapter)
        return arm.name, cell, arm.spec.template, adapter, arm.spec.model, arm.name, *_buttons(True)

    def add_arm(self, arms: Arms, first: str, second: str, name: str, *picked: str) -> tuple[Any, ...]:
        """One more arm. Returns what `_shown` does."""
        made = arm_of(name, picked, [arm.name for arm in arms])
        return self._shown((*arms, made), made.name, first, second)

    def change_arm(self, arms: Arms, first: str, second: str, name: str, chosen: str, *picked: str) -> tuple[Any, ...]:
        """The chosen arm as it stands in the editor. Returns what `_shown` does."""
        made = arm_of(name, picked, [arm.name for arm in arms if arm.name != chosen])
        renamed = [made.name if side == chosen else side for side in (first, second)]
        return self._shown(tuple(made if arm.name == chosen else arm for arm in arms), made.name, *renamed)

    def remove_arm(self, arms: Arms, first: str, second: str, chosen: str) -> tuple[Any, ...]:
        return self._shown(tuple(arm for arm in arms if arm.name != chosen), "", first, second)

    def _shown(self, arms: Arms, chosen: str, first: str | None, second: str | None) -> tuple[Any, ...]:
        """Arms, chosen, their list, name, Change, Remove, and the two arms that decide."""
        names = [arm.name for arm in arms]
        sides = (gr.Dropdown(choices=names, value=side if side in names else None) for side in (first, second))
        return arms, chosen, arms_html(arms, chosen), chosen, *_buttons(bool(chosen)), *sides

    def planning(self, arms: Arms, look: QuestionsLook | None, *values: Any) -> str:
        """What the plan can show, or what is missing for telling it."""
        if look is None:
            return ""
        try:
            plan = plan_of(arms, values)
            return planning_html(self.studies.planning(plan), plan, look)
        except DuodeskError as error:
            return problem_html(str(error))

    def start(self, arms: Arms, *values: Any) -> tuple[Any, Any, str]:
        """Fixes the study and starts it. Returns the id of the study to show, the tab, and what is said below."""
        try:
            study = self.studies.add(plan_of(arms, values))
        except DuodeskError as error:
            say(error)
            return gr.skip(), gr.skip(), problem_html(str(error))
        try:
            self.studies.start(study.id)
        except DuodeskError as error:  # fixed it is; it can be started from the list
            say(error)
        return study.id, gr.Tabs(selected="list"), ""

    def use(self, study_id: str) -> tuple[Any, ...]:
        """A study's plan for a new one. Returns the tab, what `_shown` does, and all fields but the deciding arms."""
        try:
            plan = self.studies.view(study_id).study.plan
        except DuodeskError as error:
            say(error)
            return (gr.skip(),) * USE_SIZE
        values = vars(plan) | asdict(plan.prices) | {"name": f"Copy of {plan.name}", "leaks": plan.leaks == "keep"}
        values |= {name: round(100 * values[name], 6) for name in SHARES}
        # The measure's choices come with the look at the questions.
        values["measure"] = gr.Dropdown(choices=[(MEASURES[plan.measure], plan.measure)], value=plan.measure)
        rest = (values[name] for name in FIELDS if name not in ("first", "second"))
        return gr.Tabs(selected="new"), *self._shown(plan.arms, "", *plan.decides), *rest


USE_SIZE = 1 + 8 + len(FIELDS) - 2  # what `use` returns


def arm_of(name: str, picked: Sequence[str], taken: Sequence[str]) -> StudyArm:
    """The editor's arm: `picked` are cell, template, adapter and model. Without a name that is free it gets one."""
    cell, template, adapter, model = picked
    made = replace(spec(cell, template, adapter), model=(model or "").strip())
    wanted = (name or "").strip()
    return StudyArm(wanted if wanted and wanted not in taken else _free_name(made, taken), made)


def _free_name(made: ArmSpec, taken: Sequence[str]) -> str:
    """The cell, with as much of the rest as tells it from the others."""
    rest = [made.template, made.adapter, made.model.rsplit("/", 1)[-1]]
    names = [made.name, *(f"{made.name}, {part}" for part in rest if part)]
    names.append(", ".join([made.name, *(part for part in rest if part)]))
    numbered = (f"{made.name} {number}" for number in count(2))
    return next((name for name in names if name not in taken), "") or next(n for n in numbered if n not in taken)


def plan_of(arms: Arms, values: Values) -> StudyPlan:
    """The form as a plan. Raises StudyError for what is missing."""
    form = dict(zip(FIELDS, values, strict=True))
    for name in (*SHARES, *WHOLE):
        if form[name] is None:
            raise StudyError(f"The field '{LABELS[name]}' is empty; give it a number.")
    if not form["first"] or not form["second"]:
        raise StudyError("Choose the two arms whose comparison decides.")
    if not form["measure"]:
        raise StudyError("Choose what the arms are measured by; the questions say what is possible.")
    prices = {name: form[name] or 0.0 for name in PRICES if name != "currency"}
    return StudyPlan(
        name=str(form["name"] or "").strip(),
        questions=str(form["questions"] or "").strip(),
        arms=arms,
        decides=(form["first"], form["second"]),
        measure=form["measure"],
        pairs=form["pairs"],
        leaks="keep" if form["leaks"] else "refuse",
        prices=Prices(**prices, currency=str(form["currency"] or "").strip() or Prices().currency),
        **{name: form[name] / 100 for name in SHARES},
        **{name: int(form[name]) for name in WHOLE},
    )


def _buttons(chosen: bool) -> tuple[Any, Any]:
    """Change and Remove, for which an arm must be chosen."""
    return gr.Button(interactive=chosen), gr.Button(interactive=chosen)
