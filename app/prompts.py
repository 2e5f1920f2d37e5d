"""The Prompts page: edit a template, see it as the model gets it, save it, and put an older version in force again."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

import gradio as gr

from app.widgets import moment, prompt_html, say, source_link, top_line
from app.word_diff import word_diff
from core.errors import DuodeskError, InvalidTemplate, TemplateError, UnknownTemplate
from core.parts import Parts
from core.types import Passage, Template, TemplateVersion

SAMPLE = "How long do I have to send a bike back?"
EDITOR_HINT = '<p class="note">Tab indents; Esc, then Tab leaves the editor.</p>'

VIEW_SIZE = 8  # what `show` returns

# What was typed into a template before another one was chosen, with the version it started from.
Drafts = dict[str, tuple[Template, str]]


class PromptsPage:
    """The page's handlers. `base` is the version that the text in the editor started from."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.templates = parts.templates

    def open(self) -> tuple[Any, ...]:
        """The templates as they are now, and the one of the settings."""
        names = self.templates.names()
        preferred = self.parts.settings.template
        chosen = preferred if preferred in names else next(iter(names), None)
        return gr.Dropdown(choices=names, value=chosen), *self.choose(chosen, None, "", {})

    def choose(self, name: str | None, base: Template | None, text: str, drafts: Drafts) -> tuple[Any, ...]:
        """Another template. Text that is not saved is set aside, and is there again when its template is chosen."""
        if base and base.name == name:  # gradio reports one choice twice, the two running side by side
            return drafts, *[gr.skip()] * VIEW_SIZE
        drafts = dict(drafts)
        if base and edited(base, text):
            drafts[base.name] = (base, text)
        elif base:
            drafts.pop(base.name, None)
        try:
            base, text = drafts[name] if name in drafts else self._fresh(name)
        except DuodeskError as error:
            say(error)
            base, text = None, ""
        return drafts, *self.show(base, text)

    def show(self, base: Template | None, text: str) -> tuple[Any, ...]:
        """All that depends on the template: base, head, editor, status, save, versions, difference, roll back."""
        current = self._in_force(base)
        choices = [(_version_label(version, current), version.version) for version in self._versions(base)]
        return (
            base,
            self._head(base),
            text,
            *self.check(base, text),
            gr.Radio(choices=choices, value=None),
            '<p class="note">Choose a version to see how it differs from the one in force.</p>',
            gr.Button(interactive=False),
        )

    def check(self, base: Template | None, text: str) -> tuple[str, Any]:
        """Whether the text can be saved: a sentence, and the save button on or off."""
        if base is None:
            return _status("There is no template yet: write one here and give it a name above."), gr.Button()
        try:
            self.templates.check(base.name, text)
        except InvalidTemplate as error:
            kept = f"The old version stays in force (version {self._in_force(base)})."
            return _status(f"{error} {kept}", problem=True), gr.Button(interactive=False)
        changed = edited(base, text)
        said = "Valid, not saved yet." if changed else f"Version {base.version}, as saved."
        # Saving the good version again mends a broken file.
        return _status(said), gr.Button(interactive=changed or bool(self.templates.problem(base.name)))

    def save(self, base: Template, text: str, note: str) -> tuple[Any, ...]:
        """Saves the text, unless another version came into force meanwhile: then says so, once. Returns note, show."""
        try:
            if self._in_force(base) not in (base.version, 0):
                newest = self._versions(base)[0]
                gr.Warning(
                    f"Version {newest.version} of '{base.name}' ({newest.note or 'no note'}) came into force while you "
                    f"edited version {base.version}, so that nothing was saved. Compare it below; save again to put "
                    "your text in its place, or discard your changes to see it."
                )
                return note, *self.show(self.templates.get(base.name), text)
            saved = self.templates.save(base.name, whole(text), note.strip())
        except DuodeskError as error:
            say(error)
            return note, *self.show(base, text)
        gr.Info(f"Version {saved.version} of '{saved.name}' is in force from the next message on.")
        return "", *self.show(saved, saved.yaml)

    def discard(self, base: Template | None) -> tuple[Any, ...]:
        """The version in force, instead of what was typed."""
        try:
            return self.show(*self._fresh(base.name if base else None))
        except DuodeskError as error:
            say(error)
            return self.show(base, base.yaml if base else "")

    def copy(self, new_name: str, base: Template | None, text: str, drafts: Drafts) -> tuple[Any, ...]:
        """A new template of the text in the editor. Returns the dropdown, the name box, drafts, show."""
        name = new_name.strip()
        try:
            if name in self.templates.names():
                raise TemplateError(f"There is a template '{name}' already; give the new one another name.")
            note = f"copy of {base.name}" if base else "first version"
            made = self.templates.save(name, renamed(whole(text), name), note)
        except DuodeskError as error:
            say(error)
            return gr.Dropdown(), new_name, drafts, *self.show(base, text)
        gr.Info(f"The template '{name}' is there; every page can choose it.")
        # The text went into the copy, so that the template it came from has nothing unsaved any more.
        names = self.templates.names()
        return gr.Dropdown(choices=names, value=name), "", drafts, *self.show(made, made.yaml)

    def compare(self, base: Template | None, version: int | None) -> tuple[str, Any]:
        """How a version differs from the one in force, and whether it can be put in force."""
        yaml_of = {entry.version: entry.yaml for entry in self._versions(base)}
        current = self._in_force(base)
        if version not in yaml_of:
            return "", gr.Button(interactive=False)
        if version == current or current not in yaml_of:
            text, head = html.escape(yaml_of[version]), f"The text of version {version}."
        else:
            text = word_diff(yaml_of[version], yaml_of[current])
            head = f"From version {version} to version {current}, which is in force."
        shown = f'<p class="note">{head}</p><div class="card"><pre class="diff">{text}</pre></div>'
        return shown, gr.Button(interactive=version != current)

    def roll_back(self, base: Template, text: str, version: int) -> tuple[Any, ...]:
        """Puts an older version in force; text that is not saved stays in the editor."""
        try:
            current = self.templates.roll_back(base.name, version)
        except DuodeskError as error:
            say(error)
            return self.show(base, text)
        gr.Info(f"Version {version} is in force again, as version {current.version}.")
        return self.show(base, text) if edited(base, text) else self.show(current, current.yaml)

    def preview(self, base: Template | None, text: str, question: str, with_passages: bool) -> Any:
        """The text in the editor, rendered for a question as the model would get it; while it is broken, no change."""
        if base is None or not question.strip():
            return '<p class="note">Type a sample question to see the messages.</p>'
        try:
            template = self.templates.check(base.name, text)
            wanted = template.depth if with_passages else 0
            passages = self.parts.retriever.search(question, wanted) if wanted else []
            messages = self.templates.render(template, question, (), passages, self.parts.settings.company)
        except InvalidTemplate:
            return gr.skip()
        except DuodeskError as error:
            return _status(str(error), problem=True)
        listed = _passage_list(passages) if with_passages else ""
        return f'<div class="card prompt">{prompt_html(messages)}{listed}</div>'

    def _fresh(self, name: str | None) -> tuple[Template | None, str]:
        template = self.templates.get(name) if name else None
        return template, template.yaml if template else ""

    def _in_force(self, base: Template | None) -> int:
        """The version in force; 0 when the file has been deleted meanwhile."""
        try:
            return self.templates.get(base.name).version if base else 0
        except UnknownTemplate:
            return 0

    def _versions(self, base: Template | None) -> list[TemplateVersion]:
        return self.templates.versions(base.name) if base else []

    def _head(self, base: Template | None) -> str:
        if base is None:
            return ""
        problem = self.templates.problem(base.name)
        broken = f"The file on disk is broken: {problem} Version {base.version} is in force; saving replaces the file."
        purpose = html.escape(base.purpose) or "No purpose is written down; add a line `purpose:`."
        return f'<p class="note">{purpose}</p>' + (_status(broken, problem=True) if problem else "")


