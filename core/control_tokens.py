"""Text that people wrote, without the marks that models read as the end of a turn or the beginning of another one."""

from __future__ import annotations

import re

NAMED = "s|bos|eos|unk|pad|think|tool_call|tool_response|start_of_turn|end_of_turn"
BRACKETED = "INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS"
# The first character of each mark: <|im_start|> and what else has bars (also those of DeepSeek), <s> and the like of
# Llama, Gemma and Qwen, [INST] and the like of Mistral, <<SYS>> of Llama 2.
MARKS = re.compile(
    rf"<(?=[|｜])|[|｜](?=>)|<(?=/?(?:{NAMED})>)|\[(?=/?(?:{BRACKETED})\])|<(?=</?SYS>>)",
    re.IGNORECASE,
)


def without_control_tokens(text: str) -> str:
    """The same words with a space inside each such mark, so that a model reads it as any other text.

    It takes no model's own list, which servers do not tell: they, like training libraries, turn a rendered prompt into
    tokens as a whole and cannot tell a template's mark from a customer's.
    """
    return MARKS.sub(lambda mark: f"{mark[0]} ", text)
