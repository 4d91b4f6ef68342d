"""The page of a task: what it did, its histograms, where its jobs are and its errors, as lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from asok_console.presentation import compositions, numbers, releases
from asok_console.presentation.fitting import wrap_cells
from asok_console.presentation.tables import cells
from asok_console.presentation.text import safe
from asok_core.inspection import histograms
from asok_core.inspection.group_counts import CompositionLine
from asok_core.inspection.phrases import counted
from asok_core.inspection.task_figures import Figures, TaskHistory
from asok_core.jobs.states import Location
from asok_core.operations.task_jobs import LocationCount, TaskJobs
from asok_core.operations.task_release import TaskRelease

BARS, ERRORS, QUEUES = 12, 8, 5
"""Lines of a histogram, errors that are listed, and queues that are listed of a location."""
RANGE_NAMES = {"1h": "last hour", "24h": "last 24 h", "14d": "last 14 d"}
_LONGEST_ERROR = 160
_INDENT = "Attempts   "


class PageLine(NamedTuple):
    """A line that is safe for a terminal. ``tone`` is a tone of the console; '': that of text."""

    text: str
    tone: str = ""


def fact_lines(history: TaskHistory) -> Iterator[PageLine]:
    """Attempts, rate, run time, wait and size."""
    figures = history.total
    seconds = max(history.taken_at - history.since, 1.0)
    failing = numbers.share(figures.failure_rate)
    size = figures.mean_size
    yield PageLine(f"Attempts   {_attempts(figures)}")
    yield PageLine(f"Rate       {numbers.rate(figures.ended / seconds)}, failure rate {failing}")
    yield PageLine(f"Run time   {_times(figures.run_ms(0.5), figures.run_ms(0.95))}")
    yield PageLine(f"Wait       {_times(figures.wait_ms(0.5), figures.wait_ms(0.95))}")
    mean = numbers.size(None if size is None else round(size))
    yield PageLine(f"Job size   {mean} on average")


def release_lines(release: TaskRelease | None, width: int = 1_000) -> Iterator[PageLine]:
    """The task before the present release and since, what follows, and from how many attempts."""
    if release is None:
        return
    comparison = release.comparison
    said = (
        (releases.comparison_line(comparison), "bad" if comparison.is_worse else ""),
        (f"{releases.finding(comparison)}; {releases.basis(comparison)}", ""),
        (releases.mixture(release.others, release.live), "warn"),
    )
    title = "Release"
    for text, tone in said:
        for part in wrap_cells(safe(text, 300), max(width - len(_INDENT), 20)):
            yield PageLine(f"{title:<{len(_INDENT)}}{part}", tone)
            title = ""


def uncounted(queues: Sequence[str], *, framework: bool) -> str:
    """What is not counted, as far as is known; '' where nothing is. ``framework``: ASOK_RECORDS names it.

    Safe for a terminal.
    """
    parts = ["what workers of the asok framework run (ASOK_RECORDS=framework)"] if framework else []
    if queues:
        more = f" and {counted(len(queues) - 1, 'other queue')}" if len(queues) > 1 else ""
        name = safe(queues[0], 60)
        parts.append(f"jobs that leave queue {name}{more}, which no registered worker serves")
    return f"Not counted: {'; '.join(parts)}" if parts else ""


def uncounted_lines(queues: Sequence[str], *, framework: bool) -> Iterator[PageLine]:
    """The same as a line of a page."""
    if found := uncounted(queues, framework=framework):
        yield PageLine(found, "warn")


def histogram_lines(title: str, histogram: Mapping[int, int], width: int) -> list[PageLine]:
    """A histogram of durations in ``width`` cells, its title first; nothing of no durations."""
    bars = histograms.bars(histogram, BARS)
    if not bars:
        return []
    most = max(bar.times for bar in bars)
    figures = [
        (
            "longer" if math.isinf(bar.up_to_ms) else f"≤ {numbers.milliseconds(bar.up_to_ms)}",
            numbers.count(bar.times),
        )
        for bar in bars
    ]
    first = max(len(bound) for bound, _ in figures)
    second = max(len(times) for _, times in figures)
    room = max(width - first - second - 6, 4)
    lines = [PageLine(title, "title")]
    for bar, (bound, times) in zip(bars, figures, strict=True):
        # What is there at all is seen.
        drawn = "▇" * max(round(bar.times / most * room), 1 if bar.times else 0)
        lines.append(PageLine(f"  {bound:>{first}}  {times:>{second}}  {drawn}".rstrip()))
    return lines


def location_lines(jobs: TaskJobs) -> Iterator[PageLine]:
    """Where its jobs are now, each location with what was read to know it."""
    yield PageLine("Where its jobs are", "title")
    claimed = f"{jobs.claimed:,} claimed and not begun" if jobs.claimed else ""
    yield _line("Running", f"{jobs.running:,}", claimed)
    if jobs.unlisted:
        known = f"the task of {counted(jobs.unlisted, 'active job')} is not known"
        yield PageLine(f"{'':20}  {known}", "warn")
    for found in jobs.locations:
        yield from _location_lines(found)


def error_lines(jobs: TaskJobs) -> Iterator[PageLine]:
    """The errors of its dead jobs, most first."""
    dead = jobs.count_in(Location.DEAD)
    if not jobs.errors:
        return
    yield PageLine("Errors of its dead jobs", "title")
    for line in jobs.errors[:ERRORS]:
        count = compositions.amount(line.jobs, exact=dead.is_exact)
        yield PageLine(f"  {count:>9}  {safe(line.group.name, _LONGEST_ERROR)}")
    more = len(jobs.errors) - ERRORS
    if more > 0:
        yield PageLine(f"  {'':>9}  {counted(more, 'more error')}", "dim")


def basis(found: LocationCount) -> str:
    """What is known of a location from what was read of it."""
    if found.problem:
        return f"not known: {safe(found.problem, 200)}"
    if found.is_exact:
        return ""
    read = f"{found.read:,} of {counted(found.total, 'job')} read"
    if found.unread_queues:
        read += f", {counted(found.unread_queues, 'smaller queue')} not read"
    return read


def _location_lines(found: LocationCount) -> Iterator[PageLine]:
    title, said = found.location.value.capitalize(), basis(found)
    if not found.lines:
        number = "0" if found.is_exact else ("–" if found.problem else "none")
        yield _line(title, number, said)
        return
    for line in found.lines[:QUEUES]:
        yield _line(title, _jobs(line, found), _queue(line), said)
        title = said = ""
    more = len(found.lines) - QUEUES
    if more > 0:
        yield _line("", "", f"in {counted(more, 'more queue')}")


def _jobs(line: CompositionLine, found: LocationCount) -> str:
    return compositions.amount(line.jobs, exact=found.is_exact or not line.error)


def _queue(line: CompositionLine) -> str:
    error = f" ({compositions.error(line.error)} of the jobs there)" if line.error else ""
    return f"queue {safe(line.group.name, 60)}{error}"


def _line(title: str, number: str, *said: str) -> PageLine:
    rest = "   ".join(each for each in said if each)
    text = f"  {title:<8}  {' ' * max(9 - cells(number), 0)}{number}  {rest}".rstrip()
    return PageLine(text)


def _attempts(figures: Figures) -> str:
    parts = [
        f"{figures.started:,} started",
        f"{figures.completed:,} completed",
        f"{figures.failed:,} failed ({figures.retried:,} retried)",
    ]
    if figures.cancelled:
        parts.append(f"{figures.cancelled:,} cancelled")
    return ", ".join(parts)


def _times(median: float | None, high: float | None) -> str:
    return f"p50 {numbers.milliseconds(median)}, p95 {numbers.milliseconds(high)}"
