"""An experiment goes on only as it was begun: points that were made of different things cannot be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import StudyError
from core.protocols import Backend
from core.studies import ExperimentKind, Study
from core.types import ArmSpec
from study.asking import as_asked
from study.experiments.plain import plain


def begun(study: Study, kind: ExperimentKind, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of an earlier attempt, with its settings, or these where it is the first.

    Of settings that are mappings only what both have is compared, so that arms or seeds may be added. Raises
    StudyError for an attempt with other settings.
    """
    content = dict(study.experiments.get(kind) or {})
    kept: dict[str, Any] = content.get("settings", {})
    merged = dict(kept)
    for name, value in plain(settings).items():
        old = kept.get(name, value)
        if isinstance(value, dict) and isinstance(old, dict):
            shared = [key for key in value if key in old]
            was, now = ({key: both[key] for key in shared} for both in (old, value))
            merged[name] = old | value
        else:
            was, now, merged[name] = old, value, value
        if was != now:
            raise StudyError(
                f"The {kind.replace('_', ' ')} of the study '{study.plan.name}' was begun with other "
                f"{name.replace('_', ' ')} ({_short(was)}; now {_short(now)}), so that its points could not be "
                "compared; go back to that, or make a new study."
            )
    return content | {"settings": merged}


def made_of(backend: Backend, spec: ArmSpec, study: Study) -> dict[str, Any]:
    """What the answers of an arm depend on beside its adapter. Raises what the arm raises."""
    draft = backend.draft(as_asked(study.questions[0]), spec)
    draft.pieces.close()
    arm = draft.arm
    return {"model": arm.model_hash, "template": arm.template_hash, "index": arm.index_version, "engine": arm.engine}


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 160 else f"{text[:157]}..."
