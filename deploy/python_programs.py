"""What runs on the project's own interpreter: the Chroma server, the model server, the app processes."""

from __future__ import annotations

import sys
from pathlib import Path

from core.settings import ROOT
from deploy.plan import Plan
from deploy.program import Program, answers


def chroma(plan: Plan) -> Program:
    port, folder = plan.chroma_port, plan.folder / "chroma"
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(folder)]
    return Program(
        name="chroma",
        command=[*command, "--host", "127.0.0.1", "--port", str(port)],
        log=plan.logs / "chroma.log",
        environ=plan.environ(),
        ready=lambda: answers(port, "/api/v2/heartbeat"),
        ports=[("127.0.0.1", port)],
    )


def model_server(plan: Plan) -> Program:
    """It takes as many answers as all apps together may send."""
    settings, port = plan.settings, plan.model_port
    room = plan.apps * (settings.slots + settings.queue) - settings.slots
    flags = {name: getattr(settings, name) for name in ("model", "data", "adapters", "engine", "precision", "device")}
    flags |= {name: getattr(settings, name) for name in ("threads", "slots", "context", "prefix_cache_mb")}
    flags |= {"queue": min(room, 10_000), "host": "127.0.0.1", "port": port}
    given = [part for name, value in flags.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    return Program(
        name="model-server",
        command=[sys.executable, str(ROOT / "launch.py"), "model-server", *given],
        log=plan.logs / "model-server.log",
        environ=plan.environ(),
        ready=lambda: answers(port, "/health"),
        ports=[("127.0.0.1", port)],
    )


def app(plan: Plan, number: int, port: int) -> Program:
    command = [sys.executable, str(ROOT / "launch.py"), "--settings", str(plan.settings_file), "--port", str(port)]
    return Program(
        name=f"app-{number}",
        command=command,
        log=plan.logs / f"app-{number}.log",
        environ=plan.environ(),
        ready=lambda: answers(port, "/health"),
        ports=[("127.0.0.1", port)],
    )
