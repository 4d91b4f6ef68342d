"""``asok task show``: what one task did, where its jobs are and which errors they have."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import write_json, write_lines
from asok_console.commands.support.task_documents import (
    comparison_document,
    figures_document,
    uncounted_document,
)
from asok_console.presentation import compact, task_pages
from asok_console.presentation.text import safe
from asok_core.clock import iso
from asok_core.errors import UsageError
from asok_core.inspection import histograms
from asok_core.inspection.task_figures import FINE_RANGES, RANGES, TaskHistory
from asok_core.inspection.uncounted import uncounted_queues
from asok_core.operations.inspector import open_reader
from asok_core.operations.task_jobs import TaskJobs, read_task_jobs
from asok_core.operations.task_release import TaskRelease, read_task_release
from asok_core.settings.settings import Settings

FOUND, NOT_FOUND = 0, 1
HISTOGRAM, TREND = 72, 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("task", metavar="TASK", help="a task, as in shop.mail.send")
    parser.add_argument(
        "--last", choices=RANGES, default="1h", help="the range that is counted [1h]"
    )
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the figures and jobs of the task. Returns 1 where nothing is counted of it in the range."""
    if not args.task:
        raise UsageError("TASK is ''; it must be the name of a task, as in shop.mail.send")
    reader = open_reader(settings, args.url)
    try:
        history = reader.task_history(args.task, FINE_RANGES[args.last])
        snapshot = reader.snapshot()
        release = read_task_release(reader, args.task, snapshot)
        jobs = read_task_jobs(reader, args.task, snapshot)
    finally:
        reader.close()
    framework, figures = settings.records == "framework", history.total
    queues = uncounted_queues(snapshot)
    found = bool(figures.started or figures.ended)
    if args.json:
        write_json(
            {
                "task": args.task,
                "taken_at": iso(history.taken_at),
                "since": iso(history.since),
                "bucket_seconds": history.width,
                "total": figures_document(figures),
                "release": comparison_document(*release) if release else None,
                "uncounted": uncounted_document(queues, framework=framework),
                "run_histogram_ms": _histogram_document(figures.runs),
                "wait_histogram_ms": _histogram_document(figures.waits),
                "jobs": _jobs_document(jobs),
                "errors": [
                    {"error": each.group.name, "jobs": each.jobs, "read": each.read}
                    for each in jobs.errors
                ],
                "buckets": [
                    {"at": iso(history.since + at * history.width), **figures_document(each)}
                    for at, each in enumerate(history.buckets)
                    if each.started or each.ended
                ],
            }
        )
        return FOUND if found else NOT_FOUND
    if found:
        write_lines(_lines(history, args.last, release))
    else:
        write_lines([f"Nothing was counted of {safe(args.task, 200)} in the last {args.last}."])
    missing = task_pages.uncounted_lines(queues, framework=framework)
    write_lines(f"  {line.text}" for line in missing)
    write_lines(f"  {line.text}" for line in task_pages.location_lines(jobs))
    write_lines(f"  {line.text}" for line in task_pages.error_lines(jobs))
    return FOUND if found else NOT_FOUND


def _lines(history: TaskHistory, name: str, release: TaskRelease | None) -> Iterator[str]:
    figures = history.total
    yield f"{safe(history.name, 200)}, last {name}"
    for line in task_pages.fact_lines(history):
        yield f"  {line.text}"
    yield from (f"  {line.text}" for line in task_pages.release_lines(release))
    trend = [float(each.ended) for each in history.buckets]
    yield f"  Trend      {compact.spark(trend, TREND)}"
    for title, histogram in (("Run times", figures.runs), ("Waits", figures.waits)):
        for line in task_pages.histogram_lines(title, histogram, HISTOGRAM):
            yield f"  {line.text}"


def _jobs_document(jobs: TaskJobs) -> dict[str, Any]:
    return {
        "running": jobs.running,
        "claimed": jobs.claimed,
        "active_of_unknown_task": jobs.unlisted,
        **{
            found.location.value: {
                "queues": {line.group.name: line.jobs for line in found.lines},
                "exact": found.is_exact,
                "read": found.read,
                "total": found.total,
                "unread_queues": found.unread_queues,
            }
            for found in jobs.locations
        },
    }


def _histogram_document(histogram: Mapping[int, int]) -> list[dict[str, float]]:
    return [
        {"up_to_ms": histograms.bound(bucket), "count": histogram[bucket]}
        for bucket in sorted(histogram)
    ]
