"""llama.cpp's own server with continuous batching, for many chats at once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from benchmarks.peers.server import HOST, Server

# Where the program is, when it is not on the PATH; benchmarks/requirements.txt says how it is built.
PROGRAM_VARIABLE = "LLAMA_SERVER"


class LlamaServer(Server):
    """`with LlamaServer(gguf, threads, slots) as server: server.chats(...)`; each slot has `context` tokens.

    Flash attention: None leaves it to llama.cpp, as in `LlamaCpp`.
    """

    address = "/completion"

    def __init__(
        self,
        gguf_path: Path,
        threads: int = 2,
        slots: int = 16,
        context: int = 2048,
        flash_attention: bool | None = None,
    ) -> None:
        super().__init__()
        self.gguf_path = gguf_path
        self.threads = threads
        self.slots = slots
        self.context = context
        self.flash_attention = "auto" if flash_attention is None else "on" if flash_attention else "off"

    def command(self) -> list[str]:
        options = {
            "--model": self.gguf_path,
            "--host": HOST,
            "--port": self.port,
            "--threads": self.threads,
            "--parallel": self.slots,
            "--ctx-size": self.slots * self.context,
            "--flash-attn": self.flash_attention,
            # Saving finished chats for later would cost the peer time and gain it nothing with fresh prompts.
            "--cache-ram": 0,
            "--log-verbosity": 1,
        }
        words = [str(word) for option in options.items() for word in option]
        return [_program(), *words, "--cont-batching", "--no-cache-prompt", "--no-ui", "--no-slots", "--offline"]

    def body(self, ids: list[int], new_tokens: int) -> dict[str, Any]:
        """Greedy with one sampler, the cheapest: the default chain sorts and scales before it takes the best."""
        return {
            "prompt": ids,
            "n_predict": new_tokens,
            "ignore_eos": True,
            "cache_prompt": False,
            "samplers": ["top_k"],
            "top_k": 1,
            "return_tokens": True,
        }

    def counted(self, answer: dict[str, Any]) -> tuple[int, int]:
        return answer["tokens_evaluated"], answer["tokens_predicted"]

    def tokens(self, answer: dict[str, Any]) -> list[int]:
        return list(answer["tokens"])


def _program() -> str:
    found = os.environ.get(PROGRAM_VARIABLE) or shutil.which("llama-server")
    if not found:
        raise RuntimeError(
            "llama-server is not on the PATH; build it as benchmarks/requirements.txt says, "
            f"or set {PROGRAM_VARIABLE} to its path"
        )
    return found
