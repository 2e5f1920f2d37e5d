"""Prompt templates that are broken or hostile: YAML text by what is wrong with it. The template's name is `calm`."""

from __future__ import annotations

GOOD = 'name: calm\nmessages:\n  - user: "{question}"\n'


def with_line(line: str) -> str:
    return f"{line}\n{GOOD}"


def message(text: str) -> str:
    return f"name: calm\nmessages:\n  - user: {text}\n"


def laughs(depth: int = 9, times: int = 10) -> str:
    """Lists of lists that say times ** depth words."""
    lines = ["a0: &a0 lol"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * times)}]" for n in range(1, depth + 1)]
    return "\n".join(lines)


def merges(depth: int = 9, times: int = 10) -> str:
    """Mappings that take in others, times ** depth in all."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * times)}]" for n in range(1, depth + 1)]
    return "\n".join(lines)


def broken() -> dict[str, str]:
    return {
        "nothing": "",
        "comment": "# nothing",
        "text": "Hello there",
        "number": "42",
        "list": "- a\n- b",
        "null": "~",
        "two documents": GOOD + "---\n" + GOOD,
        "tab": "name: calm\nmessages:\n\t- user: x\n",
        "NUL": GOOD + "# \0",
        "control characters": GOOD + "# \x01\x1b",
        "half a surrogate": message('"\\ud800 {question}"').replace("question", "\ud800"),
        "quote that never closes": 'name: "calm\n' * 100,
        "bracket that never closes": "name: [" * 100,
        "colon": message("Answer: this: {question}"),
        "python object": with_line("purpose: !!python/object/apply:os.system ['touch /tmp/evil']"),
        "python name": with_line("purpose: !!python/name:os.system"),
        "python module": with_line("purpose: !!python/module:os"),
        "tag unknown": with_line("purpose: !evil x"),
        "words that multiply": f"{laughs()}\nname: *a9\nmessages: *a9",
        "words that multiply as purpose": f"{laughs()}\n{with_line('purpose: *a9')}",
        "mappings that multiply": f"{merges()}\n{GOOD}",
        "refers to itself": "name: calm\nmessages: &a [*a]",
        "alias unknown": with_line("purpose: *nobody"),
        "deeply nested lists": "name: " + "[" * 50_000,
        "deeply nested mappings": "name: " + "{a: " * 20_000,
        "deeply nested blocks": "\n".join(" " * n + "a:" for n in range(400)),
        "deeply nested dashes": "- " * 40_000,
        "twelve thousand keys": "".join(f"k{n}: 1\n" for n in range(12_000)),
        "longer than any": GOOD + "#" * 200_000,
        "name twice": with_line("name: other"),
        "messages twice": GOOD + "messages:\n  - user: other\n",
        "role twice": message('"{question}"\n    user: "{question}"'),
        "decoding twice": GOOD + "decoding: {temperature: 1, temperature: 0}\n",
        "key is a list": "? [a, b]\n: c\n" + GOOD,
        "key is a number": with_line("5: x"),
        "key is a date": with_line("2024-01-01: x"),
        "key of 1000 letters": with_line(f"{'k' * 1000}: x"),
        "name is another": GOOD.replace("calm", "other"),
        "name is a number": GOOD.replace("calm", "42"),
        "name is a list": GOOD.replace("calm", "[calm]"),
        "name is a date": GOOD.replace("calm", "2024-01-01"),
        "date that is none": with_line("purpose: 2024-99-99"),
        "number of 5000 digits": with_line("depth: " + "9" * 5000),
        "number in base 60": with_line("depth: " + "1" + ":59" * 5000),
        "bytes": with_line("purpose: !!binary gICAgA=="),
        "bytes that are none": with_line("purpose: !!binary ä"),
        "set": with_line("purpose: !!set {a, b}"),
        "depth is true": with_line("depth: true"),
        "depth is below 0": with_line("depth: -1"),
        "depth is a fraction": with_line("depth: 1.5"),
        "temperature is no number": with_line("decoding: {temperature: .nan}"),
        "temperature is endless": with_line("decoding: {temperature: .inf}"),
        "tokens beyond measure": with_line("decoding: {max_new_tokens: 1000000000}"),
        "decoding is a list": with_line("decoding: [1]"),
        "decoding has other keys": with_line("decoding: {1: 2}"),
        "purpose is a list": with_line("purpose: [a]"),
        "no messages": "name: calm",
        "messages are empty": "name: calm\nmessages: []",
        "messages are text": "name: calm\nmessages: user",
        "message is text": "name: calm\nmessages: [user]",
        "message has two roles": 'name: calm\nmessages:\n  - {user: "{question}", system: x}',
        "role unknown": "name: calm\nmessages:\n  - ghost: boo",
        "role is a number": "name: calm\nmessages:\n  - 5: boo",
        "text is a number": message("5"),
        "text is empty": message('""'),
        "no question": message('"Hello"'),
        "variable unknown": message('"{question} {evil}"'),
        "variable of an object": message('"{question.__class__.__mro__}"'),
        "variable of an item": message('"{question[0]}"'),
        "variable with a format": message('"{question:>1000000000}"'),
        "variable with a conversion": message('"{question!r}"'),
        "variable in a variable": message('"{question:{question}}"'),
        "variable without a name": message('"{question} {}"'),
        "brace alone": message('"{question} {"'),
        "forty thousand braces": message('"' + "{" * 40_001 + '"'),
    }
