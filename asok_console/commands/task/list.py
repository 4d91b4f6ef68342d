"""``asok task list``: what each task did lately."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import say, write_json, write_lines, write_table
from asok_console.commands.support.options import whole_number
from asok_console.commands.support.progress import ProgressMeter
from asok_console.commands.support.task_documents import (
    figures_document,
    note_of_others,
    uncounted_document,
)
from asok_console.presentation import numbers
from asok_console.presentation.prose import plural
from asok_console.presentation.tables import NAME_LIMIT, TextColumn
from asok_console.presentation.task_pages import uncounted
from asok_console.presentation.text import safe
from asok_core.backends.roles import Progress, Reader
from asok_core.clock import iso
from asok_core.inspection.task_figures import RANGES, TaskRange, TaskRow, TaskTable
from asok_core.inspection.uncounted import uncounted_queues
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings

PATIENCE = 0.5
"""Seconds between two steps of the progress bar. Two weeks of hundreds of tasks take some."""
SORTS: dict[str, Callable[[TaskRow], float]] = {
    "jobs": lambda row: row.figures.ended,
    "failed": lambda row: row.figures.failed,
    "failure-rate": lambda row: row.figures.failure_rate or 0.0,
    "p95": lambda row: row.figures.run_ms(0.95) or 0.0,
    "wait": lambda row: row.figures.wait_ms(0.95) or 0.0,
    "time": lambda row: row.figures.run_us,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--last", choices=RANGES, default="1h", help="the range that is counted [1h]"
    )
    parser.add_argument("--sort", choices=SORTS, default="jobs", help="the largest first [jobs]")
    parser.add_argument("--limit", metavar="N", default="50", help="list at most N tasks [50]")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the tasks. Returns 130 if Ctrl+C stopped the reading: then those that were read."""
    limit = whole_number("--limit", args.limit, 1, 1_000_000)
    reader = open_reader(settings, args.url)
    try:
        table = _read(reader, RANGES[args.last])
        queues = uncounted_queues(reader.snapshot(jobs=False))
    finally:
        reader.close()
    framework = settings.records == "framework"
    said = uncounted(queues, framework=framework)
    rows = sorted(table.rows, key=SORTS[args.sort], reverse=True)[:limit]
    if args.json:
        write_json(
            {
                "taken_at": iso(table.taken_at),
                "since": iso(table.since),
                "tasks": [_document(table, row) for row in rows],
                "unread_tasks": table.unread,
                "other": _document(table, table.other) if table.other else None,
                "other_tasks": table.others,
                "uncounted": uncounted_document(queues, framework=framework),
            }
        )
        return bulk.INTERRUPTED if table.unread else 0
    none = "" if table.unread else f"no task was counted in the last {args.last}"
    write_table(COLUMNS, [_cells(table, row) for row in (*rows, *_rest(table))], none)
    notes = [note_of_others(table)] if table.other else []
    if len(table.rows) > len(rows):
        notes.append(f"{len(table.rows) - len(rows):,} more tasks: --limit N")
    write_lines([*notes, said] if said else notes)
    if table.unread:
        say(f"stopped before the end: {plural(table.unread, 'task')} not read")
        return bulk.INTERRUPTED
    return 0


def _read(reader: Reader, span: TaskRange) -> TaskTable:
    """All tasks, the busiest of today first, or those that were read before Ctrl+C."""
    with ProgressMeter("counted") as meter:
        while True:
            table = reader.tasks(span, patience=PATIENCE)
            read = len(table.rows)
            if not (table.unread and meter(Progress(read, read + table.unread, read))):
                return table


COLUMNS = (
    TextColumn("TASK", shrinks=True, names=60),
    TextColumn("JOBS", right=True),
    TextColumn("RATE", right=True),
    TextColumn("FAILS", right=True),
    TextColumn("P50", right=True),
    TextColumn("P95", right=True),
    TextColumn("WAIT P50", right=True),
    TextColumn("WAIT P95", right=True),
    TextColumn("TIME", right=True),
)


def _rest(table: TaskTable) -> list[TaskRow]:
    return [table.other] if table.other else []


def _cells(table: TaskTable, row: TaskRow) -> tuple[str, ...]:
    figures = row.figures
    return (
        safe(row.name, NAME_LIMIT),
        numbers.count(figures.ended),
        numbers.rate(table.per_second(figures.ended)),
        numbers.share(figures.failure_rate),
        numbers.milliseconds(figures.run_ms(0.5)),
        numbers.milliseconds(figures.run_ms(0.95)),
        numbers.milliseconds(figures.wait_ms(0.5)),
        numbers.milliseconds(figures.wait_ms(0.95)),
        numbers.share(table.share(row)),
    )


def _document(table: TaskTable, row: TaskRow) -> dict[str, Any]:
    return {
        "task": row.name,
        **figures_document(row.figures),
        "ended_per_s": table.per_second(row.figures.ended),
        "share_of_run_time": table.share(row),
        "trend": list(row.trend),
    }
