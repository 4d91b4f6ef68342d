"""The status as a page for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asok_console.commands.support.documents import (
    QUEUE_COLUMNS,
    call_of,
    queue_cells,
    queue_lines,
)
from asok_console.commands.support.status_report import WorkerStatus
from asok_console.presentation import numbers, prose
from asok_console.presentation.holds import queue_state
from asok_console.presentation.tables import (
    NAME_LIMIT,
    TextColumn,
    TextStyles,
    cells,
    fit,
    table,
    terminal_width,
)
from asok_console.presentation.text import safe
from asok_console.presentation.workers import live_words
from asok_core.clock import elapsed
from asok_core.inspection.hold_warnings import hold_warnings
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.rows import Row, running_rows
from asok_core.inspection.server_reasons import of_server
from asok_core.inspection.shape_words import override_words
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.tracebacks import last_line
from asok_core.inspection.workers import STATE_NOT_KNOWN, release_sources, releases

_ERROR = 200


def to_lines(status: WorkerStatus, width: int | None = None) -> Iterator[str]:
    """The page, every line safe and none wider than ``width`` (the terminal's) unless an id is."""
    width = width or terminal_width()
    styles = TextStyles()
    snapshot = status.snapshot
    yield from _head(snapshot, width, styles)
    for part in (_queues, _running, _dead, _workers):
        lines = list(part(status, width, styles))
        if lines:
            yield ""
            yield from lines


def _head(snapshot: Snapshot, width: int, styles: TextStyles) -> Iterator[str]:
    version = f" (Redis {safe(snapshot.server.version, 20)})" if snapshot.server.version else ""
    yield fit(f"redis {safe(snapshot.server.url)}{version}", width)
    due = f" ({numbers.count(snapshot.due)} due)" if snapshot.due else ""
    claimed = f" ({numbers.count(snapshot.claimed)} more claimed)" if snapshot.claimed else ""
    facts = (
        f"{numbers.count(snapshot.pending)} pending",
        f"{numbers.count(snapshot.running)} running{claimed}",
        f"{numbers.count(snapshot.delayed)} delayed{due}",
        *((f"{numbers.count(snapshot.held)} held",) if snapshot.held else ()),
        *((f"{numbers.count(snapshot.limited)} limited",) if snapshot.limited else ()),
        prose.plural(snapshot.dead, "dead job"),
        live_words(snapshot)[0],
    )
    yield styles.bold(fit(", ".join(facts), width))
    if not snapshot.knows_workers:
        for reason in of_server(snapshot):
            yield fit(safe(f"{reason.text[0].upper()}{reason.text[1:]}", 1000), width)
    for problem in (*snapshot.problems, *snapshot.unread, *hold_warnings(snapshot)):
        yield styles.bold(fit(safe(f"{problem[0].upper()}{problem[1:]}", 1000), width))
    if snapshot.server.is_full:
        most = prose.size(snapshot.server.max_memory)
        yield fit(f"Redis is out of memory (maxmemory {most}): it accepts no new jobs", width)
    elif snapshot.filling is not None:
        yield fit(f"Redis {snapshot.filling}", width)


def _queues(status: WorkerStatus, width: int, styles: TextStyles) -> Iterator[str]:
    snapshot = status.snapshot
    now = snapshot.taken_at
    columns = (*QUEUE_COLUMNS, TextColumn(""))
    unserved = "no worker" if snapshot.knows_serving else "no known worker"
    rows = [
        (*queue_cells(queue, now), _note(snapshot, queue, unserved)) for queue in snapshot.queues
    ]
    for name, lines in queue_lines(snapshot, columns, rows, width):
        yield from lines
        page = status.next_jobs.get(name)
        for row in page.rows if page else ():
            yield styles.dim(fit(f"    {call_of(row)}", width))
        if page and page.total > len(page.rows):
            yield styles.dim(
                fit(f"    and {numbers.count(page.total - len(page.rows))} more", width)
            )


def _note(snapshot: Snapshot, queue: QueueStats, unserved: str) -> str:
    if queue.problem:
        return queue.problem
    held, limited = snapshot.held_of(queue.name), snapshot.limited_of(queue.name)
    if state := queue_state(queue.paused, held, limited):
        return state
    return unserved if queue.pending and not queue.consumers else ""


def _running(status: WorkerStatus, width: int, styles: TextStyles) -> Iterator[str]:
    snapshot = status.snapshot
    jobs = running_rows(snapshot)
    if not jobs:
        return
    keeps = max(cells(safe(job.worker, 60)) for job in jobs[:20])
    columns = (
        TextColumn("RUNNING", shrinks=True),
        TextColumn("FOR", right=True),
        TextColumn("QUEUE", names=30),
        TextColumn("WORKER", shrinks=True, names=60, keeps=keeps),
    )
    rows = [
        (
            call_of(job),
            "claimed" if job.at is None else numbers.duration(elapsed(job.at, snapshot.taken_at)),
            safe(job.queue, NAME_LIMIT),
            safe(f"{job.worker}{_no_heartbeat(job)}", NAME_LIMIT),
        )
        for job in jobs[:20]
    ]
    yield from _titled(columns, rows, width, styles)
    if len(jobs) > len(rows):
        yield styles.dim(f"and {numbers.count(len(jobs) - len(rows))} more")


def _dead(status: WorkerStatus, width: int, styles: TextStyles) -> Iterator[str]:
    if not status.dead:
        return
    taken_at = status.snapshot.taken_at
    columns = (
        TextColumn("DEAD JOB", shrinks=True),
        TextColumn("FAILED", right=True),
        TextColumn("QUEUE", names=30),
        TextColumn("ERROR", shrinks=True),
    )
    rows = [
        (
            call_of(row),
            numbers.age(row.payload.failed_at, taken_at),
            safe(row.queue, NAME_LIMIT),
            safe(last_line(row.payload.error or row.payload.problem), _ERROR),
        )
        for row in status.dead
    ]
    yield from _titled(columns, rows, width, styles)
    if status.snapshot.dead > len(rows):
        yield styles.dim(f"and {numbers.count(status.snapshot.dead - len(rows))} more")


def _workers(status: WorkerStatus, width: int, styles: TextStyles) -> Iterator[str]:
    snapshot = status.snapshot
    if not snapshot.workers:
        return
    columns = (
        TextColumn("WORKER", shrinks=True, names=60, keeps=60),
        TextColumn("BUSY", right=True),
        TextColumn("HEARTBEAT", right=True),
        TextColumn("MEMORY", right=True),
        TextColumn("STATE"),
        TextColumn("QUEUES", shrinks=True),
    )
    rows = [
        (
            safe(worker.id, NAME_LIMIT),
            f"{worker.running}/{worker.concurrency}",
            numbers.age(worker.beat_at, snapshot.taken_at)
            if snapshot.knows_workers
            else STATE_NOT_KNOWN,
            numbers.size(worker.rss),
            snapshot.state_of(worker),
            safe(",".join(worker.queues), 200),
        )
        for worker in snapshot.workers
    ]
    titles, *lines = table(columns, rows, width)
    yield styles.dim(titles)
    for worker, line in zip(snapshot.workers, lines, strict=True):
        yield line
        if worker.trouble:
            yield fit(f"    {safe(worker.trouble, 1000)}", width)
        if override := override_words(worker):
            yield fit(f"    {safe(override, 1000)}", width)
            if worker.ordered_by:
                age = numbers.age(worker.ordered_at, snapshot.taken_at)
                yield fit(f"    ordered by {safe(worker.ordered_by, NAME_LIMIT)} {age} ago", width)
        if worker.outcomes_dropped:
            count = prose.plural(worker.outcomes_dropped, "outcome")
            text = f"    {count} dropped: other workers took its jobs over when its lease ran out"
            yield fit(text, width)
    yield from _releases(status, width, styles)
    yield from _envelopes(status, width, styles)


def _releases(status: WorkerStatus, width: int, styles: TextStyles) -> Iterator[str]:
    """Which releases of the application run, where any worker reports one."""
    found = releases(status.snapshot.live_workers)
    sources = release_sources(status.snapshot.live_workers)
    if any(found):
        parts = [
            f"{safe(release or 'not known', 64)} ({prose.plural(number, 'worker')}"
            f"{_source_suffix(sources.get(release, ''))})"
            for release, number in found.items()
        ]
        name = "releases" if len(found) > 1 else "release"
        line = fit(f"{name}: {', '.join(parts)}", width)
        yield line if len(found) > 1 else styles.dim(line)


def _source_suffix(source: str) -> str:
    return f", {safe(source, 40)}" if source else ""


def _envelopes(status: WorkerStatus, width: int, styles: TextStyles) -> Iterator[str]:
    """Which workers run jobs of version 1, how many wait, and which workers cannot run version 2."""
    snapshot = status.snapshot
    found = status.versions
    if accepting := status.accepting_v1:
        line = f"signatures: version 1 accepted by {accepting} of {live_words(snapshot)[0]}"
        if sampled := found["sampled"]:
            v1 = numbers.count(found["sampled_v1"])
            line += f", used by {v1} of {prose.plural(sampled, 'pending job')} looked at"
        # This holds permanently with the default settings, so it is not a warning.
        yield styles.dim(fit(line, width))
    for worker in snapshot.live_workers:
        if worker.version and worker.accepts_v1 is None:
            text = f"{worker.id} ({worker.version}) cannot run jobs signed in version 2"
            yield fit(f"{safe(text, 200)}; keep ASOK_ENVELOPE=v1 until it is replaced", width)


def _no_heartbeat(job: Row) -> str:
    if job.no_heartbeat_for is None:
        return ""
    return f" (no heartbeat for {prose.rough(job.no_heartbeat_for)})"


def _titled(
    columns: Sequence[TextColumn], rows: Sequence[Sequence[str]], width: int, styles: TextStyles
) -> Iterator[str]:
    titles, *lines = table(columns, rows, width)
    yield styles.dim(titles)
    yield from lines
