"""Arms and prices as they are written in a terminal."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from core.errors import StudyError
from core.studies import Prices, StudyArm
from core.types import ARM_NAMES, Arm, ArmSpec


def read_arm(text: str, template: str, adapter: str) -> StudyArm:
    """`[NAME=]CELL[:TEMPLATE[:ADAPTER[:MODEL]]]`; the name is the text itself when none is given. Raises StudyError."""
    name, _, given = text.rpartition("=")
    cell, *rest = given.split(":", 3)
    if cell not in ARM_NAMES:
        raise StudyError(
            f"'{text}' is no arm: '{cell}' is none of {', '.join(ARM_NAMES)}; write NAME=CELL:TEMPLATE:ADAPTER, "
            "such as formal=prompt:formal."
        )
    chosen = dict(zip(("template", "adapter", "model"), rest, strict=False))
    spec = ArmSpec(cell, chosen.get("template") or template, None, chosen.get("model", ""))
    if spec.uses_adapter:
        spec = dataclasses.replace(spec, adapter=chosen.get("adapter") or adapter)
    elif chosen.get("adapter"):
        raise StudyError(f"'{text}' names an adapter, but the arm '{cell}' has none; write lora or lora+prompt.")
    return StudyArm(name or given, spec)


def arm_text(arm: Arm) -> str:
    """What an arm is made of, in one line."""
    parts = [
        arm.name,
        f"model {arm.model} ({arm.model_hash})",
        f"template {arm.template} version {arm.template_version}",
        f"adapter {arm.adapter} ({arm.adapter_hash})" if arm.adapter else "",
        f"index {arm.index_version}" if arm.index_version else "",
        arm.engine,
    ]
    return ", ".join(part for part in parts if part)


def read_prices(given: Sequence[str]) -> Prices:
    """Each `WHAT=PRICE`, where WHAT is a field of Prices. Raises StudyError."""
    known = [field.name for field in dataclasses.fields(Prices)]
    prices: dict[str, Any] = {}
    for text in given:
        what, _, price = text.partition("=")
        try:
            if what not in known or not price:
                raise ValueError
            prices[what] = price if what == "currency" else float(price)
        except ValueError as error:
            raise StudyError(f"'{text}' is no price; write one of {', '.join(known)} as machine_hour=0.4.") from error
    return Prices(**prices)
