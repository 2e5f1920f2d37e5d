"""The LoRA adapters on disk: which there are, what is known about them, and the only way to change them."""

from __future__ import annotations

import json
import re
import shutil
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from backends.adapter_config import check_config
from backends.adapter_import import FILES, WEIGHTS, check_fits, check_weights, take
from backends.folders import folder_hash
from core.adapter_card import known_card
from core.errors import AdapterError, AdapterMismatch, UnknownAdapter

NAME = re.compile(r"\w[\w-]{0,63}")


class AdapterFolder:
    """Implements core.training.Adapters: one folder each, as PEFT saves it, with a `card.json` beside the weights.

    `needed_by` gives the reason why an adapter must stay, or nothing; `base` the folder of the base model in use,
    which imports are compared with. What is half written or half deleted has a name that begins with a dot and is
    never seen. Safe for threads.
    """

    def __init__(
        self,
        folder: Path,
        needed_by: Callable[[str], str] = lambda name: "",
        base: Callable[[], Path] | None = None,
    ) -> None:
        self.folder = folder
        self._needed_by = needed_by
        self._base = base
        self._changing = threading.RLock()

    def names(self) -> list[str]:
        """All complete adapters, in alphabetical order; read anew each time, so that a fresh one counts at once."""
        found = (config.parent for config in self.folder.glob("*/adapter_config.json"))
        return sorted(one.name for one in found if not one.name.startswith(".") and (one / WEIGHTS).is_file())

    def fitting(self, model_hash: str) -> list[str]:
        """Of `names` those whose card names no other base weights."""
        return [name for name in self.names() if self._fits(name, model_hash)]

    def path(self, name: str) -> Path:
        """Raises UnknownAdapter."""
        if name not in self.names():
            there = ", ".join(self.names()) or "none yet"
            raise UnknownAdapter(f"There is no adapter '{name}' in {self.folder}; the adapters are: {there}.")
        return self.folder / name

    def card(self, name: str) -> dict[str, Any]:
        """What is known about how an adapter was made; empty when it came without a card.

        Raises UnknownAdapter, AdapterError for a card that is no JSON object.
        """
        return _read_card(name, self.path(name))

    def annotate(self, name: str, key: str, value: Any) -> None:
        """Sets one entry of the card, which is no part of the adapter's hash. Raises UnknownAdapter, AdapterError."""
        with self._changing:
            _write_card(self.path(name), self.card(name) | {key: value})

    def rename(self, name: str, new_name: str) -> None:
        """Raises UnknownAdapter, AdapterError for a bad or taken name, or when something needs it under this one."""
        with self._changing:
            card = self.card(name)
            if reason := self._needed_by(name):
                raise AdapterError(f"The adapter '{name}' cannot be renamed: {reason}")
            self.check_new_name(new_name)
            self.path(name).rename(self.folder / new_name)
            if card:
                self.annotate(new_name, "name", new_name)

    def delete(self, name: str) -> None:
        """Raises UnknownAdapter, AdapterError when something still needs it."""
        with self._changing:
            path = self.path(name)
            if reason := self._needed_by(name):
                raise AdapterError(f"The adapter '{name}' cannot be deleted: {reason}")
            hidden = self._hidden(name)
            path.rename(hidden)  # gone at once and as a whole, whatever happens to the rest
        shutil.rmtree(hidden, ignore_errors=True)

    def export(self, name: str, folder: Path) -> Path:
        """Writes `folder`/<name>.zip, which holds a PEFT folder <name>/, and returns its path. Raises UnknownAdapter,
        AdapterError when it cannot be written."""
        path, target = self.path(name), folder / f"{name}.zip"
        unfinished = folder / f".{name}.{uuid.uuid4().hex}.unfinished"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
                for file in FILES:
                    if (path / file).is_file():
                        archive.write(path / file, f"{name}/{file}")
            return unfinished.replace(target)
        except OSError as error:
            raise AdapterError(f"The adapter '{name}' cannot be written to {target}: {error.strerror}.") from error
        finally:
            with suppress(OSError):  # on a read-only disk
                unfinished.unlink(missing_ok=True)

    def import_(self, source: Path, name: str) -> str:
        """Takes a PEFT folder or a .zip file of one as `name` and returns the name.

        Only configuration, safetensors, card and README are taken. They are checked before anything is seen of them:
        plain files of bounded size, LoRA, finite numbers, and the base model in use by the card's hash and by the
        matrices' names and shapes. Of the card only what has the shape of its field is kept.
        Raises AdapterError, AdapterMismatch.
        """
        self.check_new_name(name)
        with self._unfinished(name) as folder:
            take(source, folder)
            check_config(name, folder)
            check_weights(name, folder)
            card = _read_card(name, folder)
            if self._base:
                base = self._base()
                _check_card(name, card, base.name, folder_hash(base))
                check_fits(name, folder, base)
            if card:
                _write_card(folder, _of_elsewhere(card) | {"name": name})
            with self._changing:
                self.check_new_name(name)
                folder.rename(self.folder / name)
        return name

    def check_kind(self, name: str) -> None:
        """Raises AdapterError for what is no LoRA adapter, or one that changes the base weights when it is loaded."""
        check_config(name, self.path(name))

    def check_base(self, name: str, model: str, model_hash: str) -> None:
        """Raises AdapterMismatch when the adapter's card names other base weights."""
        _check_card(name, self.card(name), model, model_hash)

    def _fits(self, name: str, model_hash: str) -> bool:
        try:
            self.check_base(name, "", model_hash)
        except AdapterMismatch:
            return False
        except AdapterError:
            pass  # whoever chooses it is told what is wrong with its card
        return True

    def check_new_name(self, name: str) -> None:
        """Raises AdapterError for a name that is bad or taken."""
        if not NAME.fullmatch(name):
            raise AdapterError(f"{name[:64]!r} cannot name an adapter; use up to 64 letters, digits, - and _.")
        if (self.folder / name).exists():
            raise AdapterError(
                f"The adapter '{name}' exists already ({self.folder / name}); choose another name or delete it first."
            )

    def _hidden(self, name: str) -> Path:
        return self.folder / f".{name}.{uuid.uuid4().hex}.unfinished"

    @contextmanager
    def _unfinished(self, name: str) -> Iterator[Path]:
        """A new hidden folder, gone afterwards unless it was renamed."""
        folder = self._hidden(name)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _read_card(name: str, folder: Path) -> dict[str, Any]:
    file = folder / "card.json"
    if not file.exists():
        return {}
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError, RecursionError) as error:
        raise AdapterError(f"The card of adapter '{name}' ({file}) is not a JSON object: {error}.") from error


def _write_card(folder: Path, card: dict[str, Any]) -> None:
    unfinished = folder / f".card.{uuid.uuid4().hex}.unfinished"
    unfinished.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder / "card.json")


def _of_elsewhere(card: dict[str, Any]) -> dict[str, Any]:
    """What may be kept of a brought card: its run is a folder of another machine, and may be any path."""
    return {key: value for key, value in known_card(card).items() if key != "run"}


def _check_card(name: str, card: dict[str, Any], model: str, model_hash: str) -> None:
    made_for = card.get("model_hash")
    if made_for and made_for != model_hash:
        raise AdapterMismatch(
            f"The adapter '{name}' was made for the base model {card.get('model', 'unknown')} ({made_for}), but "
            f"{model} ({model_hash}) is in use; choose another adapter or train this one again."
        )
