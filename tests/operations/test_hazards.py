"""Warnings about an operation, by the state of the queues that get its jobs."""

from __future__ import annotations

from asok_core.clock import HOUR
from asok_core.inspection.phrases import NAMED
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.workers import WorkerInfo
from asok_core.operations.hazards import hazards, hazards_of_unknown_queues

NOW = 1_772_333_820.0


def snapshot(*queues: QueueStats, used: int = 10, most: int = 100, quiet: bool = False) -> Snapshot:
    worker = WorkerInfo("w", queues=("busy", "held"), lease_until=NOW + 20, quiet=quiet)
    server = ServerInfo("redis://", used_memory=used, max_memory=most)
    return Snapshot(NOW, server, queues, (worker,))


def test_nothing_is_reported_without_problems() -> None:
    busy = QueueStats("busy", 5, completed_per_s=10.0)
    assert hazards(snapshot(busy), to={"busy": int(10 * HOUR)}) == ()
    assert hazards(snapshot(busy), trash=True) == ()
    assert hazards_of_unknown_queues(snapshot(busy), int(10 * HOUR)) == ()


def test_more_than_an_hour_of_work_is_reported_with_its_duration() -> None:
    busy = QueueStats("busy", 5, completed_per_s=0.75, failed_per_s=0.25)
    (line,) = hazards(snapshot(busy), to={"busy": 9000})
    assert line == ("queue 'busy' finishes about 3,600 jobs an hour: 9,000 more take about 2 h")
    # No job was finished in the last minute, so the rate is unknown.
    assert hazards(snapshot(QueueStats("busy", 5)), to={"busy": 9000}) == ()


def test_a_paused_queue_and_a_queue_without_workers() -> None:
    held, lone = QueueStats("held", 0, paused=True), QueueStats("lone", 3)
    found = hazards(snapshot(held, lone), to={"held": 1, "lone": 1, "unknown": 2})
    assert found == (
        "queue 'held' is paused: jobs wait there until resumed",
        "no worker takes jobs from queues 'lone', 'unknown'",
    )


def test_unknown_queues_share_one_warning() -> None:
    held, lone = QueueStats("held", 0, paused=True), QueueStats("lone", 3)
    busy = QueueStats("busy", 5, completed_per_s=1.0)
    assert hazards_of_unknown_queues(snapshot(held, lone, busy), 9000) == (
        "queue 'held' is paused: jobs that go there wait until resumed",
        "no worker takes jobs from queue 'lone': jobs that go there wait",
        "all queues finish about 3,600 jobs an hour: 9,000 more take about 2 h or longer",
    )


def test_a_quiet_worker_serves_nothing() -> None:
    found = hazards(snapshot(QueueStats("busy", 1), quiet=True), to={"busy": 1})
    assert found == ("no worker takes jobs from queue 'busy'",)


def test_many_queues_are_not_all_named() -> None:
    names = {f"q{n}": 1 for n in range(NAMED + 4)}
    (line,) = hazards(snapshot(), to=names)
    assert line.endswith("'q2' and 4 more")


def test_memory_that_is_nearly_full() -> None:
    full = snapshot(used=95)
    assert hazards(full) == ("Redis uses 95 % of its maxmemory",)
    (line,) = hazards(full, trash=True)
    assert line.endswith("jobs in the trash still take memory until it is emptied")
    assert hazards(snapshot(used=95, most=0), trash=True) == ()
