"""What the console shows, at one moment: immutable values, safe to pass from the poller's thread.

This is so of everything that a reader returns. Times are seconds since the epoch by the *Redis
server's* clock; ages are computed against ``Snapshot.taken_at``, so that a console on a laptop with a
wrong clock is right too. None always means "not known", never zero. Some values are NamedTuples and
not dataclasses only because those take a tenth of the time to make, and a status command starts often.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from asok_core.inspection.events import SystemEvent
from asok_core.inspection.holds import Hold, HoldState
from asok_core.inspection.limits import LimitBucket, LimitRule
from asok_core.inspection.memory_growth import FillRate, filling, median
from asok_core.inspection.notes import Notes
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.workers import HEARTBEAT, STALE_AFTER, STATE_NOT_KNOWN, WorkerInfo

CLOCKS_AGREE = STALE_AFTER - HEARTBEAT
"""Seconds since the newest heartbeat up to which the clock of a replica is trusted.

No worker that sends one every 5 s is held to be stalled then.
"""


class ServerInfo(NamedTuple):
    """The Redis behind the queues. Sizes in bytes, times in seconds unless the name says otherwise."""

    url: str
    """Masked: never holds a password."""
    version: str = ""
    role: str = ""
    used_memory: int | None = None
    uncounted_memory: int | None = None
    """What of it does not count for ``max_memory``: buffers of replicas and of the append-only file."""
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
    stops_on_save_error: bool | None = None
    """Whether it is configured to refuse changes after a save that failed (it is by default)."""
    good_replicas: int | None = None
    """Replicas that do not lag, where it is configured to refuse changes with too few of them."""
    required_replicas: int | None = None
    """How few it is configured to accept (``min-replicas-to-write``)."""
    run_id: str = ""
    """Changes with each start of a server."""
    keys: int | None = None
    """Keys of the database, those of other programs too."""
    master_link: str = ""
    """Of a replica: ``up`` or ``down``."""
    master_gone_s: float | None = None
    """Of a replica: for how long its connection to the master is down."""
    read_only: bool = True
    """Of a replica: whether it refuses every change, as it does by default."""
    round_trip_ms: float | None = None

    @property
    def is_cut_off(self) -> bool:
        """Whether it is a replica without its master: what it holds is as old as that."""
        return self.role == "slave" and self.master_link == "down"

    @property
    def refuses_unsaved(self) -> bool | None:
        """Whether it refuses every change, since it could not save its data. None: that is not known."""
        if self.last_save_ok is not False or "rdb" not in (self.persistence or "rdb"):
            return False
        return self.stops_on_save_error

    @property
    def refuses_unreplicated(self) -> bool | None:
        """Whether it refuses every change, since it has too few replicas. None: that is not known."""
        if not self.good_replicas:
            return self.good_replicas == 0
        return (
            None if self.required_replicas is None else self.good_replicas < self.required_replicas
        )

    @property
    def refuses_changes(self) -> bool | None:
        """Whether this master refuses every change, heartbeats too. None: that is not known."""
        if self.role == "slave":
            return False
        found = (self.last_append_ok is False, self.refuses_unsaved, self.refuses_unreplicated)
        return True if True in found else None if None in found else False

    @property
    def is_full(self) -> bool:
        """Whether it refuses new data for lack of memory."""
        used = (self.used_memory or 0) - (self.uncounted_memory or 0)
        full = self.max_memory and used >= self.max_memory
        return bool(full) and self.eviction_policy == "noeviction"


KEY_EVIDENCE = 3
"""Signed jobs of which none verifies from which SECRET_KEY is held to be the wrong one."""


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


class SnapshotCost(NamedTuple):
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
    workers_unread: str = ""
    """Why there may be more workers than ``workers`` has; '' where there are not."""
    events: tuple[SystemEvent, ...] = ()
    """The newest events that this reader has seen, newest first; none in a snapshot without rates."""
    events_since: float = 0.0
    """From when on every event is among them; infinite where they cannot be read."""
    notes: Notes = field(default_factory=Notes)
    """The notes of operators on jobs, queues and error groups."""
    holds: tuple[HoldState, ...] = ()
    """The holds, oldest first, and how many jobs each keeps."""
    holds_generation: int = 0
    """The newest generation of the rules: workers that publish it enforce all of the holds."""
    unread_holds: tuple[str, ...] = ()
    """Holds whose rules this release cannot read."""
    holds_problem: str = ""
    """Why holds were not read; '' where they were. Limits are read with them."""
    limits: tuple[LimitRule, ...] = ()
    """The limits that operators have set."""
    buckets: tuple[LimitBucket, ...] = ()
    """Where jobs wait for a limit. Of some it is not known for which one."""
    cost: SnapshotCost = field(default_factory=SnapshotCost)

    @property
    def alive(self) -> int | None:
        """Workers whose lease holds. The others are listed until their jobs are recovered.

        None where that is not known.
        """
        return len(self.live_workers) if self.knows_workers else None

    @property
    def live_workers(self) -> tuple[WorkerInfo, ...]:
        """These workers; all of them where it is not known which live."""
        if not self.knows_workers:
            return self.workers
        return tuple(each for each in self.workers if each.is_alive(self.taken_at))

    def confirms_holds(self, worker: WorkerInfo, generation: int) -> bool:
        """Whether a worker enforces the holds of a generation, or of a later one.

        A later one than Redis has is of before its clock was set back, or of the server before a failover.
        """
        newest = self.holds_generation or math.inf
        return worker.holds is not None and generation <= worker.holds <= newest

    def enforces(self, worker: WorkerInfo, hold: Hold) -> bool:
        """Whether a worker enforces a hold: it has confirmed the generation in which that was made."""
        return self.confirms_holds(worker, hold.generation or self.holds_generation)

    @property
    def knows_workers(self) -> bool:
        """Whether leases, heartbeats and due times can be compared with ``taken_at``.

        They are times of the master. A replica without it has those of earlier, and the clock of another
        may differ: the only sign that it does not is a heartbeat that came just now.
        """
        if self.server.role != "slave":
            return True
        times = [each.beat_at for each in self.workers if each.beat_at is not None]
        just_now = not times or abs(self.taken_at - max(times)) <= CLOCKS_AGREE
        return just_now and not self.server.is_cut_off

    def state_of(self, worker: WorkerInfo) -> str:
        """The state of a worker in a word, or that it is not known."""
        return worker.state(self.taken_at) if self.knows_workers else STATE_NOT_KNOWN

    @property
    def refuses_heartbeats(self) -> bool:
        """Whether Redis refuses heartbeats, or may: that none comes shows nothing of a worker then."""
        refuses = self.server.refuses_changes
        return refuses is not False and (refuses is True or not self._responding)

    @property
    def _responding(self) -> bool:
        return any(each.responds(self.taken_at) for each in self.workers)

    @property
    def has_live_worker(self) -> bool | None:
        """Whether a worker lives: its lease holds and it sends heartbeats. None: that is not known."""
        if not self.knows_workers:
            return None
        if self._responding:
            return True
        is_open = self.alive or self.workers_unread or self.refuses_heartbeats
        return None if is_open else False

    @property
    def knows_serving(self) -> bool:
        """Whether a queue that no worker is seen to serve is served by none."""
        all_read = not self.workers_unread and not any(each.queues_unread for each in self.workers)
        return all_read and self.knows_workers

    @property
    def held(self) -> int:
        """Jobs that holds keep from starting."""
        return sum(each.jobs for each in self.holds)

    def held_of(self, queue: str) -> int:
        """How many of a queue."""
        return sum(each.queues.get(queue, 0) for each in self.holds)

    @property
    def limited(self) -> int:
        """Jobs that wait for a limit."""
        return sum(each.waiting for each in self.buckets)

    def limited_of(self, queue: str) -> int:
        """How many of a queue."""
        return sum(each.queues.get(queue, 0) for each in self.buckets)

    @property
    def held_lists(self) -> tuple[str, ...]:
        """The lists of held jobs that have some, of holds and of limits, each as ``{hold}:{queue}``."""
        by_holds = (f"{each.id}:{queue}" for each in self.holds for queue in each.queues)
        return *by_holds, *(f"{each.id}:{queue}" for each in self.buckets for queue in each.queues)

    @property
    def claimed(self) -> int:
        """Jobs that a live worker holds and has not begun."""
        return self.active - self.orphaned - self.running

    @property
    def filling(self) -> FillRate | None:
        """How soon Redis is full, as live workers saw it grow; None: no trouble, or not known."""
        rates = [each.memory_rate for each in self.live_workers if each.memory_rate is not None]
        rate = median(rates) if rates else None
        return filling(rate, self.server.used_memory, self.server.max_memory)
