"""Adapters as zip files that are broken or hostile, made here. The whole ones have a module `layer` of 4 x 4."""

from __future__ import annotations

import json
import pickle
import stat
import struct
import zipfile
from collections.abc import Mapping
from io import BytesIO

from tests.broken.docx import overlapping, with_flag, zipped

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
KEY = "base_model.model.layer.lora_{}.weight"
PLAIN = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["layer"]}
ENDLESS = r"(\w+\.?)+!"

Tensors = Mapping[str, tuple[str, list[int], bytes]]  # by name: kind of number, shape, content


def safetensors(tensors: Tensors, header: bytes | None = None, length: int | None = None) -> bytes:
    """A file of tensors; `header` and `length` in place of the true ones."""
    told: dict[str, object] = {}
    content = b""
    for name, (kind, shape, numbers) in tensors.items():
        told[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(content), len(content) + len(numbers)]}
        content += numbers
    head = json.dumps(told).encode() if header is None else header
    return struct.pack("<Q", len(head) if length is None else length) + head + content


def pair(kind: str = "F32", number: bytes = bytes(4), rank: int = 2, size: int = 4) -> Tensors:
    """The matrices A and B of the module, of one number throughout."""
    return {
        KEY.format("A"): (kind, [rank, size], number * rank * size),
        KEY.format("B"): (kind, [size, rank], number * rank * size),
    }


GOOD = safetensors(pair())


def adapter(weights: bytes = GOOD, files: Mapping[str, bytes | str] | None = None, **config: object) -> bytes:
    """A zip file of an adapter, with its weights replaced, files added, fields of its configuration changed."""
    return zipped({CONFIG: json.dumps(PLAIN | config), WEIGHTS: weights} | dict(files or {}))


