"""What a reader returns: immutable values, safe to hand from the poller thread to any screen.

Times are seconds since the epoch by the *Redis server's* clock; ages are computed against
``Snapshot.taken_at``, so that a console on a laptop with a wrong clock is right too.
None always means "not known", never zero. Some are NamedTuples and not dataclasses only because
those take a tenth of the time to make, and a status command starts often.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from asok_core.errors import Refused
from asok_core.inspection.memory_growth import Filling, filling
from asok_core.jobs.envelope import Payload
from asok_core.jobs.job import JobRecord
from asok_core.jobs.states import Location


class ServerInfo(NamedTuple):
    """The Redis behind the queues. Sizes in bytes, times in seconds unless the name says otherwise."""

    url: str
    """Masked: never holds a password."""
    version: str = ""
    role: str = ""
    used_memory: int | None = None
    max_memory: int | None = None
    eviction_policy: str | None = None
    ops_per_second: float | None = None
    persistence: str | None = None
    """``none``, ``rdb``, ``aof`` or ``aof+rdb``."""
    clients: int | None = None
    uptime: float | None = None
    evicted_keys: int | None = None
    """Keys that Redis evicted for lack of memory since it started: each may have been a queue."""
    last_save_ok: bool | None = None
    """Whether the last background save succeeded."""
    last_append_ok: bool | None = None
    """Whether the last write to the append-only file succeeded."""
    run_id: str = ""
    """Changes with each start of a server."""
    keys: int | None = None
    """Keys of the database, those of other programs too."""
    master_link: str = ""
    """Of a replica: ``up`` or ``down``."""
    round_trip_ms: float | None = None

    @property
    def is_full(self) -> bool:
        """Whether it refuses new data for lack of memory."""
        full = self.max_memory and (self.used_memory or 0) >= self.max_memory
        return bool(full) and self.eviction_policy == "noeviction"


STALE_AFTER = 12.0
"""Seconds after the last heartbeat from which a worker is stalled: it sends one every 5 s."""
KEY_EVIDENCE = 3
"""Signed jobs of which none verifies from which SECRET_KEY is held to be the wrong one."""

COUNTERS = (
    "enqueued", "completed", "failed", "retried", "dead", "dropped", "outcomes_dropped", "run_ms",
    "wait_ms",
)  # fmt: skip
"""The fields of a bucket that are plain counters, by the names they have in Redis."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Counters of one queue over one interval. ``start`` is epoch seconds, ``width`` seconds."""

    start: int
    width: int
    enqueued: int = 0
    completed: int = 0
    failed: int = 0
    """Attempts that failed, whether retried or dead."""
    retried: int = 0
    dead: int = 0
    dropped: int = 0
    """Dead jobs that were dropped, since there were too many or they were too old."""
    outcomes_dropped: int = 0
    """Outcomes of runs that came too late: a lease had run out, and another worker had the job."""
    run_ms: int = 0
    """Total run time of the attempts that finished, milliseconds."""
    wait_ms: int = 0
    """Total time from due to start, milliseconds."""
    runs: Mapping[int, int] = field(default_factory=dict)
    waits: Mapping[int, int] = field(default_factory=dict)
    """How many runs and waits there were by length: key ``b`` counts those of up to ``2 ** (b / 4)``
    milliseconds (and more than the key before)."""
    readable: bool = True
    """False where its key is of another type: the counters are unknown, not 0."""


@dataclass(frozen=True, slots=True)
class QueueStats:
    """One queue, now and lately. Rates are jobs per second over the last full minute."""

    name: str
    pending: int
    active: int = 0
    """Jobs in the active lists of live workers."""
    oldest_at: float | None = None
    """Since when the oldest of a few of its jobs waits to run: enqueued, or due where that was later.
    None if it is empty or that is not known."""
    paused: bool = False
    consumers: int = 0
    """Live workers that claim from this queue."""
    running: int = 0
    """Of the active jobs those that have a thread; the others are claimed and have not begun."""
    slots: int = 0
    """Threads of those workers."""
    enqueued_per_s: float = 0.0
    completed_per_s: float = 0.0
    failed_per_s: float = 0.0
    failure_rate: float | None = None
    """Failed attempts over finished attempts, 0..1; None when nothing finished."""
    wait_ms: float | None = None
    run_ms: float | None = None
    """Mean wait and run of a job over the last full minute, milliseconds."""
    wait_p95_ms: float | None = None
    run_p95_ms: float | None = None
    """Percentiles over the last five minutes, exact to a quarter of an octave."""
    problem: str = ""
    """Why the queue cannot be read (its key is no list), or an empty string."""
    recent: tuple[Bucket, ...] = ()
    """The last five minutes in 10 s buckets, oldest first. The newest still fills, and what it
    holds so far is read only when it has closed."""


