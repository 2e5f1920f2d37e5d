"""The text of a template file -> a checked Template, or one sentence that says what is wrong with it."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Any

from core.errors import InvalidTemplate
from core.settings import shown
from core.types import Decoding, Template, Turn

KEYS = ("name", "purpose", "depth", "decoding", "messages")
ROLES = ("system", "user", "assistant")
VARIABLES = ("question", "context", "history", "company")
OPTIONAL = ("context", "history")  # a paragraph that names one of these goes when there is nothing to put in
HISTORY = Turn("user", "{history}")  # a message of this variable alone: the past turns go in as messages
NAME = re.compile(r"[a-z0-9-]{1,64}")
MAX_CHARS = 100_000
MAX_DEPTH = 20
SHOWN = 40  # characters of a wrong value in a sentence
DECODING_RANGES = {  # inclusive
    "max_new_tokens": (1, 2048),
    "temperature": (0.0, 2.0),
    "top_p": (0.01, 1.0),
    "repetition_penalty": (0.5, 2.0),
}


def parse_template(name: str, text: str, version: int) -> Template:
    """The template that a YAML text describes. Raises InvalidTemplate with one sentence."""
    if not NAME.fullmatch(name):
        raise InvalidTemplate(
            f"The template name {name[:64]!r} cannot be used; write it in small letters a to z, digits and "
            "hyphens, at most 64 of them."
        )
    where = f"The template '{name}'"
    raw = _load(where, text)
    _only_known(where, "key", raw, KEYS)
    if missing := [key for key in ("name", "messages") if key not in raw]:
        raise InvalidTemplate(f"{where} lacks `{missing[0]}`; add it.")
    if raw["name"] != name:
        raise InvalidTemplate(
            f"{where} says `name: {shown(raw['name'], SHOWN)}`; write `name: {name}`, as its file is named."
        )
    purpose = raw.get("purpose", "")
    if not isinstance(purpose, str):
        raise InvalidTemplate(f"{where}: `purpose` must be text, but is {_kind(purpose)}.")
    depth = _number(where, "depth", raw.get("depth", 4), 0, MAX_DEPTH)
    decoding = _decoding(where, raw.get("decoding", {}))
    messages = _messages(where, raw["messages"])
    return Template(
        name=name,
        purpose=purpose.strip(),
        messages=messages,
        depth=int(depth),
        decoding=decoding,
        version=version,
        hash=_meaning_hash(messages, int(depth), decoding),
        yaml=text,
    )


def variables_of(text: str) -> list[str]:
    """The names in single braces, in order. Raises ValueError for a brace that is neither paired nor doubled."""
    return [field for _, field, _, _ in Formatter().parse(text) if field is not None]


def paragraphs(text: str) -> list[str]:
    """The blocks between blank lines."""
    return [block for block in re.split(r"\n(?:[ \t]*\n)+", text.strip()) if block.strip()]


def _load(where: str, text: str) -> dict[str, Any]:
    import yaml

    from backends import strict_yaml

    if len(text) > MAX_CHARS:
        raise InvalidTemplate(f"{where} has {len(text):,} characters; at most {MAX_CHARS:,} are accepted.")
    try:
        raw = strict_yaml.load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        colon = error.problem and error.problem.startswith("mapping values")
        cure = "put a text that holds a colon in quotes" if colon else "mend that line"
        raise InvalidTemplate(f"{where} is not valid YAML{place}: {error.problem or error.context}; {cure}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidTemplate(f"{where} is not valid YAML: {str(error).splitlines()[0]}.") from error
    if not isinstance(raw, dict):
        raise InvalidTemplate(f"{where} must hold keys such as `name:` and `messages:`, but is {_kind(raw)}.")
    return raw


def _messages(where: str, raw: Any) -> tuple[Turn, ...]:
    if not isinstance(raw, list) or not raw:
        raise InvalidTemplate(f"{where}: `messages` must be a list of messages, but is {_kind(raw)}.")
    messages = tuple(_message(f"{where}, message {number}", entry) for number, entry in enumerate(raw, start=1))
    last = messages[-1]
    asked = [block for block in paragraphs(last.text) if "question" in variables_of(block)]
    if last.role != "user" or not asked:
        raise InvalidTemplate(f"{where} must end with a `user` message that contains {{question}}.")
    if all(set(variables_of(block)) & set(OPTIONAL) for block in asked):
        raise InvalidTemplate(
            f"{where}: put {{question}} in a paragraph of its own, after a blank line, because a paragraph with "
            "{context} or {history} is left out when there is none."
        )
    return messages


def _message(where: str, entry: Any) -> Turn:
    if not isinstance(entry, dict) or len(entry) != 1:
        raise InvalidTemplate(f"{where} must be one role with its text, such as `user: ...`, but is {_kind(entry)}.")
    [(role, text)] = entry.items()
    _only_known(where, "role", [role], (*ROLES, "history"))
    if not isinstance(text, str):
        raise InvalidTemplate(f"{where}: the text of `{role}` is {_kind(text)}; put text in quotes or below a `|`.")
    text = text.strip()
    try:
        used = variables_of(text)
    except ValueError as error:
        raise InvalidTemplate(
            f"{where} holds a single {{ or }}; write {{{{ or }}}} for a brace that is part of the text."
        ) from error
    _only_known(where, "variable", [re.split(r"[.\[]", name)[0] for name in used], VARIABLES, "{%s}")
    if _has_formatting(text):
        raise InvalidTemplate(f"{where}: write a variable as {{question}}, with nothing else inside its braces.")
    if role == "history":
        if text != HISTORY.text:
            raise InvalidTemplate(f'{where} must be exactly `history: "{{history}}"`.')
        return HISTORY
    if not text:
        raise InvalidTemplate(f"{where}: the text of `{role}` is empty; write it or leave the message out.")
    return Turn(role, text)


def _has_formatting(text: str) -> bool:
    """Whether a variable carries an index, a format or a conversion: only the bare name is part of our format."""
    return any(
        name is not None and (spec or conversion or name not in VARIABLES)
        for _, name, spec, conversion in Formatter().parse(text)
    )


def _decoding(where: str, raw: Any) -> Decoding:
    if not isinstance(raw, dict):
        raise InvalidTemplate(f"{where}: `decoding` must be keys with numbers, but is {_kind(raw)}.")
    _only_known(where, "key of `decoding`", raw, tuple(DECODING_RANGES))
    values: dict[str, Any] = {name: _number(where, name, value, *DECODING_RANGES[name]) for name, value in raw.items()}
    return dataclasses.replace(Decoding(), **values)


def _number(where: str, name: str, value: Any, low: float, high: float) -> float:
    """The value as int when its bounds are ints, else as float."""
    whole = isinstance(low, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        wanted = "a whole number" if whole else "a number"
        raise InvalidTemplate(f"{where}: `{name}` must be {wanted}, but is {_kind(value)}.")
    if not low <= value <= high:
        raise InvalidTemplate(f"{where}: `{name}` must be between {low} and {high}, but is {shown(value, SHOWN)}.")
    return value if whole else float(value)


def _only_known(where: str, what: str, found: Iterable[Any], allowed: tuple[str, ...], form: str = "`%s`") -> None:
    for name in found:
        if name not in allowed:
            given = shown(name, SHOWN)
            near = difflib.get_close_matches(given, allowed, n=1)
            hint = f"did you mean {form % near[0]}? " if near else ""
            listed = ", ".join(form % known for known in allowed)
            raise InvalidTemplate(f"{where} has an unknown {what} {form % given}; {hint}allowed are {listed}.")


def _kind(value: Any) -> str:
    """A value's type in plain words, with the value itself when it is short."""
    if value is None:
        return "empty"
    if isinstance(value, (list, Mapping)):
        return "a list" if isinstance(value, list) else "a group of keys"
    return f"the {'text' if isinstance(value, str) else 'value'} {shown(value, SHOWN)!r}"


def _meaning_hash(messages: tuple[Turn, ...], depth: int, decoding: Decoding) -> str:
    """12 hexadecimal digits that change exactly when the template's effect does, not with comments or layout."""
    drawn = {name: getattr(decoding, name) for name in DECODING_RANGES}
    meaning = [[(turn.role, turn.text) for turn in messages], depth, drawn]
    canonical = json.dumps(meaning, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:12]
