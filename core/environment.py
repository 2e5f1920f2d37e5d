"""Sets up Python packages on a fresh machine. Standard library only: it runs before anything is installed."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from core.errors import SetupError
from core.settings import ROOT

VENV = ROOT / ".venv"
CONSTRAINTS = ROOT / "constraints.txt"


def ensure(requirements: Sequence[str], argv: Sequence[str]) -> None:
    """Returns when this interpreter satisfies the requirement files; else sets up .venv and restarts in it.

    `argv` is the command to restart. Raises SetupError.
    """
    files = [ROOT / name for name in requirements]
    if all(_satisfied(file) for file in files):
        return
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if Path(sys.prefix).resolve() == VENV.resolve() or not _installed(files):
        _install(python, files)
    command = [str(python), *argv]
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)


def _satisfied(requirements: Path) -> bool:
    """Whether this interpreter has exactly the versions that the file pins."""
    for name, version in _pins(requirements):
        try:
            if importlib.metadata.version(name).split("+")[0] != version:
                return False
        except importlib.metadata.PackageNotFoundError:
            return False
    return True


def _pins(requirements: Path) -> list[tuple[str, str]]:
    lines = (line.split("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("==") for line in lines if "==" in line)
    return [(name.split("[")[0].strip(), version.strip()) for name, version in pairs]


def _stamp(requirements: Path) -> Path:
    """The file in .venv that says this requirement file was installed, as it is now."""
    digest = hashlib.sha256(requirements.read_bytes() + CONSTRAINTS.read_bytes()).hexdigest()[:12]
    return VENV / f"{requirements.stem}-{digest}.installed"


def _installed(files: Sequence[Path]) -> bool:
    return all(_stamp(file).exists() for file in files)


def _install(python: Path, files: Sequence[Path]) -> None:
    if not python.exists():
        print(f"Setting up {VENV.name} (once; a few minutes and about 2.5 GB) …", flush=True)
        try:
            venv.create(VENV, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SetupError(
                f"The virtual environment {VENV} cannot be made ({error}); check the disk, and that Python's venv "
                "module is there (on Debian: apt install python3-venv)."
            ) from error
    for file in files:
        if not _stamp(file).exists():
            _pip_install(python, file)
            _stamp(file).touch()


def _pip_install(python: Path, requirements: Path) -> None:
    """Runs pip and shows one progress line in place of its hundreds."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    command += ["--no-compile", "-r", str(requirements), "-c", str(CONSTRAINTS)]
    output: list[str] = []
    seen: set[str] = set()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            output.append(line)
            words = line.split()
            if line.startswith("Collecting") and len(words) > 1:
                seen.add(words[1])
                _progress(f"collecting {len(seen)} packages: {words[1]}")
            elif line.startswith("Installing collected"):
                _progress(f"installing {len(seen)} packages; the longest step")
    print(flush=True)
    if pip.returncode:
        reason = pip_reason(output)
        raise SetupError(f"pip could not install {requirements.name}: {reason} Check the network and the free disk.")
    # On all cores, which pip does on one for longer than all else takes. What does not compile is never imported.
    print("compiling the packages; about a minute", flush=True)
    compiling = [str(python), "-m", "compileall", "-q", "-j", "0", str(VENV)]
    subprocess.run(compiling, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def pip_reason(output: Sequence[str]) -> str:
    """The last error among pip's lines."""
    return next((line.strip() for line in reversed(output) if line.startswith("ERROR")), "no reason given")


def _progress(text: str) -> None:
    if sys.stdout.isatty():
        print(f"\r\033[K{text[:100]}", end="", flush=True)
    elif text.startswith("installing") or text.split()[1].endswith("0"):
        print(text, flush=True)