def edited(base: Template, text: str) -> bool:
    """Whether a text says anything else than the version it started from."""
    return whole(text) != whole(base.yaml)


def whole(text: str) -> str:
    """The text as it is stored: the editor drops the last line break."""
    return text.rstrip() + "\n"


def renamed(text: str, name: str) -> str:
    """A template's YAML under another name."""
    return re.sub(r"^name:.*$", f"name: {name}", text, count=1, flags=re.MULTILINE)


def _version_label(version: TemplateVersion, current: int) -> str:
    force = "in force · " if version.version == current else ""
    note = version.note or "no note"
    return f"Version {version.version} · {force}{moment(version.saved_at)} · {note} · {version.hash}"


def _status(text: str, problem: bool = False) -> str:
    kind = "problem" if problem else "note"
    return f'<p class="{kind}" role="status">{html.escape(text)}</p>'


def _passage_list(passages: Sequence[Passage]) -> str:
    if not passages:
        return '<p class="note">No passage was retrieved, so that the paragraph with {context} is left out.</p>'
    items = "".join(
        f'<li><a href="{html.escape(source_link(p))}" target="_blank">{html.escape(p.title)}</a>'
        f' <span class="note">score {p.score:.3f}</span></li>'
        for p in passages
    )
    return f'<p class="note">Passages, best first</p><ol>{items}</ol>'


