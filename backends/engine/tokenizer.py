"""Turns of a conversation to tokens, and tokens to text, without importing torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ModelError
from core.types import Turn

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL = "special_tokens.json"


class ChatTokenizer:
    """Reads what `save` wrote. Safe for threads."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name

    @staticmethod
    def save(source: Path, folder: Path) -> None:
        """Writes any transformers tokenizer in the one form that is read here. Raises ModelError."""
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
        if not tokenizer.chat_template:
            raise ModelError(f"The model '{source}' has no chat template; use a chat or instruct model.")
        if not tokenizer.is_fast:
            raise ModelError(f"The tokenizer of '{source}' has no fast form (tokenizer.json); use another model.")
        folder.mkdir(parents=True)
        tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "chat_template.jinja").write_text(tokenizer.get_chat_template(), encoding="utf-8")
        (folder / SPECIAL).write_text(json.dumps(tokenizer.special_tokens_map), encoding="utf-8")

    def encode(self, messages: Sequence[Turn]) -> list[int]:
        """The tokens of a prompt, up to where the answer begins. Raises ModelError if the template refuses it."""
        import jinja2
        from transformers.utils import chat_template_utils

        rows = [{"role": turn.role, "content": self._plain(turn.text)} for turn in messages]
        options: dict[str, Any] = {"chat_template": self._template, "add_generation_prompt": True, **self._special}
        render: Any = chat_template_utils.render_jinja_template  # its own type is not that of what it returns
        try:
            [text], _ = render([rows], **options)
        except jinja2.TemplateError as error:
            raise ModelError(f"The chat template of '{self.name}' refuses these messages: {error}") from error
        return list(self._tokens.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of an answer; control tokens are left out."""
        return str(self._tokens.decode(list(tokens), skip_special_tokens=True))

    def _plain(self, text: str) -> str:
        """The text without the model's own control tokens: typed by a customer, they could end or forge a turn."""
        while found := [token for token in self._controls if token in text]:
            for token in found:
                text = text.replace(token, "")
        return text

    @cached_property
    def _tokens(self) -> Tokenizer:
        from tokenizers import Tokenizer

        tokens = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokens.no_padding()
        tokens.no_truncation()
        return tokens

    @cached_property
    def _template(self) -> str:
        return (self.folder / "chat_template.jinja").read_text(encoding="utf-8")

    @cached_property
    def _special(self) -> dict[str, str]:
        return dict(json.loads((self.folder / SPECIAL).read_text(encoding="utf-8")))

    @cached_property
    def _controls(self) -> list[str]:
        """The special tokens, and others of which the chat template makes turns. Some tokenizers also list spaces, line
        breaks and tags of HTML, which are text."""
        added = self._tokens.get_added_tokens_decoder().values()
        controls = [token.content for token in added if token.special or token.content in self._template]
        return [control for control in controls if control.strip(" \t\r\n▁")]