class RunningJob(NamedTuple):
    """A job that a worker has claimed. ``started_at`` is None while it waits for a free thread."""

    payload: Payload
    worker: str
    process: str
    queue: str
    started_at: float | None = None


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """One ``asok worker``: its lease and what its last heartbeat reported."""

    id: str
    host: str = ""
    pid: int | None = None
    version: str = ""
    queues: tuple[str, ...] = ()
    concurrency: int = 0
    """Threads in all its processes."""
    processes: int = 0
    process_numbers: tuple[int, ...] = ()
    """Numbers of the processes that may hold jobs: also of those that retire, until they end."""
    started_at: float | None = None
    beat_at: float | None = None
    lease_until: float | None = None
    running: int = 0
    """Jobs in its active lists that have a thread."""
    claimed: int = 0
    """Jobs in its active lists that have not begun, since every thread of their process has one."""
    rss: int | None = None
    """Resident memory of all its processes, bytes."""
    outcomes_dropped: int = 0
    """Outcomes of its jobs that came too late: its lease had run out, and another worker had the job."""
    quiet: bool = False
    stopping: bool = False
    """Whether it finishes what it runs, and then exits."""
    command: str = ""
    """What an operator ordered and it has not done yet: ``quiet``, ``stop`` or nothing."""
    able: int | None = None
    """Processes that run the jobs they get, as far as is known; None: it does not say."""
    deaths: int = 0
    deaths_seconds: float = 0.0
    """How often processes died that are crash-looping, and in which time."""
    death: str = ""
    """Why the last of these died."""
    refusal: str = ""
    """Why processes do not claim jobs."""
    hanging: int = 0
    """Processes that claim and settle nothing: their loops do not turn."""
    hang_seconds: float = 0.0
    """For how long one of them had not at the last heartbeat."""
    hang: str = ""
    """What is known of the reason of that."""
    memory_rate: float | None = None
    """Bytes per second by which it found the memory of Redis to grow; None where it does not know."""
    envelopes: str = ""
    """Versions of signed jobs that it accepts, as in ``v1 v2``; '' of one of an earlier release."""
    jobs: tuple[RunningJob, ...] = ()
    problem: str = ""
    """Why it cannot be read (its key is not a hash), or an empty string."""

    def no_heartbeat_for(self, now: float) -> float | None:
        """Seconds since its last heartbeat, where that is too long ago; None where it is not."""
        if self.beat_at is None or now - self.beat_at <= STALE_AFTER:
            return None
        return now - self.beat_at

    def claims(self, now: float) -> bool:
        """Whether it takes new jobs: its lease holds at ``now``, and nobody ordered it not to."""
        refrains = self.quiet or self.stopping or self.command in ("quiet", "stop")
        return self.runs_jobs and not refrains and (self.lease_until or 0) > now

    @property
    def accepts_v1(self) -> bool | None:
        """Whether it runs jobs that are signed in version 1; None where it does not say."""
        return "v1" in self.envelopes.split() if self.envelopes else None

    @property
    def slots(self) -> int:
        """Threads of the processes that run jobs, as far as is known."""
        if self.able is None or not self.processes:
            return self.concurrency
        return self.concurrency * min(self.able, self.processes) // self.processes

    @property
    def runs_jobs(self) -> bool:
        """Whether any of its processes runs jobs, as far as is known."""
        return self.able != 0

    @property
    def condition(self) -> str:
        """Why processes do not run jobs, or ''.

        ``unreadable``, ``crash-looping``, ``hanging``, ``not claiming`` or ``starting``.
        """
        if self.problem:
            return "unreadable"
        if self.deaths:
            return "crash-looping"
        if self.hanging:
            return "hanging"
        if self.refusal:
            return "not claiming"
        return "" if self.runs_jobs else "starting"

    @property
    def trouble(self) -> str:
        """The condition with its reason in one line, or '' where there is none."""
        if self.problem:
            return f"{self.condition}: {self.problem}"
        # First what a narrow terminal must show: the reason may be long.
        able = f"{self.able} of {self.processes} processes run jobs" if self.able else ""
        if self.deaths:
            deaths = f"{self.deaths} deaths in {self.deaths_seconds:.0f} s: {self.death}"
            return f"{self.condition} ({able}{'; ' if able else ''}{deaths})"
        if self.hanging:
            hangs = f"{self.hanging} of {self.processes} processes for {self.hang_seconds:.0f} s"
            return f"{self.condition} ({hangs}): {self._hang_with_tasks}"
        if self.refusal:
            return f"{self.condition}{f' ({able})' if able else ''}: {self.refusal}"
        return ""

    @property
    def _hang_with_tasks(self) -> str:
        # A supervisor knows of its jobs no more than their ids.
        text = self.hang
        for running in self.jobs:
            job = running.payload.job
            if job is not None and job.id:
                text = text.replace(f"job {job.id} ", f"job {job.id} of {job.task} ")
        return text


