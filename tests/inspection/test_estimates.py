"""The start of a pending job: a range that holds in simulations, and not known where nothing shows it."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from asok_core.inspection.audit import Activity
from asok_core.inspection.estimates import Confidence, Estimate
from asok_core.inspection.events import SystemEvent
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.job_reasons import explain_job
from asok_core.inspection.queues import Bucket, QueueStats
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.workers import WorkerInfo
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.states import Location, Status

NOW = 1_700_000_000.0
WINDOW, WIDTH = 300, 10
RUNS = 50

WORKER = WorkerInfo(
    "w1", queues=("high", "mail"), concurrency=4, processes=1, able=1, running=4, beat_at=NOW - 1,
    lease_until=NOW + 10, started_at=NOW - 10_000,
)  # fmt: skip


def buckets(*counts: int, enqueued: int = 0) -> tuple[Bucket, ...]:
    """Successive buckets up to now, of which the newest still fills."""
    last = int(NOW) // WIDTH * WIDTH
    closed = [
        Bucket(last - WIDTH * (len(counts) - at), WIDTH, completed=each, enqueued=enqueued)
        for at, each in enumerate(counts)
    ]
    return (*closed, Bucket(last, WIDTH))


def estimated(
    stats: QueueStats,
    ahead: int | None,
    *others: QueueStats,
    workers: Sequence[WorkerInfo] = (WORKER,),
    events: Sequence[SystemEvent] = (),
    events_since: float = 0.0,
    actions: Sequence[Activity] = (),
    enqueued_at: float = NOW - 600,
) -> Estimate:
    job = Job("j", "shop", "mail", queue=stats.name, enqueued_at=enqueued_at)
    record = JobRecord("j", Status.PENDING, queue=stats.name)
    payload = Payload(b"", job, Trust.SIGNED)
    detail = JobDetail("j", record, Location.PENDING, payload, position=ahead)
    whole = Snapshot(
        NOW, ServerInfo("redis://x"), (*others, stats), tuple(workers), events=tuple(events),
        events_since=events_since,
    )  # fmt: skip
    found = explain_job(detail, whole, actions).estimate
    assert found is not None
    return found


STEADY = QueueStats("mail", 10_000, active=4, running=4, recent=buckets(*[200, 190, 210] * 10))


class TestRange:
    def test_it_is_about_the_jobs_ahead_by_the_rate(self) -> None:
        found = estimated(STEADY, 6000)
        assert found.low is not None
        assert found.high is not None
        assert found.low < 300 < found.high
        assert found.high < 1.3 * found.low
        assert (found.confidence, found.ahead, found.attempts) == (Confidence.HIGH, 6000, 6000)
        assert found.per_second == pytest.approx(20)
        assert (
            found.basis == "6,000 jobs before it, 20 jobs/s in the last 5 minutes (6,000 attempts)"
        )

    def test_jobs_that_are_claimed_and_have_not_begun_start_before_it(self) -> None:
        assert estimated(replace(STEADY, active=54), 100).ahead == 150

    def test_queues_that_are_served_before_it_count(self) -> None:
        high = QueueStats("high", 2000, recent=buckets(*[0] * 30))
        found = estimated(STEADY, 4000, high)
        assert found.ahead == 6000
        assert found.per_second == pytest.approx(20)

    def test_what_comes_into_them_takes_its_part_of_the_rate(self) -> None:
        high = QueueStats("high", 50, recent=buckets(*[100] * 30, enqueued=100))
        found = estimated(STEADY, 4000, high)
        # 30 a second are finished, of which 10 come in before it all the time.
        assert found.per_second == pytest.approx(20)

    def test_only_the_time_in_which_jobs_waited_is_counted(self) -> None:
        # Nothing waited until 50 s ago, when 1,000 jobs came in at once; 500 of these have ended.
        idle = buckets(*[1] * 25, *[100] * 5)
        came = [replace(each, enqueued=each.completed) for each in idle[:25]]
        came.append(replace(idle[25], enqueued=1000))
        found = estimated(QueueStats("mail", 500, recent=(*came, *idle[26:])), 200)
        assert (found.seconds, found.attempts) == (40, 400)
        assert (
            "10 jobs/s in the 40 seconds of the last 5 minutes in which jobs waited (400 attempts)"
            in found.basis
        )

    def test_a_range_of_few_attempts_has_no_end(self) -> None:
        found = estimated(replace(STEADY, recent=buckets(*[0] * 28, 1, 1)), 50)
        assert found.low is not None
        assert found.high is None
        assert found.confidence is Confidence.LOW

    def test_a_free_slot_takes_a_new_job_at_once(self) -> None:
        idle = QueueStats("mail", 1, recent=buckets(*[0] * 30))
        free = replace(WORKER, running=0)
        found = estimated(idle, 0, workers=[free], enqueued_at=NOW)
        assert (found.low, found.confidence) == (0.0, Confidence.HIGH)

    def test_workers_that_waited_for_jobs_may_be_faster_than_they_were(self) -> None:
        # One job every second was enqueued and run; four slots with runs of 20 ms can run 200.
        idle = QueueStats("mail", 1000, run_ms=20.0, recent=buckets(*[10] * 30, enqueued=10))
        found = estimated(replace(idle, pending=4), 1000)
        assert found.low == pytest.approx(5)
        assert found.high is not None
        assert found.high > 1000
        assert found.confidence is Confidence.LOW


@pytest.mark.parametrize(
    ("basis", "made"),
    [
        ("is paused", lambda: estimated(replace(STEADY, paused=True), 9)),
        ("no worker is registered", lambda: estimated(STEADY, 9, workers=())),
        ("its position in it is not known", lambda: estimated(STEADY, None)),
        (
            "nothing was finished in the last 5 minutes that are counted",
            lambda: estimated(replace(STEADY, recent=buckets(*[0] * 30)), 9),
        ),
        (
            # Jobs that do not end hold every slot.
            "nothing was finished in the last minute that is counted",
            lambda: estimated(replace(STEADY, recent=buckets(*[50] * 24, *[0] * 6)), 9),
        ),
        (
            # Jobs came in and ended at once, and none has ended since they wait.
            "nothing was finished while jobs waited",
            lambda: estimated(
                QueueStats("mail", 200, recent=buckets(*[50] * 27, *[0] * 3, enqueued=50)), 9
            ),
        ),
        (
            "as fast as jobs are finished",
            lambda: estimated(
                replace(STEADY, recent=buckets(*[0] * 30)),
                9,
                QueueStats("high", 900, recent=buckets(*[100] * 30, enqueued=101)),
            ),
        ),
        (
            "other workers serve queue 'high' too",
            lambda: estimated(
                STEADY,
                9,
                QueueStats("high", 900, recent=buckets(*[100] * 30)),
                workers=(WORKER, replace(WORKER, id="w2", queues=("high",))),
            ),
        ),
        (
            "too little is counted",
            lambda: estimated(STEADY, 9, workers=(replace(WORKER, started_at=NOW - 15),)),
        ),
        (
            "too little is counted",
            lambda: estimated(
                STEADY,
                9,
                events=[SystemEvent("1-0", NOW - 9, "queue_resumed", {"queue": "mail"})],
            ),
        ),
        (
            "too little is counted",
            lambda: estimated(
                STEADY,
                9,
                events=[SystemEvent("1-0", NOW - 9, "worker_stopped", {"queues": "low,mail"})],
            ),
        ),
    ],
)
def test_a_start_that_cannot_be_known_is_not_estimated(
    basis: str, made: Callable[[], Estimate]
) -> None:
    found = made()
    assert (found.low, found.high, found.confidence) == (None, None, Confidence.NOT_KNOWN)
    assert basis in found.basis


OTHER = replace(WORKER, id="w2", concurrency=36)
QUIET = replace(OTHER, quiet=True)


def ordered(action: str, ago: float, *, worker: str = "w2", applied: int = 1) -> Activity:
    return Activity("o", NOW - ago, "ann", "h", action, words=f"worker:{worker}", applied=applied)


@pytest.mark.parametrize(
    ("workers", "actions", "events"),
    [
        pytest.param([WORKER, QUIET], [ordered("quiet", 10)], [], id="quiet"),
        pytest.param([WORKER, OTHER], [ordered("resume", 10)], [], id="resumed"),
        pytest.param(
            [WORKER, replace(OTHER, stopping=True)], [ordered("stop", 10)], [], id="stopping"
        ),
        pytest.param([WORKER, replace(OTHER, beat_at=NOW - 20)], [], [], id="no heartbeat"),
        pytest.param(
            [WORKER, replace(OTHER, processes=9, able=1, deaths=5)],
            [],
            [SystemEvent("1-0", NOW - 9, "warning_raised", {"worker": "w2", "warning": "crashes"})],
            id="crash-looping",
        ),
    ],
)
def test_what_was_finished_before_a_worker_changed_shows_nothing(
    workers: Sequence[WorkerInfo], actions: Sequence[Activity], events: Sequence[SystemEvent]
) -> None:
    found = estimated(STEADY, 9000, workers=workers, actions=actions, events=events)
    assert (found.low, found.confidence) == (None, Confidence.NOT_KNOWN)
    assert "too little is counted since its workers or pauses last changed" in found.basis


def test_a_worker_that_was_made_quiet_before_changes_nothing() -> None:
    orders = [ordered("quiet", 2, applied=0), ordered("quiet", 400)]
    found = estimated(STEADY, 9000, workers=[WORKER, QUIET], actions=orders)
    assert (found.confidence, found.seconds) == (Confidence.HIGH, 300)


@pytest.mark.parametrize(
    "unknown",
    [
        pytest.param({"workers": [WORKER, QUIET]}, id="quiet by a signal"),
        pytest.param({"events_since": math.inf}, id="no events"),
    ],
)
def test_a_change_that_is_not_dated_leaves_the_start_unknown(unknown: dict[str, Any]) -> None:
    found = estimated(STEADY, 9000, **unknown)
    assert (found.low, found.confidence) == (None, Confidence.NOT_KNOWN)
    assert "when its workers or pauses last changed is not known" in found.basis


def test_what_happened_before_the_oldest_event_that_is_remembered_is_not_known() -> None:
    assert estimated(STEADY, 9000, events_since=NOW - 100).seconds == 100


def test_a_change_of_other_queues_does_not_end_what_is_known() -> None:
    events = [SystemEvent("1-0", NOW - 9, "queue_paused", {"queue": "other"})]
    assert estimated(STEADY, 9, events=events).low is not None


@dataclass
class Simulation:
    """Slots that run the jobs of two queues in their order: ``run`` draws run times, seconds."""

    chance: random.Random
    slots: int
    run: Callable[[random.Random], float]
    backlog: int
    high_per_s: float = 0.0
    per_s: float = 0.0
    """Jobs that come into the first and into the second queue a second."""
    finished: dict[str, dict[int, int]] = field(default_factory=lambda: {"high": {}, "mail": {}})
    enqueued: dict[str, dict[int, int]] = field(default_factory=lambda: {"high": {}, "mail": {}})

    def arrivals(self, rate: float, until: float) -> list[float]:
        at, found = 0.0, []
        while rate and (at := at + self.chance.expovariate(rate)) < until:
            found.append(at)
        return found

    def actual(self) -> tuple[Estimate, float]:
        """The estimate for the last of the second queue at ``WINDOW``, and when it started after that."""
        until = 40.0 * WINDOW
        high, mail = self.arrivals(self.high_per_s, until), self.arrivals(self.per_s, WINDOW)
        queues = {"high": high, "mail": [0.0] * self.backlog + mail}
        for name, times in queues.items():
            for at in times:
                if at < WINDOW:
                    self._count(self.enqueued[name], at)
        taken, free, started = {"high": 0, "mail": 0}, [0.0] * self.slots, 0.0
        at_window: tuple[int, int] | None = None
        heapq.heapify(free)
        while taken["mail"] < len(queues["mail"]):
            now = heapq.heappop(free)
            waiting = [n for n in queues if taken[n] < len(queues[n])]
            # A slot that finds no job waits for the next.
            now = max(now, min(queues[n][taken[n]] for n in waiting))
            name = next(n for n in waiting if queues[n][taken[n]] <= now)
            if at_window is None and now >= WINDOW:
                at_window = taken["high"], taken["mail"]
            taken[name] += 1
            started = now
            ended = now + self.run(self.chance)
            if ended < WINDOW:
                self._count(self.finished[name], ended)
            heapq.heappush(free, ended)
        assert at_window is not None, "the backlog was consumed too early to be estimated"
        pending_high = sum(each < WINDOW for each in high) - at_window[0]
        ahead = len(queues["mail"]) - at_window[1] - 1
        stats = [
            QueueStats(name, pending, recent=self._buckets(name))
            for name, pending in (("high", pending_high), ("mail", ahead + 1))
        ]
        busy = replace(WORKER, concurrency=self.slots, running=self.slots)
        return estimated(stats[1], ahead, stats[0], workers=[busy]), started - WINDOW

    def _count(self, counts: dict[int, int], at: float) -> None:
        counts[int(at) // WIDTH] = counts.get(int(at) // WIDTH, 0) + 1

    def _buckets(self, name: str) -> tuple[Bucket, ...]:
        begin = int(NOW) - WINDOW
        closed = [
            Bucket(
                begin + at * WIDTH,
                WIDTH,
                enqueued=self.enqueued[name].get(at, 0),
                completed=self.finished[name].get(at, 0),
            )
            for at in range(WINDOW // WIDTH)
        ]
        return (*closed, Bucket(int(NOW), WIDTH))


def mixed(chance: random.Random) -> float:
    """One job of twenty takes a hundred times as long."""
    return 5.0 if chance.random() < 0.05 else 0.05


SIMULATED = {
    "one slot, equal runs": lambda c: Simulation(c, 1, lambda _: 1.0, 600),
    "eight slots, random runs": lambda c: Simulation(c, 8, lambda c: c.expovariate(2), 6000),
    "few long runs": lambda c: Simulation(c, 8, mixed, 12_000),
    "jobs come in behind it": lambda c: Simulation(c, 4, lambda c: c.expovariate(5), 7000, per_s=5),
    "an earlier queue takes half": lambda c: Simulation(
        c, 4, lambda c: c.expovariate(5), 5000, high_per_s=10
    ),
    "long runs": lambda c: Simulation(c, 10, lambda c: c.uniform(20, 60), 150),
}


@pytest.mark.parametrize("name", sorted(SIMULATED))
def test_most_jobs_start_in_the_range_that_was_estimated(name: str) -> None:
    held = 0
    for seed in range(RUNS):
        found, started = SIMULATED[name](random.Random(seed)).actual()
        assert found.low is not None
        held += found.low <= started <= (found.high or started)
    assert held >= 0.9 * RUNS, f"{held} of {RUNS} starts were in their ranges"
