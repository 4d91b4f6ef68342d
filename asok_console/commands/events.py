"""``asok events``: what changed beside jobs, oldest first, once or as it happens."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from asok_console.commands.support.documents import VERSION, say, write_json
from asok_console.commands.support.options import whole_number
from asok_console.presentation.events import sentence
from asok_console.presentation.text import json_text, safe
from asok_core.backends.roles import Reader
from asok_core.clock import iso
from asok_core.errors import Refused, Unreachable, UsageError
from asok_core.inspection.events import EventKind, SystemEvent
from asok_core.inspection.moments import read_moment
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.settings.settings import Settings

INTERVAL = 1.0
"""Seconds between two reads of new events."""
BATCH = 500
"""Events that are read at once."""
AT_WIDTH = len("2026-11-26 15:00:00 UTC")
KIND_WIDTH = max(map(len, EventKind))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--follow", "-f", action="store_true", help="continue with what happens, until Ctrl+C"
    )
    parser.add_argument(
        "--since",
        metavar="MOMENT",
        help="only those since 15:00 (UTC), 2026-11-25T15:00, yesterdayT15:00, or of the last 90s, 5m, 2h",
    )
    parser.add_argument(
        "--kind",
        metavar="KIND",
        action="append",
        help=f"only this kind; may be repeated: {', '.join(EventKind)}",
    )
    parser.add_argument(
        "--limit", metavar="N", default="50", help="how many of the past at most [50]"
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON document (with --follow: one a line)"
    )
    parser.add_argument("--url", help="Redis URL (overrides ASOK_REDIS_URL)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the events."""
    limit = whole_number("--limit", args.limit, 1, 100_000)
    if args.since is not None:
        _since(args.since, 0.0)
    kinds = _kinds(args.kind or ())
    reader = open_reader(on_redis(settings, args.url))
    try:
        past = _past(reader, limit, args.since, kinds)
        if args.follow:
            _follow(reader, past, kinds, as_json=args.json)
        elif args.json:
            write_json({"events": [event_document(each) for each in past.shown]})
        else:
            _write_lines(past.shown)
            if not past.shown:
                say("no events")
    finally:
        reader.close()
    return 0


class _Past:
    """The events that are shown first, oldest first, and the newest id at that time."""

    def __init__(self, newest: str, shown: Sequence[SystemEvent]) -> None:
        self.newest = newest
        self.shown = shown


def event_document(each: SystemEvent) -> dict[str, Any]:
    """One event for programs."""
    return {"id": each.id, "at": iso(each.at), "kind": each.kind, "fields": dict(each.fields)}


def _past(reader: Reader, limit: int, since: str | None, kinds: frozenset[str]) -> _Past:
    """The newest ``limit`` events of these kinds (none: all) from the moment ``since`` on."""
    found: list[SystemEvent] = []
    newest = before = ""
    begin: float | None = None
    while len(found) < limit:
        batch = reader.events(BATCH, before=before).readable()
        newest = newest or (batch[0].id if batch else "")
        if since is not None and begin is None:
            begin = _since(since, batch.read_at)
        recent = [each for each in batch if begin is None or each.at is None or each.at >= begin]
        found += [each for each in recent if not kinds or each.kind in kinds]
        # Not by when they happened: a worker that was cut off reports late what is long past.
        if len(batch) < BATCH or (begin is not None and _written(batch[-1]) < begin):
            break
        before = batch[-1].id
    return _Past(newest, found[:limit][::-1])


def _written(event: SystemEvent) -> float:
    """When it was written, as its id says, which is never before it happened."""
    return int(event.id.partition("-")[0]) / 1000


def _follow(reader: Reader, past: _Past, kinds: frozenset[str], *, as_json: bool) -> None:
    _write(past.shown, as_json=as_json)
    newest, trouble = past.newest, ""
    while True:
        time.sleep(INTERVAL)
        try:
            new = list(_news(reader, newest))
        except (Unreachable, Refused) as error:
            # A restart of Redis is an event itself, so following continues; messages go to stderr.
            if str(error) != trouble:
                trouble = str(error)
                say(f"asok: {trouble}; trying again every {INTERVAL:g} s")
            continue
        if trouble:
            trouble = ""
            say("asok: connected again")
        newest = new[0].id if new else newest
        _write([e for e in new[::-1] if not kinds or e.kind in kinds], as_json=as_json)


def _news(reader: Reader, newest: str) -> Iterator[SystemEvent]:
    """All events after one, newest first."""
    before = ""
    while True:
        batch = reader.events(BATCH, after=newest, before=before).readable()
        yield from batch
        if len(batch) < BATCH:
            return
        before = batch[-1].id


def _write(events: Sequence[SystemEvent], *, as_json: bool) -> None:
    if as_json:
        for each in events:
            line = json_text({"version": VERSION, **event_document(each)}, indent=None)
            sys.stdout.write(f"{line}\n")
    else:
        _write_lines(events)
    sys.stdout.flush()


def _write_lines(events: Iterable[SystemEvent]) -> None:
    for each in events:
        text = iso(each.at)
        at = "time not known" if text is None else f"{text[:10]} {text[11:19]} UTC"
        kind = f"{safe(each.kind, 40):<{KIND_WIDTH}}"
        sys.stdout.write(f"{at:<{AT_WIDTH}}  {kind}  {safe(sentence(each), 600)}\n")


def _kinds(given: Sequence[str]) -> frozenset[str]:
    for each in given:
        if each not in set(EventKind):
            raise UsageError(f"--kind {each!r} is not a kind of event: {', '.join(EventKind)}")
    return frozenset(given)


def _since(text: str, now: float) -> float:
    """Epoch seconds of the moment. ``now``: by Redis's clock, or 0 where only its form is checked."""
    try:
        at = read_moment(text, now)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from None
    if now and at > now:
        raise UsageError(
            f"--since: {text!r} is in the future: it is {iso(now)} by the clock of Redis"
        )
    return at
