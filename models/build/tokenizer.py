"""Trains the SentencePiece tokenizer and writes the Hugging Face files that agree with it.

    .venv/bin/python -m models.build.tokenizer --out models/embedded --vocab 4096 --corpus ../shared/corpus

`render` is the one function that turns a conversation into ids and a loss mask; training and checks use it.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

UNK, BOS, END, PAD = "<unk>", "<s>", "<|end|>", "<|pad|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
# `generation` marks what the assistant writes, its end token included: this is the loss mask.
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' -}}"
    "{%- if message['role'] == 'assistant' -%}"
    "{%- generation -%}{{- message['content'] + '<|end|>' -}}{%- endgeneration -%}"
    "{%- else -%}{{- message['content'] + '<|end|>' -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def train(texts: list[str], out: Path, vocab: int) -> None:
    """Train a byte-fallback BPE model on `texts` and write `tokenizer.model` into `out`.

    Text is taken as it is (no normalisation, no space put in front), so that it comes back exactly; the one
    exception is the character U+2581, which SentencePiece itself uses for a space.
    """
    import io

    import sentencepiece

    lines = (line for text in texts for line in text.split("\n") if line.strip())
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines,
        model_writer=model,
        vocab_size=vocab,
        model_type="bpe",
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        character_coverage=0.9995,
        required_chars="€°",
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=3,
        unk_piece=UNK,
        bos_piece=BOS,
        eos_piece=END,
        pad_piece=PAD,
        control_symbols=list(ROLES),
        max_sentence_length=20000,
        num_threads=2,
        minloglevel=1,
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "tokenizer.model").write_bytes(model.getvalue())


def merges(pieces: list[tuple[str, float]]) -> list[tuple[str, str]]:
    """The BPE merges that give `pieces` (text, score), best score first."""
    known = dict(pieces)
    found: list[tuple[float, str, str]] = []
    for piece, score in pieces:
        if piece.startswith("<") and piece.endswith(">") and len(piece) > 2:
            continue
        cuts = [(piece[:i], piece[i:]) for i in range(1, len(piece))]
        local = [cut for cut in cuts if cut[0] in known and cut[1] in known]
        ranked = sorted(local, key=lambda cut: (known[cut[0]], known[cut[1]]), reverse=True)
        found.extend((score, left, right) for left, right in ranked)
    return [(left, right) for _, left, right in sorted(found, key=lambda m: -m[0])]


def convert(out: Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and chat_template.jinja next to `tokenizer.model`."""
    import sentencepiece
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

    processor = sentencepiece.SentencePieceProcessor(model_file=str(out / "tokenizer.model"))
    size = processor.get_piece_size()
    pieces = [(processor.id_to_piece(i), processor.get_score(i)) for i in range(size)]
    learned = [pieces[i] for i in range(size) if not (processor.is_control(i) or processor.is_unknown(i))]
    vocab = {piece: i for i, (piece, _) in enumerate(pieces)}
    made = Tokenizer(models.BPE(vocab=vocab, merges=merges(learned), unk_token=UNK, fuse_unk=True, byte_fallback=True))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in (UNK, BOS, END, PAD, *ROLES)])
    made.save(str(out / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": END,
        "pad_token": PAD,
        "unk_token": UNK,
        "additional_special_tokens": list(ROLES),
        "model_max_length": 2048,
        "clean_up_tokenization_spaces": False,
        "padding_side": "left",
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (out / "chat_template.jinja").write_text(CHAT_TEMPLATE)


def render(tokenizer: Any, messages: list[dict[str, str]]) -> tuple[list[int], list[int]]:
    """Ids of a conversation, and 1 for every id that the assistant writes (text and end token), else 0.

    `messages` are dicts with `role` (system, user, assistant) and `content`. Both lists have the same length.
    """
    made = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    return list(made["input_ids"]), [int(m) for m in made["assistant_masks"]]


def training_texts(corpus: Path | None, seed: int) -> list[str]:
    """Texts to learn pieces from: generated conversations, and real ones when a corpus is given."""
    from models.build import corpus as generator
    from models.build import real

    rng = random.Random(seed)
    texts = [m["content"] for _ in range(4000) for m in generator.sample(rng).messages]
    if corpus:
        for name, limit in (("dialogues", 6000), ("grounded", 4000), ("articles", 3000), ("instructions", 2000)):
            texts += [m["content"] for chat in real.read(corpus, name, limit) for m in chat]
    return texts


def main() -> None:
    """Train, convert and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("models/embedded"))
    parser.add_argument("--vocab", type=int, default=4096, help="4096 for the cpu preset, 8192 for the large one")
    parser.add_argument("--corpus", type=Path, help="folder with *.jsonl.zst; only generated text without it")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    train(training_texts(args.corpus, args.seed), args.out, args.vocab)
    convert(args.out)


if __name__ == "__main__":
    main()
