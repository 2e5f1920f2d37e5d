"""Do the peers run the same model? Compares llama.cpp with transformers before anything is timed.

python3 -m benchmarks.peers.agreement WORK_FOLDER

makes the models and their GGUF files in the folder (4 GB), prints the logit cosine of every precision to fp32 and how
many greedy tokens agree, and fails where a cosine is below 0.999. The next token of random weights is often a near
tie, so that answers part after some tens of tokens (8-bit weights sooner) although the logits agree.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import LEAST_COSINE, cosine, same_start
from benchmarks.peers.gguf_file import QUANTIZATION, make_gguf
from benchmarks.peers.hf_generate import TransformersGenerate
from benchmarks.peers.llama_local import LlamaCpp
from benchmarks.shapes import all_shapes, prompt_ids

PROMPT_LENGTHS = (1, 17, 64, 700)
ANSWER_PROMPTS = 4
ANSWER_TOKENS = 40


@dataclass(frozen=True)
class Agreement:
    """The least cosine over all prompts, and how many tokens each greedy answer begins alike (of 40)."""

    cosine: float
    same_tokens: list[int]


def compare(reference: TransformersGenerate, other: LlamaCpp) -> Agreement:
    """Logits and greedy answers of the two on fresh random prompts."""
    prompts = [prompt_ids(length, seed=length) for length in PROMPT_LENGTHS]
    cosines = [cosine(reference.logits(ids), other.logits(ids)) for ids in prompts]
    questions = [prompt_ids(64, seed) for seed in range(ANSWER_PROMPTS)]
    answers = [(reference.answer(ids, ANSWER_TOKENS), other.answer(ids, ANSWER_TOKENS)) for ids in questions]
    return Agreement(min(cosines), [same_start(a.tokens, b.tokens) for a, b in answers])


def main() -> None:
    """Compare all models in all precisions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for models and GGUF files; what is there is used again")
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    for name, folder in all_shapes(work).items():
        reference = TransformersGenerate(folder)
        for precision in QUANTIZATION:
            other = LlamaCpp(make_gguf(folder, work, name, precision))
            found = compare(reference, other)
            other.close()
            print(f"{name} {precision}: cosine {found.cosine:.5f}, same tokens {found.same_tokens} of {ANSWER_TOKENS}")
            if found.cosine < LEAST_COSINE:
                raise SystemExit(f"{name} in {precision} is not the same model: cosine below {LEAST_COSINE}")


if __name__ == "__main__":
    main()
