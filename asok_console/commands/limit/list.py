"""``asok limit list``: the limits, whose they are, and how much of each is used."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import say, write_json, write_lines
from asok_console.commands.support.named_limit import add_subject
from asok_console.commands.support.options import whole_number
from asok_console.presentation import limits as words
from asok_console.presentation import numbers
from asok_console.presentation.tables import TextColumn, TextStyles, fit, table, terminal_width
from asok_console.presentation.text import safe
from asok_core.clock import iso
from asok_core.inspection.limits import Limits, LimitState, states_of
from asok_core.inspection.phrases import counted
from asok_core.inspection.snapshot import Snapshot
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings

VALUES, MOST_VALUES = 3, 1_000
"""Values of an argument that are shown."""
COLUMNS = (
    TextColumn("OF", shrinks=True),
    TextColumn("LIMIT"),
    TextColumn("RUNNING", right=True),
    TextColumn("WAITING", right=True),
    TextColumn("NEXT START"),
    TextColumn("VALUES", right=True),
    TextColumn("SET BY", shrinks=True),
    TextColumn("AGO", right=True),
    TextColumn("IN FORCE"),
    TextColumn("CODE"),
    TextColumn("REASON", shrinks=True),
)
ALWAYS = 5
"""Of these columns, how many are shown also where they are empty."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.epilog = (
        "A limit that operators have set is listed until it is reset; one that code declares while "
        "jobs run or wait under it."
    )
    add_subject(parser, keyed=False)
    parser.add_argument(
        "--values",
        metavar="N",
        default=str(VALUES),
        help=f"show the N busiest values of an argument [{VALUES}]",
    )
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the limits, by what they are about."""
    most = whole_number("--values", args.values, 0, MOST_VALUES)
    with closing(open_reader(settings, args.url)) as reader:
        snapshot = reader.snapshot(rates=False, jobs=False)
        limits = reader.limits()
    task = args.task.replace(":", ".")
    found = [
        each
        for each in states_of(limits)
        if task in ("", each.subject.task) and args.queue in ("", each.subject.queue)
    ]
    if limits.problem:
        say(f"limits that operators have set cannot be read: {limits.problem}")
    unnamed = sum(not each.identity for each in limits.buckets)
    if unnamed:
        waiting = sum(each.waiting for each in limits.buckets if not each.identity)
        say(f"{counted(waiting, 'job')} wait for limits of which nothing else is known")
    if limits.total > len(limits.buckets):
        say(f"{len(limits.buckets):,} of {limits.total:,} counts were read")
    if args.json:
        documents = [words.limit_document(each, limits, snapshot, most) for each in found]
        problem = limits.problem or None
        write_json({"taken_at": iso(limits.taken_at), "problem": problem, "limits": documents})
        return 0
    _write(found, limits, snapshot, most)
    if not found:
        say("no limits known" if limits.problem else "no limits")
    return 0


def _write(found: Sequence[LimitState], limits: Limits, snapshot: Snapshot, most: int) -> None:
    width, styles = terminal_width(), TextStyles()
    rows = [_cells(each, limits, snapshot) for each in found]
    # What none of them has leaves its room to their names.
    shown = [at for at in range(len(COLUMNS)) if at < ALWAYS or any(row[at] for row in rows)]
    rows = [tuple(row[at] for at in shown) for row in rows]
    titles, *lines = table([COLUMNS[at] for at in shown], rows, width)
    write_lines([styles.dim(titles)])
    for each, line in zip(found, lines, strict=True):
        below = [
            fit(f"    {safe(text, 300)}", width) for text in words.value_lines(each, limits, most)
        ]
        write_lines([line, *map(styles.dim, below)])


def _cells(state: LimitState, limits: Limits, snapshot: Snapshot) -> tuple[str, ...]:
    rule, keyed = state.rule, state.subject.key is not None
    enforced = words.enforced_on(state, snapshot)
    return (
        safe(state.subject.words, 200),
        words.limit_words(state),
        words.running_words(state.limit, state.buckets, keyed=keyed),
        f"{state.waiting:,}",
        words.next_words(state.limit, state.buckets, limits.taken_at) if state.limit else "",
        f"{len(words.with_work_of(state)):,}" if keyed else "",
        safe(words.source_words(state), 60),
        numbers.age(rule.at, limits.taken_at) if rule is not None else "",
        enforced.brief if enforced is not None else "",
        safe(state.declared, 60) if words.source_words(state) != "code" else "",
        safe(rule.reason if rule is not None else "", 200),
    )
