"""`transformers serve` with continuous batching on the processor, for many chats at once.

Its addresses take text, not token ids. So it serves the same weights with a tokenizer whose words are the ids written
as numbers: "17 4 301" is the prompt of the tokens 17, 4 and 301, and nothing else differs. (Not for Qwen2 models:
transformers splits their text in its own way, and `chats` then raises since the prompts are too long.)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.peers.server import HOST, Server

# Pages of keys and values, 256 tokens each: without a number it reserves 60% of the machine's memory.
PAGE_TOKENS = 256


class TransformersServe(Server):
    """`with TransformersServe(folder) as server: server.chats(...)`; weights and cache in fp32."""

    address = "/v1/completions"

    def __init__(self, folder: Path, threads: int = 2, slots: int = 16, context: int = 2048) -> None:
        offline = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        super().__init__(offline)
        self.pages = slots * -(-context // PAGE_TOKENS)
        self._link_model(folder)

    def command(self) -> list[str]:
        options = {
            "--host": HOST,
            "--port": self.port,
            "--device": "cpu",
            "--dtype": "float32",
            "--cb-num-blocks": self.pages,
            "--log-level": "error",
        }
        words = [str(word) for option in options.items() for word in option]
        program = str(Path(sys.executable).parent / "transformers")
        return [program, "serve", str(self.folder / "model"), "--continuous-batching", *words]

    def body(self, ids: list[int], new_tokens: int) -> dict[str, Any]:
        settings = {"do_sample": False, "eos_token_id": -1, "pad_token_id": 0, "max_new_tokens": new_tokens}
        return {
            "model": str(self.folder / "model"),
            "prompt": " ".join(str(index) for index in ids),
            "max_tokens": new_tokens,
            "generation_config": json.dumps(settings),
        }

    def counted(self, answer: dict[str, Any]) -> tuple[int, int]:
        return answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]

    def tokens(self, answer: dict[str, Any]) -> list[int]:
        return [int(word) for word in answer["choices"][0]["text"].split()]

    def _link_model(self, folder: Path) -> None:
        """A folder with links to the weights and a tokenizer that reads numbers."""
        model = self.folder / "model"
        model.mkdir()
        for file in [*folder.glob("*.safetensors"), folder / "config.json"]:
            (model / file.name).symlink_to(file.resolve())
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        _number_tokenizer(config["vocab_size"]).save_pretrained(model)


def _number_tokenizer(vocabulary: int) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {str(index): index for index in range(vocabulary)}
    # No number may be a special token, not even the unknown one: those are found within words, the 0 in 301.
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)
