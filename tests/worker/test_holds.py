"""Holds, as worker processes enforce them and operators see them."""

from __future__ import annotations

from collections.abc import Callable

from asok_core.backends.redis.keys import Keys
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until

KEYS = Keys()
Asok = Callable[..., Ran]
TASK = "tests.worker.jobs.note"


def test_no_job_that_matches_begins_and_after_the_release_all_run_in_their_order(
    asok: Asok, desk: Desk, run_worker: RunWorker
) -> None:
    run_worker("--queues", "default", "--concurrency", "1")
    desk.idle()
    busy = desk.hold("busy")
    words = ["a", "b", "c"]
    waiting = [desk.enqueue("note", word, unique=word) for word in words[:2]]
    other = desk.enqueue("note", "z")
    ran = asok(
        *("hold", "add", "--task", TASK, "--arg", '0 in ["a", "b", "c"]', "--reason", "bank down"),
        "--json",
    )
    assert (ran.code, len(ran.document["confirmed_by"])) == (0, 1), ran
    hold = ran.document["hold"]["id"]
    desk.release("busy")
    desk.reaches(busy, "completed")
    waiting.append(desk.enqueue("note", "c", unique="c"))
    desk.reaches(other, "completed")
    records = [desk.reaches(job, "held") for job in waiting]
    assert {each.held_by for each in records} == {hold}
    assert "a" not in desk.journal()
    (shown,) = asok("hold", "list", "--json").document["holds"]
    assert (shown["held"], shown["queues"], shown["reason"]) == (3, {"default": 3}, "bank down")
    assert asok("hold", "remove", hold).out == (
        f"Hold {hold} is unchanged (it keeps jobs; release it)\n"
    )
    done = asok("hold", "release", hold, "--yes")
    assert done.out == f"Released 3 jobs of hold {hold}\n"
    ((_, audited),) = desk.client.xrevrange(KEYS.audit, count=1)
    assert (audited[b"action"], audited[b"applied"]) == (b"release", b"3")
    for job in waiting:
        assert desk.reaches(job, "completed").held_by is None
    assert [each for each in desk.journal() if each in words] == words
    assert not desk.client.exists(KEYS.holds, KEYS.held_lists, KEYS.unique("a"))
    last = desk.enqueue("note", "a")
    desk.reaches(last, "completed")


def test_a_hold_ends_by_itself(asok: Asok, desk: Desk, run_worker: RunWorker) -> None:
    run_worker("--queues", "default")
    desk.idle()
    added = asok("hold", "add", "--task", TASK, "--until", "2s")
    assert added.code == 0
    assert added.err == "asok: in force on 1 of 1 worker\n"
    waiting = desk.enqueue("note", "a")
    held = desk.reaches(waiting, "held")
    desk.reaches(waiting, "completed")
    assert held.held_by
    wait_until(lambda: not desk.client.exists(KEYS.holds), "the end of the hold")
    kinds = [fields[b"kind"] for _, fields in desk.client.xrange(KEYS.events)]
    assert kinds.count(b"hold_added") == kinds.count(b"hold_ended") == 1
