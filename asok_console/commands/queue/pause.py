"""``asok queue pause``: ``PauseQueue`` of the catalogue."""

from __future__ import annotations

import argparse
from contextlib import closing

from asok_console.commands.support import direct, options
from asok_console.commands.support.documents import say
from asok_console.commands.support.queue_names import known
from asok_console.presentation.local_time import clock, zone_in_words
from asok_core.errors import UsageError
from asok_core.inspection.pauses import LONGEST_REASON, cleaned_reason, length_problem
from asok_core.operations.catalog.switches import PauseQueue
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings

OPERATIONS = (PauseQueue,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    direct.add_queue(parser)
    parser.epilog = (
        "Workers of the asok framework ignore pauses. Workers of earlier releases end none: at its end a "
        "worker of this release resumes the queue."
    )
    parser.add_argument(
        "--for",
        dest="lasts",
        metavar="DURATION",
        help="resume it automatically after DURATION, as in 90s, 30m, 2h",
    )
    parser.add_argument(
        "--until",
        metavar="MOMENT",
        help="resume it automatically at 15:00 or tomorrowT15:00 (local time), or 2026-11-25T15:00Z",
    )
    parser.add_argument(
        "--reason",
        metavar="TEXT",
        default="",
        help=f"why, at most {LONGEST_REASON} characters; asok explain and the list of queues show it",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Pause it, or change its pause. Running jobs finish."""
    if args.lasts is not None and args.until is not None:
        raise UsageError("specify at most one of --for, --until")
    lasts = None if args.lasts is None else options.length("--for", args.lasts, length_problem)
    reason = cleaned_reason(args.reason)
    with closing(open_reader(settings, args.url)) as reader:
        queue = known(reader, args.queue)
        ends = None
        if args.until is not None:
            now = reader.snapshot(rates=False, jobs=False).taken_at
            ends = options.end(args.until, now, length_problem, "; for a length of time use --for")
    code = direct.switch_queue(args, settings, PauseQueue(reason, lasts, ends), queue)
    # It was typed in the time of this machine's zone, unless it names another, and is shown in UTC.
    if ends is not None and (zone := zone_in_words(ends)) != "UTC":
        say(f"until {clock(ends)} {zone} on this machine")
    return code
