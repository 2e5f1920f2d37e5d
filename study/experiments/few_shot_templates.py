"""Templates with example rounds in them: what a prompt is like that shows the model how customers were answered."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from core.protocols import Templates
from core.training import Round
from core.types import Passage, Template, TemplateVersion, Turn

HISTORY = "{history}"  # a message of this alone holds the past turns


class FewShotTemplates:
    """Implements core.protocols.Templates over others: the template `base` has the examples in it, as messages of the
    customer and the agent before the past turns. Prompts alone change; what is looked for stays the customer's words.

    An example's question reads as the template renders one without passages.
    """

    def __init__(self, templates: Templates, base: str, examples: Sequence[Round], company: str) -> None:
        self._templates = templates
        self._base = base
        self._examples = tuple(examples)
        self._company = company

    def get(self, name: str) -> Template:
        found = self._templates.get(name)
        return self._with_examples(found) if name == self._base and self._examples else found

    def _with_examples(self, base: Template) -> Template:
        turns: list[Turn] = []
        for example in self._examples:
            asked = self._templates.render(base, example.question, (), (), self._company)[-1]
            turns += [_literal(asked), _literal(Turn("assistant", example.answer))]
        place = next((at for at, turn in enumerate(base.messages) if turn.text == HISTORY), len(base.messages) - 1)
        messages = (*base.messages[:place], *turns, *base.messages[place:])
        meaning = "\0".join([base.hash, *(f"{turn.role}\0{turn.text}" for turn in turns)])
        return replace(
            base,
            name=f"{base.name} + {len(self._examples)} examples",
            messages=messages,
            hash=hashlib.sha256(meaning.encode()).hexdigest()[:12],
        )

    # ---- everything else is as it was

    def names(self) -> list[str]:
        return self._templates.names()

    def problem(self, name: str) -> str:
        return self._templates.problem(name)

    def check(self, name: str, yaml: str) -> Template:
        return self._templates.check(name, yaml)

    def save(self, name: str, yaml: str, note: str) -> Template:
        return self._templates.save(name, yaml, note)

    def versions(self, name: str) -> list[TemplateVersion]:
        return self._templates.versions(name)

    def roll_back(self, name: str, version: int) -> Template:
        return self._templates.roll_back(name, version)

    def render(
        self, template: Template, question: str, history: Sequence[Turn], passages: Sequence[Passage], company: str
    ) -> tuple[Turn, ...]:
        return self._templates.render(template, question, history, passages, company)


def _literal(turn: Turn) -> Turn:
    """As a template's message: braces of a text are doubled, or they would name a variable."""
    return Turn(turn.role, turn.text.replace("{", "{{").replace("}", "}}"))
