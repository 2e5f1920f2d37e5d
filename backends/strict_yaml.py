"""YAML as people write templates in: plain values, each key once, nothing that refers to something else.

References can make a few lines stand for more than any memory holds (https://en.wikipedia.org/wiki/Billion_laughs_attack).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

MOST_LEVELS = 50


class StrictLoader(yaml.SafeLoader):
    """Reads what `load` takes; raises yaml.MarkedYAMLError for anything else."""

    levels = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise _problem("a reference (*) is not taken", event)
        if self.levels == MOST_LEVELS:
            raise _problem(f"more than {MOST_LEVELS} levels in each other", event)
        self.levels += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.levels -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _problem(f"`{key.value[:64]}` stands there twice", key)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _problem(what: str, where: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=what, problem_mark=where.start_mark)


def load(text: str) -> Any:
    """The value that a text describes. Raises yaml.YAMLError, ValueError, RecursionError."""
    return yaml.load(text, StrictLoader)
