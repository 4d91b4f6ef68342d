"""``asok hold list``: the holds, and how many jobs each keeps."""

from __future__ import annotations

import argparse
from contextlib import closing

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import say, write_json, write_table
from asok_console.presentation import holds as words
from asok_console.presentation import numbers
from asok_console.presentation.tables import TextColumn
from asok_console.presentation.text import safe
from asok_core.clock import iso
from asok_core.inspection.phrases import counted
from asok_core.operations.enforcement import enforced_now, enforcement_of
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the holds, oldest first."""
    with closing(open_reader(settings, args.url)) as reader:
        snapshot = reader.snapshot(rates=False, jobs=False)
    now = snapshot.taken_at
    if snapshot.holds_problem:
        say(f"holds cannot be read: {snapshot.holds_problem}")
    if snapshot.unread_holds:
        say(f"{counted(len(snapshot.unread_holds), 'hold')} cannot be read by this release")
    if args.json:
        holds = [words.held_document(each, snapshot) for each in snapshot.holds]
        problem = snapshot.holds_problem or None
        write_json({"taken_at": iso(now), "problem": problem, "holds": holds})
        return 0
    columns = (
        TextColumn(words.HOLD.upper()),
        TextColumn(words.HELD.upper(), right=True),
        TextColumn(words.AGO.upper(), right=True),
        TextColumn(words.STATE.upper()),
        TextColumn(words.IN_FORCE.upper()),
        TextColumn(words.JOBS_OF.upper(), shrinks=True),
        TextColumn(words.REASON.upper(), shrinks=True),
        TextColumn(words.BY.upper(), shrinks=True),
        TextColumn(words.QUEUES.upper(), shrinks=True),
    )
    rows = [
        (
            safe(each.id, 32),
            f"{each.jobs:,}",
            numbers.age(each.since, now),
            words.state_of(each, snapshot),
            words.in_force(each, enforcement_of(snapshot, each)),
            safe(words.words_of(each), 200),
            safe(each.hold.reason if each.hold else "", 200),
            safe(each.hold.by if each.hold else "", 60),
            safe(", ".join(sorted(each.queues)), 200),
        )
        for each in snapshot.holds
    ]
    write_table(columns, rows, "no holds" if not snapshot.holds_problem else "no holds known")
    enforced = enforced_now(snapshot)
    if not enforced.whole and not all(each.ended for each in snapshot.holds):
        say(safe(enforced.words, bulk.LONGEST_LINE))
    return 0
