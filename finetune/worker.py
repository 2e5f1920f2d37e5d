"""The process of one run: `python -m finetune.worker RUN_FOLDER`, or, on several GPUs or machines,
`accelerate launch --multi_gpu --num_processes N -m finetune.worker RUN_FOLDER` (docs/fine-tuning.md).

Everything it needs is in the folder; what it says goes there too.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from core.errors import DuodeskError, TrainingError
from finetune.run_folder import RunFolder, last_checkpoint

log = logging.getLogger(__name__)

LEAST_FREE = 200 << 20  # bytes; below, a failed write is most likely the disk's fault


def main(folder: Path) -> int:
    """Does what the run's plan says. Returns 0 when it is done or was stopped, 1 when it failed."""
    run = RunFolder(folder)
    first = int(os.environ.get("RANK", "0")) == 0
    with run.working() if first else contextlib.nullcontext():
        if first:
            run.say("running", "Loading the model …")
        begun, before = time.monotonic(), run.view(whole=False).seconds if first else 0.0
        try:
            status, message, result = _work(run)
        except Exception as error:
            message = explain(error, folder)
            if not isinstance(error, DuodeskError):
                log.exception("the run %s failed", run.id)
            if first:
                with contextlib.suppress(OSError):
                    last_checkpoint(run.checkpoints)  # drops a half-written one: on a full disk, room for the reason
                    run.say("failed", message, seconds_left=None)
            print(message, file=sys.stderr)
            return 1
        if first:
            # The seconds on an adapter's card are those of training alone; elsewhere all of them count.
            spent = {} if run.plan.kind == "train" else {"seconds": round(before + time.monotonic() - begun, 1)}
            run.say(status, message, result=result, seconds_left=None, **spent)
    return 0


def _work(run: RunFolder) -> tuple[Any, str, dict[str, Any]]:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads starve the chat that runs beside
    if "WORLD_SIZE" not in os.environ:  # one process uses one GPU; transformers would split batches over all of them
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # all that is needed is in folders
    warnings.filterwarnings("ignore", category=FutureWarning)
    if run.plan.kind == "range_test":
        from finetune.learning_rate import range_test

        return range_test(run)
    if run.plan.kind == "sweep":
        from finetune.sweep import sweep

        return sweep(run)
    from finetune.train import train

    return train(run)


def explain(error: Exception, folder: Path) -> str:
    """One sentence for a person: what went wrong, what of the run is left."""
    if isinstance(error, DuodeskError):
        return str(error)
    said = " ".join(str(error).split())
    if shutil.disk_usage(folder).free < LEAST_FREE or "No space left" in said or "os error 28" in said:
        return "The disk is full; the last complete checkpoint is kept: make room, then resume the run."
    if "out of memory" in said.lower() or isinstance(error, MemoryError):
        return "The memory is not enough; take a smaller batch size or shorter rounds, then start again."
    return f"The run failed: {type(error).__name__}: {said[:300]}"


def check_base(setup: dict[str, Any]) -> None:
    """Raises TrainingError when the base model is not the one that the run was planned for."""
    from backends.folders import folder_hash

    found = folder_hash(Path(setup["model_folder"]))
    if found != setup["model_hash"]:
        raise TrainingError(
            f"The base model {setup['model']} has changed since the run was planned (from {setup['model_hash']} to "
            f"{found}); start a new run on it."
        )


if __name__ == "__main__":
    os.nice(10)  # the chat goes first
    sys.exit(main(Path(sys.argv[1])))
