"""Adapters that come from elsewhere: takes only the files that an adapter needs, none of which can run code, and
checks them before they are used."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import FileIO
from pathlib import Path, PureWindowsPath
from typing import IO, Any

from backends.adapter_config import CONFIG, read_config
from core.errors import AdapterError, AdapterMismatch

WEIGHTS = "adapter_model.safetensors"
FILES = (CONFIG, WEIGHTS, "card.json", "README.md")
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")  # which can run code when they are opened

MAX_BYTES = 2 << 30  # of all files together, unpacked
MAX_TEXT_BYTES = 16 << 20  # of any file but the weights
MAX_ENTRIES = 1000  # of a zip file
BLOCK = 1 << 20
KINDS = ("F64", "F32", "F16", "BF16")  # of numbers

Openers = Mapping[str, Callable[[], IO[bytes]]]  # by file name


def take(source: Path, target: Path) -> None:
    """Copies an adapter's FILES from a PEFT folder, or from a zip file of one, into the folder `target`.

    Raises AdapterError: no adapter, a pickle in place of safetensors, an archive that is broken, encrypted, too large
    or leads outside of itself.
    """
    try:
        with _files(source) as (files, unread):
            _check_files(source, files, unread)
            room = MAX_BYTES
            for name in FILES:
                if name in files:
                    room -= _copy(source, files[name], target / name, room)
    except AdapterError:
        raise
    # Beside its own error, zipfile lets those of the decompressors through, which have no root of their own.
    except Exception as error:
        raise AdapterError(
            f"The adapter {source} cannot be read ({type(error).__name__}: {error}); save or download it again."
        ) from error


@contextmanager
def _files(source: Path) -> Iterator[tuple[Openers, list[str]]]:
    """What can be taken, and the names of all other files. Raises AdapterError."""
    if source.is_dir():
        there = [file for file in source.iterdir() if file.is_file()]
        yield _split({file.name: partial(FileIO, file) for file in there})
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            members = _members(source, archive.infolist())
            yield _split({name: partial(archive.open, member) for name, member in members.items()})
    else:
        raise AdapterError(f"{source} is no adapter: give a folder as PEFT saves it, or a .zip file of one.")


def _split(files: Openers) -> tuple[Openers, list[str]]:
    return {name: files[name] for name in FILES if name in files}, sorted(set(files) - set(FILES))


def _members(source: Path, entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The files in the one folder of an archive that holds an adapter, by their names. Raises AdapterError."""
    if len(entries) > MAX_ENTRIES:
        raise AdapterError(f"{source} holds {len(entries):,} entries; an adapter has four files, so pack only those.")
    for entry in entries:
        path = PureWindowsPath(entry.filename)  # which knows both slashes, and drives
        if path.anchor or ".." in path.parts or stat.S_ISLNK(entry.external_attr >> 16):
            raise AdapterError(f"{source} holds '{entry.filename}', which leads outside of it; pack the adapter anew.")
        if entry.flag_bits & 1:
            raise AdapterError(f"{source} is encrypted; pack the adapter without a password.")
    if (size := sum(entry.file_size for entry in entries)) > MAX_BYTES:
        raise _too_large(source, size)
    paths = {PureWindowsPath(entry.filename): entry for entry in entries if not entry.is_dir()}
    folders = [path.parent for path in paths if path.name == CONFIG and path.parts[0] != "__MACOSX"]
    if len(folders) > 1:
        listed = ", ".join(sorted(folder.as_posix() for folder in folders))
        raise AdapterError(f"{source} holds several adapters ({listed}); import them one at a time.")
    return {path.name: entry for path, entry in paths.items() if not folders or path.parent == folders[0]}


def _check_files(source: Path, files: Openers, unread: list[str]) -> None:
    if WEIGHTS not in files and (pickles := [name for name in unread if name.endswith(PICKLES)]):
        raise AdapterError(
            f"{source} holds its weights as {pickles[0]}, a pickle, which can run code when it is opened; save it as "
            "safetensors (PEFT: save_pretrained with safe_serialization=True)."
        )
    if missing := [name for name in (CONFIG, WEIGHTS) if name not in files]:
        found = ", ".join([*files, *unread][:8]) or "nothing"
        raise AdapterError(
            f"{source} is no adapter: it lacks {' and '.join(missing)} (found: {found}); give a folder as PEFT's "
            "save_pretrained writes it, or a .zip file of one."
        )


def _copy(source: Path, opener: Callable[[], IO[bytes]], target: Path, room: int) -> int:
    """Copies at most `room` bytes and returns how many there were. What an archive says of its sizes may be a lie."""
    limit, size = room if target.name == WEIGHTS else min(room, MAX_TEXT_BYTES), 0
    with opener() as read, target.open("wb") as write:
        while block := read.read(BLOCK):
            size += len(block)
            if size > limit:
                raise _too_large(source, size)
            write.write(block)
    return size