class KeyCheck(NamedTuple):
    """How many of some signed jobs in Redis SECRET_KEY or one of its fallbacks verifies.

    ``pending`` of the jobs that were looked at are pending, ``pending_v1`` of those have version 1.
    """

    sampled: int = 0
    verified: int = 0
    pending: int = 0
    pending_v1: int = 0

    @property
    def wrong(self) -> bool:
        """Whether SECRET_KEY is hardly the key of these jobs: of several none verifies."""
        return self.sampled >= KEY_EVIDENCE and not self.verified

    @property
    def line(self) -> str:
        """What is likely wrong, in one line."""
        # Short enough for a terminal of 100 columns: the count and both variables are seen there.
        return (
            f"SECRET_KEY is likely wrong: it and SECRET_KEY_FALLBACKS verify none of {self.sampled} "
            "sampled jobs"
        )


class Cost(NamedTuple):
    """What one reading cost Redis."""

    round_trips: int = 0
    commands: int = 0
    reply_bytes: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole, at one moment. ``cost`` says what taking it asked of Redis."""

    taken_at: float
    server: ServerInfo
    queues: tuple[QueueStats, ...] = ()
    workers: tuple[WorkerInfo, ...] = ()
    pending: int = 0
    delayed: int = 0
    due: int = 0
    """Delayed jobs whose time has come and which no worker has promoted yet."""
    next_due_at: float | None = None
    active: int = 0
    """Jobs in active lists: those that run, are claimed and have not begun, and are orphaned."""
    running: int = 0
    """Of these, the jobs that have a thread: never more than the workers have threads."""
    orphaned: int = 0
    """Jobs in active lists that no lease covers; any worker takes them back."""
    dead: int = 0
    oldest_dead_at: float | None = None
    dead_head: str = ""
    """A digest of the newest dead job: it changes when the list does, so that pages know to reload."""
    problems: tuple[str, ...] = ()
    """Lines about keys that belong to no single queue and are of another type than they must be."""
    unread: tuple[str, ...] = ()
    """Lines about names of queues and workers that were not read, since they are too long or too many."""
    cost: Cost = field(default_factory=Cost)

    @property
    def alive(self) -> int:
        """Workers whose lease holds. The others are listed until their jobs are recovered."""
        return sum((worker.lease_until or 0) > self.taken_at for worker in self.workers)

    @property
    def claimed(self) -> int:
        """Jobs that a live worker holds and has not begun."""
        return self.active - self.orphaned - self.running

    @property
    def filling(self) -> Filling | None:
        """How soon Redis is full, as live workers saw it grow; None: no trouble, or not known."""
        live = (each for each in self.workers if (each.lease_until or 0) > self.taken_at)
        rates = [each.memory_rate for each in live if each.memory_rate is not None]
        rate = statistics.median(rates) if rates else None
        return filling(rate, self.server.used_memory, self.server.max_memory)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a windowed list. ``position`` counts from 0 in the order the list is shown.

    ``at`` is when it is due (delayed), or when it finished or started (jobs); dead jobs have
    ``payload.failed_at``. ``record`` is there when the page was asked for with records.
    """

    position: int
    payload: Payload
    location: Location
    queue: str
    at: float | None = None
    record: JobRecord | None = None
    worker: str = ""
    """The process that holds it, where it is known beside the record."""
    no_heartbeat_for: float | None = None
    """Seconds since the last heartbeat of the worker that holds it, where that is too long ago.

    Whether the job still runs is not known then."""

    @property
    def partial(self) -> bool:
        """Whether the element is large and ``payload`` has neither its arguments nor its traceback."""
        return self.payload.size is not None

    @property
    def key(self) -> str:
        """What cursor, marks and operations identify it by: the job id, else the digest of all bytes."""
        return self.payload.id or self.payload.sum or digest(self.payload.raw)


