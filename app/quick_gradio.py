"""Gradio without what costs time and memory and serves nobody here."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import ChainMap
from collections.abc import Sequence
from datetime import datetime
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradio import Blocks

HOUR_S = 3600

SAVING = {
    # Statistics that nobody looks at, made anew with each event out of so many last ones: 10,000 are gradio's default,
    # which takes longer than most events do.
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",
    # Unless it is named, gradio asks the file system where it is, whenever a component is made.
    "GRADIO_TEMP_DIR": str((Path(tempfile.gettempdir()) / "gradio").resolve()),
}


def import_gradio() -> None:
    """Imports gradio with SAVING in its environment, unless that says otherwise, and without the stub files that it
    compares and rewrites beside its own code at every import.

    Only editors read them, but parsing the components' sources for them is half of the import.
    """
    for name, value in SAVING.items():
        os.environ.setdefault(name, value)
    finder = _WithoutStubs()
    sys.meta_path.insert(0, finder)
    try:
        import gradio  # noqa: F401
    finally:
        sys.meta_path.remove(finder)
    _keep_less_of_pages()
    _let_pages_be_left()


def _keep_less_of_pages() -> None:
    """For links that open a page as it stands, gradio keeps for every page ever opened what each component of the whole
    site looks like: a third of its processor time, and 0.6 MB a page. There are no such links here, and no components
    that come up later, so that a page need only keep those that look otherwise in it.

    Of pages beyond those that are kept, closed ones go first: whoever reads for long must not find the page dead.
    """
    from gradio.blocks import BlocksConfig
    from gradio.components import State
    from gradio.state_holder import SessionState, StateHolder

    def begin(self: SessionState, blocks: Blocks) -> None:
        every = blocks.default_config
        self.blocks_config = BlocksConfig(every.root_block)
        self.blocks_config.blocks = ChainMap({}, every.blocks)  # type: ignore[assignment]
        self.blocks_config.fns, self.blocks_config.fn_id = every.fns, every.fn_id
        self.config_values = {}
        self.state_data = {}
        self._state_ttl = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = HOUR_S

    def keep(self: SessionState, key: int, value: Any) -> None:
        block = self.blocks_config.blocks.get(key)
        if isinstance(block, State):
            self._state_ttl[key] = block.time_to_live, datetime.now()
            self.state_data[key] = value
        elif block is not None and block is not value:
            # Else it is what stands in a component's place already: once more, under its own number, at each event.
            self.blocks_config.blocks[key] = value

    def nothing(*_: Any) -> None: ...

    def make_room(self: StateHolder, session: str) -> None:
        with self.lock:
            if session in self.session_data:
                self.session_data.move_to_end(session)
                self.session_data[session].is_closed = False  # its browser is back
            while len(self.session_data) > self.capacity:
                longest_unused = list(self.session_data)
                closed = (name for name in longest_unused if self.session_data[name].is_closed)
                evicted = next(closed, longest_unused[0])
                del self.session_data[evicted]
                self.time_last_used.pop(evicted, None)

    for of, name, method in (
        (SessionState, "__init__", begin),
        (SessionState, "__setitem__", keep),
        (SessionState, "_update_config", nothing),
        (SessionState, "_update_value_in_config", nothing),
        (StateHolder, "update", make_room),
    ):
        setattr(of, name, method)


def _let_pages_be_left() -> None:
    """A page that is left while two of its streams are open ends them both, and gradio fails at the second."""
    from gradio.utils import LRUCache

    def forget(self: LRUCache[Any, Any], key: Any) -> None:
        if key in self:
            super(LRUCache, self).__delitem__(key)

    setattr(LRUCache, "__delitem__", forget)  # noqa: B010 (mypy lets no method be assigned)


class _WithoutStubs:
    """An import hook that finds gradio.component_meta and takes the writing of stub files out of it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == "gradio.component_meta" else None
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            module.create_or_modify_pyi = lambda *_: None  # type: ignore[attr-defined]

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
