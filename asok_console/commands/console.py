"""``asok console``: open the console on a Redis, or on a demo of its own."""

from __future__ import annotations

import argparse
import codecs
import os
import sys
from contextlib import ExitStack

from asok_core.errors import SettingsError, UsageError
from asok_core.settings.durations import parse_duration
from asok_core.settings.settings import Settings

VIEWS = ("overview", "pending", "delayed", "jobs", "workers", "dead", "activity", "tasks", "held")
FILTERED = ("pending", "delayed", "jobs", "dead")
OTHER_NAMES = {"dlq": "dead"}
PICTURES = "240"
"""Pictures a second at most: how finely their moments lie. A key that leads where nothing is loaded takes
two pictures, and at Textual's sixty the second may wait for a thirtieth of a second."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--url", metavar="URL", help="Redis URL (overrides ASOK_REDIS_URL)")
    where.add_argument(
        "--demo",
        action="store_true",
        help="open on a Redis of its own with two workers and made-up traffic",
    )
    parser.add_argument("--read-only", action="store_true", help="look, and change nothing")
    parser.add_argument(
        "--protected",
        action="store_true",
        help="require typed confirmation for bulk operations (also ASOK_CONSOLE_PROTECTED)",
    )
    parser.add_argument(
        "--view",
        metavar="VIEW",
        type=_view,
        help=f"the view to begin with: {', '.join(VIEWS)} [the last one]",
    )
    parser.add_argument(
        "--filter",
        metavar="FILTER",
        default="",
        help="the filter to begin with, in a view of jobs: --view dead --filter error:Timeout",
    )
    parser.add_argument(
        "--interval",
        metavar="DURATION",
        type=_interval,
        help="time between two snapshots, as 500ms or 2s [the last one, at first 1s]",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Open the console and stay in it. Returns the exit code."""
    if not args.demo and args.url is None and settings.queue_backend != "redis":
        raise SettingsError(
            f"ASOK_QUEUE_BACKEND is {settings.queue_backend!r}, so there is no Redis to look at: "
            "set ASOK_QUEUE_BACKEND=redis and REDIS_URL, give --url, or try asok console --demo"
        )
    if args.filter:
        from asok_core.inspection.filters import parse

        parse(args.filter)
        if args.view not in FILTERED:
            raise UsageError(f"--filter needs a view of jobs: --view {', '.join(FILTERED)}")
    _need_terminal()
    with ExitStack() as stack:
        if args.demo:
            from asok_console import demo

            # The screen is taken when there is something to show.
            sys.stderr.write("starting the demo …\n")
            sys.stderr.flush()
            settings = stack.enter_context(demo.session())
        from asok_console.tui.runtime import tuning

        tuning.collect_rarely()
        from asok_core.operations.inspector import on_redis, open_operator, open_reader

        settings = on_redis(settings, args.url)
        reader = open_reader(settings)
        stack.callback(reader.close)
        unredacted = open_reader(settings, redacted=False)
        stack.callback(unredacted.close)
        # Before the screen is taken: a wrong URL is reported in one line, with exit code 3.
        first = reader.snapshot()
        operator = None if args.read_only else open_operator(settings)
        os.environ.setdefault("TEXTUAL_FPS", PICTURES)
        from asok_console.tui.app import ConsoleApp
        from asok_console.tui.data import preferences
        from asok_console.tui.options import Session

        last = preferences.recall()
        app = ConsoleApp(
            Session(
                reader=reader,
                operator=operator,
                target="embedded Redis" if args.demo else first.server.url,
                protected=args.protected or settings.console_protected,
                demo=args.demo,
                view=args.view or last.view,
                filter=args.filter,
                cancel_wait=settings.cancel_wait,
                dead_cap=settings.dlq_max,
                interval=args.interval or last.interval,
                theme=last.theme,
                new_here=last.fresh,
                namespace=settings.namespace,
                beside_framework=settings.records == "framework",
                unredacted=unredacted,
                first=first,
            )
        )
        app.run()
        sys.stderr.writelines(f"{line}\n" for line in app.last_lines())
        if not args.demo:
            kept = preferences.Preferences(app.poller.interval, app.theme, app.view_name)
            preferences.remember(kept)
        return app.exit_code


def _need_terminal() -> None:
    # Textual draws on stderr and reads from stdin; without a terminal it would wait forever.
    if not (sys.stdin.isatty() and sys.stderr.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the console needs a terminal; for scripts and pipes use: asok worker status [--json]"
        )
    if os.environ.get("TERM", "dumb") in ("", "dumb", "unknown"):
        raise UsageError(
            f"the terminal (TERM={os.environ.get('TERM', '')}) cannot draw a screen; "
            "use asok worker status --watch, or set TERM"
        )
    encoding = sys.stderr.encoding
    if codecs.lookup(encoding).name != "utf-8":
        raise UsageError(
            f"the terminal's encoding is {encoding}, and the console draws in UTF-8; set "
            "LC_ALL=C.UTF-8 if the terminal can show it, or use asok worker status --watch"
        )


def _view(word: str) -> str:
    name = OTHER_NAMES.get(word, word)
    if name not in VIEWS:
        raise argparse.ArgumentTypeError(f"{word!r} is not a view; views: {', '.join(VIEWS)}")
    return name


def _interval(word: str) -> float:
    try:
        seconds = parse_duration(word)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 0.2 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"{word!r} is out of range: 200ms to 60s")
    return seconds