def running_rows(snapshot: Snapshot) -> tuple[Row, ...]:
    """Rows of what workers hold, the longest running first, what has not begun last."""
    held = [
        (job, worker.no_heartbeat_for(snapshot.taken_at))
        for worker in snapshot.workers
        for job in worker.jobs
    ]
    held.sort(key=lambda each: (each[0].started_at is None, each[0].started_at or 0.0))
    return tuple(
        Row(
            position=at,
            payload=job.payload,
            location=Location.ACTIVE,
            queue=job.queue,
            at=job.started_at,
            worker=job.process,
            no_heartbeat_for=without,
        )
        for at, (job, without) in enumerate(held)
    )


class Page(NamedTuple):
    """A window of a list: ``rows`` from ``start``, out of ``total`` at that moment."""

    start: int
    total: int
    rows: tuple[Row, ...] = ()
    problem: str = ""
    """Why there are none although there may be jobs: the key is of another type."""

    def readable(self) -> Page:
        """The page itself. Raises Refused where it could not be read, which is not the same as empty."""
        if self.problem:
            raise Refused(self.problem)
        return self


class Attempt(NamedTuple):
    """One run of a job that is over. ``verb`` is how: see ``settle.lua``."""

    started_at: float | None
    seconds: float | None
    verb: str
    worker: str = ""
    error: str = ""
    """The last line of what was raised."""


class Move(NamedTuple):
    """Something that happened to a job besides its attempts. ``verb``: see ``moves.lua``.

    ``detail`` is what the verb needs: a queue, an operation, the changes of an edit.
    """

    at: float | None
    verb: str
    by: str = ""
    detail: str = ""


MISSING = "none: a worker of the asok framework runs it, which keeps no such list, or it is lost"
"""Where a job is that has not ended and is in no location."""


class JobDetail(NamedTuple):
    """All that Redis knows of one job. ``location`` is None when only the record is left."""

    id: str
    record: JobRecord | None
    location: Location | None = None
    payload: Payload | None = None
    due_at: float | None = None
    worker: str | None = None
    position: int | None = None
    """Of a pending job: how many of its queue are claimed before it. None: not known."""
    crashes: int = 0
    attempts: tuple[Attempt, ...] = ()
    """The last ten, oldest first; none of a job that succeeded at once, whose record holds everything."""
    moves: tuple[Move, ...] = ()
    """What operators and dead processes did to it, oldest first: the last twenty."""
    operation: str = ""
    """The operation whose trash holds it."""
    read_at: float = 0.0
    """When this was read, by Redis's clock."""
    complete: bool = True
    """Whether all was searched. If not, a job without a location may be where the search did not look."""

    @property
    def has_ended(self) -> bool:
        """Whether its record says that it has ended."""
        return self.record is not None and self.record.finished

    @property
    def missing(self) -> bool:
        """Whether its record says that it has not ended, and it is in no location."""
        if self.location is not None or self.record is None:
            return False
        return self.complete and not self.has_ended


def digest(raw: bytes) -> str:
    """A short, stable name for bytes that have no job id."""
    import hashlib

    # Redis's scripts can compute it as well.
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()
