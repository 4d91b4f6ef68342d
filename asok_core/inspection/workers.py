"""Workers as a snapshot has them: what their leases and heartbeats report, and the jobs they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from asok_core.inspection.worker_shape import WorkerShape
from asok_core.jobs.envelope import Payload

HEARTBEAT = 5.0
"""Seconds between two heartbeats of a worker whose lease is not set to be long."""
STALE_AFTER = 12.0
"""Seconds after the last heartbeat from which a worker is stalled, which sends one every 5 s."""
STALE_PART = 0.4
"""The same, of a worker with a longer lease, in lengths of it: it sends six in that time."""
STATE_NOT_KNOWN = "not known"
"""The state of a worker whose lease and heartbeats cannot be compared with the clock of this Redis."""
GIVEN_RELEASE = "ASOK_RELEASE"
"""The source of a release that the setting states."""


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
    release: str = ""
    """That of the application, when the worker started; '' where it is not known."""
    release_source: str = ""
    """What it was read from: ``ASOK_RELEASE``, ``git commit`` or ``package version``; '': not known."""
    queues: tuple[str, ...] = ()
    """Those that it serves now, in their order."""
    former_queues: tuple[str, ...] = ()
    """Others of which it may still hold jobs: it served them before an order took effect."""
    more_queues: bool = False
    """Whether it serves more queues than were read."""
    concurrency: int = 0
    """Threads in all its processes."""
    configured: WorkerShape | None = None
    """What it was started with; None of one of an earlier release."""
    ordered_concurrency: int | None = None
    """Threads a process that an operator ordered; None: those that are configured."""
    ordered_queues: tuple[str, ...] = ()
    """Queues that an operator ordered it to serve; none: those that are configured."""
    ordered_by: str = ""
    """Who ordered that, or to serve what is configured again."""
    ordered_at: float | None = None
    processes: int = 0
    process_numbers: tuple[int, ...] = ()
    """Numbers of the processes that may hold jobs: also of those that retire, until they end."""
    started_at: float | None = None
    beat_at: float | None = None
    lease_until: float | None = None
    lease: float = 0.0
    """For how many seconds it has its lease after each heartbeat; 0 where that is not known."""
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
    ends_pauses: bool = False
    """Whether it ends pauses of queues whose end has come; no worker of an earlier release does."""
    holds: int | None = None
    """The generation of holds that all its processes enforce; None of one of an earlier release."""
    jobs: tuple[RunningJob, ...] = ()
    problem: str = ""
    """Why it cannot be read (its key is not a hash, or names no queue), or an empty string."""

    @property
    def in_force(self) -> WorkerShape:
        """The threads of each of its processes, and the queues that it serves now."""
        return WorkerShape(self.concurrency // max(self.processes, 1), self.queues)

    @property
    def ordered(self) -> WorkerShape | None:
        """The shape that it is to have: as ordered, else as configured. None of an earlier release."""
        if self.configured is None:
            return None
        return WorkerShape(
            self.ordered_concurrency or self.configured.concurrency,
            self.ordered_queues or self.configured.queues,
        )

    @property
    def is_reshaping(self) -> bool:
        """Whether it has not confirmed yet what was ordered last."""
        return self.ordered is not None and self.ordered != self.in_force

    @property
    def overrides(self) -> bool:
        """Whether another shape is in force, or ordered, than the configured one."""
        return self.configured is not None and (
            self.in_force != self.configured or self.is_reshaping
        )

    @property
    def queues_unread(self) -> str:
        """Why it is not known which queues it serves, or ''."""
        most = f"only {len(self.queues):,} of them were read" if self.more_queues else ""
        return self.problem or most

    def no_heartbeat_for(self, now: float) -> float | None:
        """Seconds since its last heartbeat, where that is too long ago; None where it is not."""
        limit = max(STALE_AFTER, STALE_PART * self.lease)
        if self.beat_at is None or now - self.beat_at <= limit:
            return None
        return now - self.beat_at

    def is_alive(self, now: float) -> bool:
        """Whether its lease holds at ``now``."""
        return (self.lease_until or 0) > now

    def responds(self, now: float) -> bool:
        """Whether its lease holds at ``now``, and it is known to send heartbeats."""
        known = self.beat_at is not None and self.no_heartbeat_for(now) is None
        return known and self.is_alive(now)

    def ends_holds(self, now: float) -> bool:
        """Whether it, also a quiet one, ends holds and returns their jobs, as far as is known."""
        return self.holds is not None and self._carries_out_ends(now)

    def resumes_queues(self, now: float) -> bool:
        """Whether it, also a quiet one, ends pauses, as far as is known."""
        return self.ends_pauses and self._carries_out_ends(now)

    def _carries_out_ends(self, now: float) -> bool:
        return self.is_alive(now) and self.no_heartbeat_for(now) is None and not self.stopping

    def state(self, now: float) -> str:
        """Its state in a word, by which it is shown.

        ``offline`` (its lease has expired), ``stalled`` (no heartbeat for too long), ``stopping``, its
        condition, ``quiet``, ``quieting`` (ordered, and not confirmed yet), ``busy`` or ``idle``.
        """
        if not self.is_alive(now):
            return "offline"
        if self.no_heartbeat_for(now) is not None:
            return "stalled"
        if self.is_stopping:
            return "stopping"
        return self.condition or self._readiness

    @property
    def is_stopping(self) -> bool:
        """Whether it is stopping, or ordered to."""
        return self.stopping or self.command == "stop"

    @property
    def is_quieted(self) -> bool:
        """Whether it is quiet, or ordered to be."""
        return self.quiet or self.command == "quiet"

    @property
    def _readiness(self) -> str:
        if self.quiet:
            return "quiet"
        if self.command == "quiet":
            return "quieting"
        return "busy" if self.running else "idle"

    def claims(self, now: float) -> bool:
        """Whether it takes new jobs: its lease holds at ``now``, and no command forbids it."""
        return self.runs_jobs and not (self.is_quieted or self.is_stopping) and self.is_alive(now)

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


def releases(live: Iterable[WorkerInfo]) -> dict[str, int]:
    """How many live workers run each release of the application; '' is not known. Most workers first."""
    found = Counter(worker.release for worker in live)
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def release_sources(live: Iterable[WorkerInfo]) -> dict[str, str]:
    """Sources of the releases that live workers found, '' where not known; none of a stated release."""
    found: dict[str, set[str]] = {}
    for worker in live:
        if worker.release and worker.release_source != GIVEN_RELEASE:
            found.setdefault(worker.release, set()).add(worker.release_source)
    return {release: ", ".join(sorted(sources - {""})) for release, sources in found.items()}
