"""The one pipeline of all four arms: retrieve? -> render the template -> generate, with the adapter or without."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from backends.endings import ended
from core.errors import ModelNotFound, PromptTooLong, UnknownArm
from core.protocols import Retriever, Templates
from core.search_text import search_text
from core.types import ARM_NAMES, Arm, ArmSpec, Decoding, Draft, Passage, Piece, Question, Template, Turn

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from backends.chat_model import ChatModels
    from backends.other_models import OtherModels


class Chain:
    """Implements core.protocols.Backend."""

    def __init__(
        self,
        models: ChatModels,
        templates: Templates,
        retriever: Retriever,
        company: str,
        others: OtherModels | None = None,
    ) -> None:
        """`models` are those over the base model in use, `others` gives those over any other one."""
        self.models = models
        self.others = others
        self.templates = templates
        self.retriever = retriever
        self.company = company

    def draft(self, question: Question, spec: ArmSpec, decoding: Decoding | None = None) -> Draft:
        """Retrieves and renders; the first piece taken starts the generation. `decoding` instead of the template's.

        A prompt that does not fit the model's context loses its oldest turns first, then its last passages.
        Raises UnknownArm, UnknownTemplate, UnknownAdapter, AdapterMismatch, ModelError, PromptTooLong.
        """
        if spec.name not in ARM_NAMES:
            raise UnknownArm(f"There is no arm '{spec.name}'; the arms are {', '.join(ARM_NAMES)}.")
        models = self._models(spec.model)
        template = self.templates.get(spec.template)
        decoding = decoding or template.decoding
        adapter = spec.adapter if spec.uses_adapter else None
        if spec.uses_adapter and not adapter:
            raise UnknownArm(f"The arm '{spec.name}' needs an adapter; choose one of: {_adapters(models)}.")
        arm = Arm(
            name=spec.name,
            model=models.name,
            model_hash=models.hash,
            template=template.name,
            template_version=template.version,
            template_hash=template.hash,
            decoding=decoding,
            adapter=adapter,
            adapter_hash=models.adapter_hash(adapter) if adapter else None,
            index_version=self.retriever.version if spec.uses_retrieval else None,
            engine=models.runs_on(adapter),
        )
        wanted = search_text(question.text, question.history)
        found = self.retriever.search(wanted, template.depth) if spec.uses_retrieval else []
        model = models.chat_model(adapter, decoding)
        prompt, passages = self._fit(models.name, model, template, question, found)
        return Draft(arm, prompt, passages, ended(_pieces(model, prompt), decoding))

    def _fit(
        self, name: str, model: BaseChatModel, template: Template, question: Question, found: Sequence[Passage]
    ) -> tuple[tuple[Turn, ...], tuple[Passage, ...]]:
        """The rendered prompt and the passages in it, shortened until the model can read it."""
        limit = (model.profile or {}).get("max_input_tokens")
        if limit is not None:
            limit = max(limit, 0)  # a caller of the API may ask for a longer answer than the model can write
        history, passages = question.history, tuple(found)
        while True:
            prompt = self.templates.render(template, question.text, history, passages, self.company)
            if limit is None or (tokens := model.get_num_tokens_from_messages(_messages(prompt))) <= limit:
                return prompt, passages
            if history:
                history = history[2:]
            elif passages:
                passages = passages[:-1]
            else:
                raise PromptTooLong(
                    f"The message and its template take {tokens:,} tokens, but the model '{name}' reads "
                    f"{limit:,} beside its answer; shorten the message."
                )

    def _models(self, source: str) -> ChatModels:
        """Raises ModelNotFound."""
        if not source:
            return self.models
        if self.others is None:
            raise ModelNotFound(f"The model '{source}' cannot be used: '{self.models.name}' is the only one here.")
        found = self.others.get(source)
        same = (found.name, found.hash) == (self.models.name, self.models.hash)
        return self.models if same else found  # its weights are loaded once


def _adapters(models: ChatModels) -> str:
    return ", ".join(models.adapters()) or "none yet, train one first"


def _pieces(model: BaseChatModel, prompt: tuple[Turn, ...]) -> Generator[Piece, None, None]:
    """The model's stream with running token counts; closing it closes the model's."""
    prompt_tokens = new_tokens = 0
    with contextlib.closing(model.stream(_messages(prompt))) as stream:  # type: ignore[type-var]
        for chunk in stream:
            usage = getattr(chunk, "usage_metadata", None) or {}
            prompt_tokens += usage.get("input_tokens", 0)
            new_tokens += usage.get("output_tokens", 0)
            told = chunk.response_metadata
            yield Piece(chunk.text, prompt_tokens, new_tokens, told.get("finish_reason") or "", told.get("place") or 0)


def _messages(prompt: Sequence[Turn]) -> list:
    from langchain_core.messages import convert_to_messages

    return convert_to_messages([(turn.role, turn.text) for turn in prompt])
