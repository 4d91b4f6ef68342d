"""Pauses that end by themselves, as worker processes and operators see them."""

from __future__ import annotations

from collections.abc import Callable

from asok_core.backends.redis.keys import Keys
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until

KEYS = Keys()
Asok = Callable[..., Ran]


def kinds(desk: Desk) -> list[bytes]:
    return [
        fields[b"kind"]
        for _, fields in desk.client.xrange(KEYS.events)
        if fields.get(b"queue") == b"default"
    ]


def test_jobs_run_when_the_pause_ends_and_not_before(
    asok: Asok, desk: Desk, run_worker: RunWorker
) -> None:
    run_worker("--queues", "default")
    run_worker("--queues", "default")
    desk.idle(workers=2)
    names = [each.decode() for each in desk.client.zrange(KEYS.workers, 0, -1)]
    assert [desk.client.hget(KEYS.worker(name), "ends_pauses") for name in names] == [b"1"] * 2
    ran = asok("queue", "pause", "default", "--for", "3s", "--reason", "bank down")
    assert ran.code == 0
    assert ran.out.startswith("Paused queue 'default' until ")
    assert ran.out.endswith(" UTC: bank down\n")
    waiting = desk.enqueue("note", "a")
    record = desk.reaches(waiting, "completed")
    assert not desk.client.exists(KEYS.paused, KEYS.pauses)
    assert kinds(desk) == [b"queue_paused", b"queue_resumed"], "once, with two supervisors"
    resumed = asok("events", "--kind", "queue_resumed", "--json").document["events"][0]
    until = float(resumed["fields"]["until"])
    assert record.started_at is not None
    assert record.started_at >= until
    found = asok("explain", waiting.id, "--json").document["reasons"]
    (pause,) = [each for each in found if each["code"] == "was_paused"]
    assert pause["evidence"]["reason"] == "bank down"
    assert pause["evidence"]["resumed_by"] == "the end of the pause"


def test_a_quiet_worker_ends_it_as_well(asok: Asok, desk: Desk, run_worker: RunWorker) -> None:
    run_worker("--queues", "other")
    desk.idle()
    (name,) = (each.decode() for each in desk.client.zrange(KEYS.workers, 0, -1))
    assert asok("worker", "quiet", name).code == 0
    assert asok("queue", "pause", "default", "--for", "500ms").code == 0
    wait_until(lambda: not desk.client.exists(KEYS.paused), "the end of the pause")


def test_a_pause_whose_end_passed_without_a_worker_ends_with_the_next_one(
    asok: Asok, desk: Desk, run_worker: RunWorker
) -> None:
    assert asok("queue", "pause", "default", "--for", "100ms").code == 0
    waiting = desk.enqueue("note", "a")
    run_worker("--queues", "default")
    desk.reaches(waiting, "completed")
    assert kinds(desk) == [b"queue_paused", b"queue_resumed"]
