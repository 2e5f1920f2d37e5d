"""Splits in the terminal: what `launch.py study split` asks for and prints."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from core.parts import Parts
from core.splits import SPLIT_EXPORTS, Split, SplitPlan
from core.types import now
from study.arm_text import arm_text, read_arm, read_prices
from study.splits.check import shared_out

DAYS = 14.0


def add_split_arguments(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser, points: Any) -> None:
    """`shared` has the flags of the settings, `points` reads a share in points of 100. As with the words of `study`,
    `what` is the function to call, and `asks` says whether it needs the documents indexed."""
    words = parser.add_subparsers(metavar="what", required=True)

    def word(run: Any, name: str) -> argparse.ArgumentParser:
        described = words.add_parser(name, help=run.__doc__, description=run.__doc__, parents=[shared])
        described.set_defaults(what=run, asks=run is start_split)
        return described

    word(list_splits, "list")
    start = word(start_split, "start")
    start.add_argument("name", help="what the split is called")
    start.add_argument(
        "--arms",
        nargs="+",
        metavar="ARM",
        required=True,
        help="each [NAME=]CELL[:TEMPLATE[:ADAPTER[:MODEL]]]; the first is the one in use, to which others are compared",
    )
    start.add_argument("--shares", nargs="+", type=float, metavar="PERCENT", help="of the visitors (default: equal)")
    start.add_argument("--days", type=float, default=DAYS, metavar="N", help=f"how long it runs (default: {DAYS:g})")
    start.add_argument(
        "--margin", type=points, default=5, help="the smallest difference that matters, in points of 100 (default: 5)"
    )
    start.add_argument("--prices", nargs="+", default=[], metavar="WHAT=PRICE", help="such as machine_hour=0.4")
    for run, name in ((show_split, "show"), (end_split, "end"), (report_split, "report"), (export_split, "export")):
        described = word(run, name)
        described.add_argument(
            "name", metavar="NAME|ID", help="the split's name, or the first 6 or more characters of its id"
        )
        if run is export_split:
            described.add_argument("--kind", choices=SPLIT_EXPORTS, default="csv", help="what to write (default: csv)")
            described.add_argument("--out", metavar="FOLDER", default=".", help="where to write it (default: here)")


def list_splits(parts: Parts, options: argparse.Namespace) -> int:
    """All splits, the newest first."""
    splits = parts.splits.all()
    for split in splits:
        counts = parts.splits.counts(split.id).values()
        print(
            f"{split.id[:8]}  {split.started_at:%Y-%m-%d %H:%M}  {_state(split):<26} "
            f"{sum(one.visitors for one in counts):>6,} visitors {sum(one.chats for one in counts):>6,} chats  "
            f"{split.plan.name}"
        )
    if not splits:
        print("There is no split yet; begin one with `study split start NAME --arms prompt lora+prompt`.")
    return 0


def start_split(parts: Parts, options: argparse.Namespace) -> int:
    """Shares new chats out between arms from now on: everybody keeps the arm that is drawn for them."""
    settings = parts.settings
    arms = [read_arm(text, settings.template, settings.adapter) for text in options.arms]
    plan = SplitPlan(
        name=options.name,
        arms=shared_out(arms, options.shares),
        until=_until(options.days),
        margin=options.margin / 100,
        prices=read_prices(options.prices),
    )
    split = parts.splits.start(plan)
    print(f"The split '{plan.name}' {_state(split)}.")
    _print_arms(parts, split)
    return 0


def show_split(parts: Parts, options: argparse.Namespace) -> int:
    """What a split is made of, and who came so far."""
    split = parts.splits.find(options.name)
    print(f"{split.plan.name} ({split.id}) {_state(split)}; began {split.started_at:%Y-%m-%d %H:%M} UTC")
    _print_arms(parts, split)
    return 0


def end_split(parts: Parts, options: argparse.Namespace) -> int:
    """Ends a split before its time; chats that are under way go on with their arm."""
    split = parts.splits.find(options.name)
    parts.splits.end(split.id)
    print(f"The split '{split.plan.name}' is ended; `study split report {split.plan.name}` shows what it found.")
    return 0


def report_split(parts: Parts, options: argparse.Namespace) -> int:
    """What a split found so far, or in the end."""
    parts.splits.print_report(parts.splits.find(options.name).id)
    return 0


def export_split(parts: Parts, options: argparse.Namespace) -> int:
    """Writes a row for each chat, with JSONL also the findings."""
    split = parts.splits.find(options.name)
    print(f"Written to {parts.splits.export(split.id, options.kind, Path(options.out))}.")
    return 0


def _until(days: float) -> datetime:
    """Days from now; what no calendar holds is as far as one does, which is refused as too late."""
    try:
        return now() + timedelta(days=days)
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=UTC)


def _state(split: Split) -> str:
    return f"{'runs until' if split.runs(now()) else 'ended'} {split.end:%Y-%m-%d %H:%M} UTC"


def _print_arms(parts: Parts, split: Split) -> None:
    counts = parts.splits.counts(split.id)
    for arm in split.plan.arms:
        came = f"{counts[arm.name].visitors:,} visitors" if arm.name in counts else "nobody yet"
        print(f"  {arm.name:<20} {arm.share:>5g}%  {came:<16} {arm_text(split.made[arm.name])}")
