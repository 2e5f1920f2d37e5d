"""Starting values of the token embeddings: the word vectors of all-MiniLM-L6-v2, turned to our width.

A model that sees a few million words cannot learn from them that "money back" is close to "refund"; the sentence
encoder that the retriever uses anyway (Apache-2.0) knows. Its 30,522 word pieces of 384 numbers are reduced by
principal components, and each of our pieces begins as the mean of the word pieces that spell it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def word_vectors(tokenizer: Any, encoder: Path, width: int, spread: float = 0.02) -> Any:
    """A tensor [pieces of `tokenizer`, width] with standard deviation `spread`; random where nothing is known.

    `encoder` is the folder of the sentence encoder; `width` is at most its own (384).
    """
    import torch
    from safetensors.torch import load_file
    from transformers import AutoTokenizer

    known = load_file(encoder / "model.safetensors")["embeddings.word_embeddings.weight"]
    speller = AutoTokenizer.from_pretrained(encoder)
    centred = known - known.mean(0)
    _, _, axes = torch.linalg.svd(centred, full_matrices=False)
    reduced = centred @ axes[:width].T
    reduced = reduced / reduced.std(0) * spread  # every direction alike, as random values would be
    made = torch.randn(len(tokenizer), width) * spread
    for piece, index in tokenizer.get_vocab().items():
        text = piece.replace("▁", " ").strip()
        if text and not (piece.startswith("<") and piece.endswith(">")):
            ids = [i for i in speller(text, add_special_tokens=False)["input_ids"] if i != speller.unk_token_id]
            if ids:
                # A little noise keeps pieces apart that are spelt alike, such as "The" and "▁the".
                made[index] = 0.9 * reduced[ids].mean(0) + 0.3 * made[index]
    return made