def build(parts: Parts, blocks: Any) -> None:
    """Lays the page out and wires it."""
    page = PromptsPage(parts)
    top_line(parts, blocks)
    with gr.Row():
        template = gr.Dropdown([], label="Template", scale=2, min_width=200)
        new_name = gr.Textbox(label="Name of a new template", placeholder="such as my-tone", scale=2, min_width=200)
        make = gr.Button("Make a copy", size="md", scale=1, min_width=140)
    head = gr.HTML()
    with gr.Row():
        with gr.Column(min_width=320):
            editor = gr.Code(language="yaml", label="Template, as YAML", lines=18, wrap_lines=True, interactive=True)
            gr.HTML(EDITOR_HINT)
            status = gr.HTML()
            note = gr.Textbox(label="Note for this version", placeholder="What did you change, and why?", max_lines=3)
            with gr.Row():
                save = gr.Button("Save new version", variant="primary", interactive=False, size="md", min_width=140)
                discard = gr.Button("Discard my changes", size="md", min_width=140)
        with gr.Column(min_width=320):
            question = gr.Textbox(SAMPLE, label="As the model gets it: a sample question", submit_btn=True, max_lines=4)
            passages = gr.Radio(
                [("with passages", True), ("without passages", False)], value=True, label="Arm", show_label=False
            )
            messages = gr.HTML(max_height=480)
    with gr.Row():
        with gr.Column(min_width=320):
            versions = gr.Radio([], label="Versions, newest first", interactive=True, elem_classes="versions")
            again = gr.Button("Put this version in force again", size="md", interactive=False)
        with gr.Column(min_width=320):
            difference = gr.HTML()
    base, drafts = gr.State(None), gr.State({})

    view = [base, head, editor, status, save, versions, difference, again]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    latest: dict[str, Any] = {**quiet, "trigger_mode": "always_last"}
    sampled = [base, editor, question, passages]

    blocks.load(page.open, None, [template, drafts, *view], **quiet)
    template.input(page.choose, [template, base, editor, drafts], [drafts, *view], **quiet)
    gr.on(
        [make.click, new_name.submit],
        page.copy,
        [new_name, base, editor, drafts],
        [template, new_name, drafts, *view],
        **quiet,
    )
    # `change` also follows an update by the page itself, so that an answer that comes late is put right.
    editor.change(page.check, [base, editor], [status, save], **latest)
    gr.on([editor.change, question.submit, passages.input], page.preview, sampled, messages, **latest)
    save.click(page.save, [base, editor, note], [note, *view], **quiet)
    discard.click(page.discard, base, view, **quiet)
    versions.input(page.compare, [base, versions], [difference, again], **quiet)
    again.click(page.roll_back, [base, editor, versions], view, **quiet)
