"""The Rate page: one blind pair of a study after another, judged by keys or buttons.

The browser gets two plain texts and a random identifier, and never, before the vote or after it, an arm, a figure or
what others voted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from app.study.pair_html import nothing_html, pair_html
from app.voting import choice_of, opinions, read_opinions, vote_buttons
from app.widgets import owner, say, top_line
from core.errors import AlreadyVoted, DuodeskError, VoteError
from core.parts import Parts

NO_STUDY = "There is nothing to rate yet: no study has planned ratings."
NOT_YET = "Answers are still being written: a pair can be rated as soon as both are there. Look again soon."
NOTHING_LEFT = "Nothing is left for you to rate at the moment. Thank you!"
KEYS = """<p class="note">Keys: <kbd>1</kbd> left, <kbd>2</kbd> right, <kbd>0</kbd> tie, <kbd>X</kbd> both bad,
<kbd>S</kbd> skip, <kbd>U</kbd> undo, <kbd>C</kbd> comment, <kbd>Esc</kbd> leaves a field.</p>"""
# A screen reader says the next pair when it is there, and the keys wait a moment.
PAIR_JS = """
element.setAttribute("aria-live", "polite");
watch("value", () => dispatchEvent(new Event("pair-shown")));
"""
# On a small screen the vote buttons stand below the answers: the next pair begins at its top.
TO_PAIR = """() => {
  const pair = document.getElementById("pair");
  if (pair.getBoundingClientRect().top < 0) pair.scrollIntoView();
}"""


class BlindRating:
    """The page's handlers. `task` is the identifier of the pair on the page, which says nothing of its sides."""

    def __init__(self, parts: Parts, blank: Sequence[Any]) -> None:
        self.studies = parts.studies
        self.ratings = parts.ratings
        self.blank = blank

    def arrive(self, request: gr.Request) -> tuple[Any, ...]:
        """The study of the address without a choice of others, for a rater who was sent here; else `open`."""
        sent = str(request.query_params.get("study", ""))
        return self.open_link(sent, request) if sent else self.open(request)

    def open(self, request: gr.Request) -> tuple[Any, ...]:
        """The dropdown with the studies that plan ratings as they are now, and what `show` returns."""
        try:
            choices = [(view.study.plan.name, view.study.id) for view in self.studies.views() if view.ratings.planned]
        except DuodeskError as error:
            say(error)
            choices = []
        value = choices[0][1] if choices else None
        return gr.Dropdown(choices=choices, value=value), *self.show(value, request)

    def open_link(self, study_id: str, request: gr.Request) -> tuple[Any, ...]:
        """What `open` returns for a rater who was sent here, without a choice of studies."""
        return gr.Dropdown(choices=[("", study_id)], value=study_id, visible=False), *self.show(study_id, request)

    def show(self, study_id: str | None, request: gr.Request, *opinions: Any) -> tuple[Any, ...]:
        """The rater's next pair: task, pair, vote buttons, skip, undo, opinions, look again, and the fields emptied.

        Fields that were empty are left alone, lest the first letters of the next comment get lost.
        """
        emptied = self.blank if any(opinions) else [gr.skip()] * len(self.blank)
        return *self._pair(study_id, request), *emptied

    def _pair(self, study_id: str | None, request: gr.Request) -> tuple[Any, ...]:
        if not study_id:
            return _nothing(nothing_html(NO_STUDY))
        rater = owner(request)
        try:
            task = self.ratings.next(study_id, rater)
            progress = self.ratings.progress(study_id, rater)
            if task is None:
                working = self.studies.view(study_id).study.status in ("planned", "running")
                said = nothing_html(NOT_YET if working else NOTHING_LEFT, progress)
                return _nothing(said, can_undo=progress.mine > 0)
        except DuodeskError as error:
            return _nothing(nothing_html(str(error)))
        return (
            task.id,
            pair_html(task, progress),
            gr.Column(visible=True),
            gr.Button(visible=True),
            gr.Button(visible=True, interactive=task.can_undo),
            gr.Column(visible=True),
            gr.Button(visible=False),
        )

    def vote(self, label: str, task: str, study_id: str, request: gr.Request, *opinions: Any) -> tuple[Any, ...]:
        """Records the vote of the button with this label, and shows the next pair."""
        try:
            self.ratings.vote(task, study_id, owner(request), choice_of(label), *read_opinions(*opinions))
        except AlreadyVoted:
            pass  # the second of two quick clicks: the first one counts
        except VoteError as error:
            say(error)
        except DuodeskError as error:
            say(error)
            return (gr.skip(),) * (VIEW_SIZE + len(self.blank))
        return self.show(study_id, request, *opinions)

    def skip(self, task: str, study_id: str, request: gr.Request, *opinions: Any) -> tuple[Any, ...]:
        """Gives the pair back, and shows another."""
        try:
            self.ratings.skip(task, owner(request))
        except DuodeskError as error:
            say(error)
        return self.show(study_id, request, *opinions)

    def undo(self, study_id: str, request: gr.Request, *opinions: Any) -> tuple[Any, ...]:
        """Takes the last vote back; its pair is there again."""
        try:
            self.ratings.undo(study_id, owner(request))
        except DuodeskError as error:
            say(error)
        return self.show(study_id, request, *opinions)


VIEW_SIZE = 7  # what `show` returns, without the fields


def _nothing(said: str, can_undo: bool = False) -> tuple[Any, ...]:
    undo = gr.Button(visible=can_undo, interactive=can_undo)
    return (
        "",
        said,
        gr.Column(visible=False),
        gr.Button(visible=False),
        undo,
        gr.Column(visible=False),
        gr.Button(visible=True),
    )


def build(parts: Parts, blocks: Any) -> None:
    """Lays the page out and wires it."""
    top_line(parts, blocks)
    study = gr.Dropdown([], label="Study", elem_id="rate-study")
    pair = gr.HTML(apply_default_css=False, js_on_load=PAIR_JS, elem_id="pair")
    again = gr.Button("Look again", size="md", visible=False, elem_id="look-again")
    with gr.Column(visible=False, elem_id="rate-votes") as voting:
        buttons = vote_buttons()
    with gr.Row():
        skip = gr.Button("Skip (S)", size="sm", min_width=120, visible=False, elem_id="skip-pair")
        undo = gr.Button("Undo my last vote (U)", size="sm", min_width=120, visible=False, elem_id="undo-vote")
    with gr.Column(visible=False, elem_id="rate-opinions") as more:
        said = opinions()
        gr.HTML(KEYS)
    # The browser sends the pair that it shows: a click that comes late must not count for the pair after it.
    task = gr.Textbox(visible="hidden", label="Pair")
    page = BlindRating(parts, said.blank)

    view = [task, pair, voting, skip, undo, more, again, *said.inputs]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    for button in buttons:
        voted = button.click(page.vote, [button, task, study, *said.inputs], view, **quiet)
        voted.then(None, None, js=TO_PAIR, **quiet)
    skip.click(page.skip, [task, study, *said.inputs], view, **quiet).then(None, None, js=TO_PAIR, **quiet)
    undo.click(page.undo, [study, *said.inputs], view, **quiet)
    gr.on([study.input, again.click], page.show, [study, *said.inputs], view, **quiet)
    blocks.load(page.arrive, None, [study, *view], **quiet)
