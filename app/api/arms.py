"""Arms as models: `prompt`, `prompt:TEMPLATE`, `lora+prompt:TEMPLATE:ADAPTER`, and `split`, which draws one."""

from __future__ import annotations

from app.api.errors import ApiError
from app.api.wire import ArmModel
from core.errors import UnknownChat
from core.parts import Parts
from core.splits import Drawn, drawn_for
from core.types import ARM_NAMES, SPLIT, ArmSpec


class Arms:
    """Between the names of models and arms. What a name leaves out is as in the settings."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def names(self) -> list[str]:
        """The arms of the settings, then each with every other template, then with every other adapter, then `split`
        where there was ever one. Further combinations can be asked for; listing them all would be a list of
        products."""
        settings = self.parts.settings
        adapters = self.parts.model.adapters()
        arms = [name for name in ARM_NAMES if not _adapted(name) or settings.adapter in adapters]
        adapted = [name for name in ARM_NAMES if _adapted(name)]
        templates = [name for name in self.parts.templates.names() if name != settings.template]
        others = [name for name in adapters if name != settings.adapter]
        return [
            *arms,
            *(f"{arm}:{template}" for template in templates for arm in arms),
            *(f"{arm}:{settings.template}:{adapter}" for adapter in others for arm in adapted),
            *([SPLIT] if self.parts.splits.usual() else []),
        ]

    def spec(self, model: str) -> ArmSpec:
        """The arm that a model's name stands for. Raises ApiError."""
        settings = self.parts.settings
        name, *chosen = model.split(":")
        arm = next((known for known in ARM_NAMES if known == name), None)
        if arm is None or len(chosen) > 1 + _adapted(arm):
            raise unknown(model, f"Write {', '.join(ARM_NAMES)}, or one of /v1/models.")
        template, adapter = [*chosen, *(settings.template, settings.adapter)[len(chosen) :]]
        if template not in self.parts.templates.names():
            raise unknown(model, f"There is no template '{template[:64]}'.")
        if not _adapted(arm):
            return ArmSpec(arm, template)
        if adapter not in self.parts.model.adapters():
            raise unknown(model, f"There is no adapter '{adapter[:64]}' for the base model in use.")
        return ArmSpec(arm, template, adapter)

    def drawn(self, owner: str, chat_id: str) -> tuple[ArmSpec, Drawn | None]:
        """What `split` stands for: the arm that was drawn for the owner's chat, or now for the owner; while no split
        runs the usual arm, which counts for none. Raises ApiError where there was never one."""
        drawn = self._of_chat(owner, chat_id) or self.parts.splits.draw(owner)
        arm = drawn.spec if drawn else self.parts.splits.usual()
        if arm is None:
            raise unknown(SPLIT, "No split was ever begun; `python3 launch.py study split start` begins one.")
        return arm, drawn

    def _of_chat(self, owner: str, chat_id: str) -> Drawn | None:
        try:
            chat = self.parts.store.chat(chat_id) if chat_id else None
        except UnknownChat:
            return None
        return drawn_for(chat) if chat and chat.owner == owner else None

    def model(self, name: str) -> ArmModel:
        """Raises ApiError."""
        if name == SPLIT and (splits := self.parts.splits.all()):
            began = int(splits[0].started_at.timestamp())
            return ArmModel(id=SPLIT, created=began, arm=SPLIT, template="", adapter=None)
        spec = self.spec(name)
        created = self.parts.templates.versions(spec.template)[0].saved_at
        return ArmModel(
            id=name, created=int(created.timestamp()), arm=spec.name, template=spec.template, adapter=spec.adapter
        )


def unknown(model: str, reason: str) -> ApiError:
    return ApiError(404, f"There is no model '{model[:200]}'. {reason}", "model", "model_not_found")


def _adapted(arm: str) -> bool:
    return arm.startswith("lora")