def linked(target: str) -> bytes:
    """A zip file whose weights are a link."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(CONFIG, json.dumps(PLAIN))
        link = zipfile.ZipInfo(WEIGHTS)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, target)
    return out.getvalue()


def archives() -> dict[str, bytes]:
    """What is wrong with the zip file."""
    good = adapter()
    return {
        "nothing": b"",
        "text": b"Hello there",
        "half of it": good[: len(good) // 2],
        "without its end": good[:-10],
        "empty": zipped({}),
        "encrypted": with_flag(good, 1),
        "checksum is wrong": zipped({CONFIG: json.dumps(PLAIN), WEIGHTS: GOOD}, 0).replace(b'"r": 2', b'"r": 4'),
        "compression unknown": good.replace(b"\x14\x00\x00\x00\x08\x00", b"\x14\x00\x00\x00\x63\x00"),
        "leads outside": adapter(files={"../../evil.py": "x"}),
        "absolute name": adapter(files={"/etc/evil": "x"}),
        "name with a drive": adapter(files={"C:\\evil": "x"}),
        "name with backslashes": adapter(files={"..\\evil": "x"}),
        "link": linked("/etc/passwd"),
        "pickle": zipped({CONFIG: json.dumps(PLAIN), "adapter_model.bin": pickle.dumps([1])}),
        "no weights": zipped({CONFIG: json.dumps(PLAIN)}),
        "no configuration": zipped({WEIGHTS: GOOD}),
        "two adapters": zipped({f"{name}/{file}": "x" for name in "ab" for file in (CONFIG, WEIGHTS)}),
        "a folder as configuration": zipped({f"{CONFIG}/x": "x", WEIGHTS: GOOD}),
        "two thousand entries": adapter(files={f"{n}.txt": "" for n in range(2000)}),
        "packed a thousand times": adapter(bytes(60 << 20)),
        "one piece many times": overlapping(WEIGHTS, 10 << 20, 500),
        "configuration of 20 MB": zipped({CONFIG: b" " * (20 << 20), WEIGHTS: GOOD}),
        "zip within a zip": zipped({"adapter.zip": good}),
        "web page before it": b"<html>" + adapter(b"x"),
    }


def configurations() -> dict[str, bytes]:
    """What is wrong with adapter_config.json."""

    def config(content: bytes) -> bytes:
        return zipped({CONFIG: content, WEIGHTS: GOOD})

    return {
        "nothing": config(b""),
        "list": config(b"[1, 2]"),
        "text": config(b'"LORA"'),
        "pairs": config(b'[["peft_type", "LORA"]]'),
        "no UTF-8": config(b"\xff\xfe{"),
        "deeply nested": config(b"[" * 100_000),
        "number of 5000 digits": config(b'{"r": %s}' % (b"9" * 5000)),
        "kind unknown": adapter(peft_type="PREFIX_TUNING"),
        "kind is a list": adapter(peft_type=["LORA"] * 1000),
        "changes the base": adapter(init_lora_weights="pissa_niter_4"),
        "rank is text": adapter(r="two"),
        "rank is below 0": adapter(r=-1),
        "rank is true": adapter(r=True),
        "alpha is endless": adapter(lora_alpha=float("inf")),
        "alpha is no number": adapter(lora_alpha=float("nan")),
        "alpha is missing": adapter(lora_alpha=None),
        "alphas are a list": adapter(alpha_pattern=[1, 2]),
        "alphas are text": adapter(alpha_pattern={"layer": "four"}),
        "pattern that takes for ever": adapter(target_modules=ENDLESS),
        "pattern that takes for ever in alphas": adapter(alpha_pattern={ENDLESS: 4}),
        "pattern that takes for ever in ranks": adapter(rank_pattern={"(a|a)*b": 4}),
        "pattern that is none": adapter(alpha_pattern={"(": 4}),
        "targets are numbers": adapter(target_modules=[1, None]),
        "targets are a number": adapter(target_modules=7),
        "targets are others": adapter(target_modules=["elsewhere"]),
        "card is no JSON": adapter(files={"card.json": "{"}),
        "card is a list": adapter(files={"card.json": "[1]"}),
        "card is nested": adapter(files={"card.json": "[" * 100_000}),
    }


def weights() -> dict[str, bytes]:
    """What is wrong with the tensors."""
    nan, inf = b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f"
    only_a = {name: one for name, one in pair().items() if "lora_A" in name}
    named = {
        KEY.format(kind).replace("layer", "x" * 5000): one for kind, one in zip("AB", pair().values(), strict=True)
    }
    wrong = {
        "nothing": b"",
        "three bytes": b"abc",
        "pickle": pickle.dumps({"a": 1}),
        "half of it": GOOD[: len(GOOD) // 2],
        "more than it says": GOOD + bytes(100),
        "header of 2 ** 63 bytes": safetensors({}, b"{}", 2**63),
        "header of 2 ** 64 - 1 bytes": safetensors({}, b"{}", 2**64 - 1),
        "header of no bytes": safetensors({}, b""),
        "header is no JSON": safetensors({}, b"{{{{{{{{"),
        "header is a list": safetensors({}, b"[]      "),
        "header is nested": safetensors({}, b"[" * 50_000),
        "header is no UTF-8": safetensors({}, b"\xff" * 8),
        "no tensors": safetensors({}),
        "shape is a lie": safetensors({KEY.format("A"): ("F32", [1 << 40, 1 << 40], bytes(32))}),
        "shape overflows": safetensors({KEY.format("A"): ("F32", [2**63, 2**63, 2], bytes(32))}),
        "shape is below 0": safetensors({KEY.format("A"): ("F32", [-2, -4], bytes(32))}),
        "kind unknown": safetensors(pair("F99")),
        "whole numbers": safetensors(pair("I32")),
        "booleans": safetensors(pair("BOOL", b"\1")),
        "eight bits": safetensors(pair("F8_E4M3", b"\1")),
        "no number": safetensors(pair(number=nan)),
        "endless numbers": safetensors(pair(number=inf)),
        "no number in 16 bits": safetensors(pair("F16", b"\x00\x7e")),
        "no number in brain floats": safetensors(pair("BF16", b"\xc0\x7f")),
        "no number in 64 bits": safetensors(pair("F64", b"\x00\x00\x00\x00\x00\x00\xf8\x7f")),
        "one dimension": safetensors({KEY.format(kind): ("F32", [8], bytes(32)) for kind in "AB"}),
        "A alone": safetensors(only_a),
        "other ranks": safetensors(pair() | {KEY.format("B"): ("F32", [4, 3], bytes(48))}),
        "no rank": safetensors({KEY.format("A"): ("F32", [0, 4], b""), KEY.format("B"): ("F32", [4, 0], b"")}),
        "names of 5000 letters": safetensors(named),
        "names of nothing": safetensors({"": ("F32", [1], bytes(4)), "\0\ud800": ("F32", [1], bytes(4))}),
        "other modules": safetensors({"weight": ("F32", [4, 4], bytes(64))}),
        "offsets are swapped": safetensors(
            {}, b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}' + b" " * 7
        ),
        "one name twice": safetensors({}, b'{"a": 1, "a": 2}'),
    }
    return {name: adapter(content) for name, content in wrong.items()}