def _too_large(source: Path, size: int) -> AdapterError:
    return AdapterError(
        f"{source} unpacks to more than an adapter may have ({size:,} bytes or more; {MAX_BYTES:,} in all and "
        f"{MAX_TEXT_BYTES:,} a text file are allowed); pack only the adapter."
    )


def check_weights(name: str, folder: Path) -> None:
    """Raises AdapterError unless all tensors are finite, come in pairs A and B, and belong to the target modules."""
    pairs = _pairs(name, folder)
    targets = read_config(name, folder).get("target_modules")
    for module, shapes in pairs.items():
        sizes = {kind: len(shape) for kind, shape in shapes.items()}
        if sizes != {"A": 2, "B": 2} or shapes["A"][0] != shapes["B"][1] or not all(shapes["A"] + shapes["B"]):
            raise AdapterError(
                f"The adapter '{name}' has no matching pair of matrices for {module[:100]}; save it again."
            )
        if not _is_target(module, targets):
            raise AdapterError(
                f"The adapter '{name}' holds matrices for {module[:100]}, which is none of its configuration's target "
                "modules; save it again with the configuration that it was trained with."
            )
    if not pairs:
        raise AdapterError(f"The adapter '{name}' holds no LoRA matrices; save it again with PEFT's save_pretrained.")
    _check_finite(name, folder)


def _check_finite(name: str, folder: Path) -> None:
    import ml_dtypes  # noqa: F401 - teaches numpy bfloat16
    import numpy as np

    with _tensors(name, folder / WEIGHTS) as tensors:
        for key in tensors.keys():  # noqa: SIM118 - a safetensors file is no mapping
            if (kind := tensors.get_slice(key).get_dtype()) not in KINDS:
                raise AdapterError(
                    f"The adapter '{name}' holds {kind} numbers ({key[:100]}); save it in {', '.join(KINDS)}."
                )
            if not np.isfinite(tensors.get_tensor(key)).all():
                raise AdapterError(
                    f"The adapter '{name}' holds numbers that are not finite ({key[:100]}): its training went wrong; "
                    "train it again with a lower learning rate."
                )


def _is_target(module: str, targets: Any) -> bool:
    """Whether PEFT would adapt the module. A regular expression is left to PEFT: a bad one could take for ever."""
    return not isinstance(targets, list) or any(module == end or module.endswith(f".{end}") for end in targets)


def check_fits(name: str, folder: Path, model_folder: Path) -> None:
    """Raises AdapterMismatch unless the base model has every adapted module, in the size of the adapter's matrices.

    Reads the headers of the safetensors files only.
    """
    base: dict[str, list[int]] = {}
    for file in sorted(model_folder.glob("*.safetensors")):
        with _tensors(name, file) as tensors:
            base |= {key: tensors.get_slice(key).get_shape() for key in tensors.keys()}  # noqa: SIM118
    turned = read_config(name, folder).get("fan_in_fan_out")
    for module, shapes in _pairs(name, folder).items():
        # Hubs' weights may be saved without the model's own prefix ("h.0..." for "transformer.h.0...").
        found = base.get(f"{module}.weight") or base.get(f"{module.partition('.')[2]}.weight")
        if module == "lm_head" and not found:
            continue  # tied to the embeddings, and so not in the file
        size = [shapes["B"][0], shapes["A"][1]]
        if turned:  # GPT-2 stores its matrices the other way round
            size.reverse()
        if found != size:
            has = f"is {' x '.join(map(str, found))} there" if found else "is not there"
            raise AdapterMismatch(
                f"The adapter '{name}' does not fit the base model {model_folder.name}: it adapts {module[:100]} "
                f"({' x '.join(map(str, size))}), which {has}; use the base model that it was trained on."
            )


def _pairs(name: str, folder: Path) -> dict[str, dict[str, list[int]]]:
    """The shapes of an adapter's matrices A [rank, input size] and B [output size, rank] by module."""
    pairs: dict[str, dict[str, list[int]]] = {}
    with _tensors(name, folder / WEIGHTS) as tensors:
        for key in tensors.keys():  # noqa: SIM118
            module, found, kind = key.removeprefix("base_model.model.").partition(".lora_")
            if found and kind in ("A.weight", "B.weight"):
                pairs.setdefault(module, {})[kind[0]] = tensors.get_slice(key).get_shape()
    return pairs


@contextmanager
def _tensors(name: str, file: Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "numpy") as tensors:
            yield tensors
    except (OSError, SafetensorError) as error:
        raise AdapterError(
            f"The adapter '{name}' cannot be loaded: {file.name} is no sound safetensors file ({error}); "
            "save or download it again."
        ) from error
