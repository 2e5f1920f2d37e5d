"""nginx in front of the app processes."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from core.errors import DeploymentError
from core.ports import in_url
from deploy.plan import Plan
from deploy.program import Program, listens

TEMPLATE = Path(__file__).with_name("nginx.conf")


def nginx(plan: Plan) -> Program:
    """Writes its configuration and checks it. Raises DeploymentError."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if not program:
        raise DeploymentError("nginx is not installed; install Debian's nginx.")
    folder = plan.folder / "nginx"
    folder.mkdir(exist_ok=True)
    file = folder / "nginx.conf"
    file.write_text(configuration(plan, folder), encoding="utf-8")
    command = [program, "-c", str(file), "-p", str(folder), "-e", "stderr"]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True)
    if tried.returncode:
        raise DeploymentError(f"nginx refuses its configuration {file}: {tried.stderr.strip()}")
    host, port = plan.settings.host, plan.settings.port
    return Program(
        name="nginx",
        command=command,
        log=plan.logs / "nginx.log",
        environ=plan.environ(),
        ready=lambda: listens(host, port),
        ports=[(host, port)],
    )


def configuration(plan: Plan, folder: Path) -> str:
    certificate = (
        f"ssl_certificate {plan.certificate};\n        ssl_certificate_key {plan.certificate_key};"
        if plan.certificate
        else ""
    )
    servers = (f"server 127.0.0.1:{port} max_fails=1 fail_timeout=2s;" for port in plan.app_ports)
    filled = {
        "user": _user_line(),
        "folder": str(folder),
        "servers": "\n        ".join(servers),
        "listen": f"{in_url(plan.settings.host)}:{plan.settings.port}{' ssl' if plan.certificate else ''}",
        "certificate": certificate,
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in filled.items():
        text = text.replace(f"@{name}@", value)
    return text


def _user_line() -> str:
    """Whom nginx's workers run as when it is started by root."""
    if os.geteuid() != 0:
        return ""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "user www-data;" if "www-data" in names else "user nobody nogroup;"
