"""The slots of workers: rows that do not move while jobs come and go."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from asok_console.tui.data.slots import SlotRows, SlotUse
from asok_console.tui.views.shared.worker_table import WorkerList
from asok_core.inspection.workers import RunningJob, WorkerInfo
from asok_core.jobs.envelope import peek, seal
from tests.fixtures.console import Hand, Open
from tests.tui import seed
from tests.tui.seed import KEYRING, KEYS


def held(n: int, process: str = "web.1", *, started: bool = True) -> RunningJob:
    payload = peek(seal(seed.job(n), KEYRING), KEYRING)
    return RunningJob(payload, "web", process, "high", 100.0 + n if started else None)


def worker(
    *jobs: RunningJob, concurrency: int = 4, processes: int = 1, **fields: int
) -> WorkerInfo:
    info = WorkerInfo("web", concurrency=concurrency, processes=processes, jobs=jobs)
    return replace(info, **({"running": len(jobs)} | fields))  # type: ignore[arg-type]


def ids(slots: SlotRows, info: WorkerInfo) -> list[str]:
    return [slot.job.payload.id if slot.job else slot.use.value for slot in slots.of(info)]


one, two, three, four = (held(n) for n in range(1, 5))


def name(job: RunningJob) -> str:
    return job.payload.id


def test_a_job_keeps_its_slot_and_an_idle_slot_is_idle() -> None:
    slots = SlotRows()
    assert ids(slots, worker(one, two, three)) == [name(one), name(two), name(three), "idle"]
    assert ids(slots, worker(three)) == ["idle", "idle", name(three), "idle"]
    assert ids(slots, worker(three, four)) == [name(four), "idle", name(three), "idle"]
    assert ids(slots, worker()) == ["idle"] * 4


def test_what_is_claimed_and_has_no_thread_has_no_slot() -> None:
    waiting = held(5, started=False)
    assert ids(SlotRows(), worker(one, two, waiting, concurrency=2, running=2)) == [
        name(one),
        name(two),
    ]
    begun_later = held(6, "web.2")
    both = worker(one, waiting, begun_later, concurrency=2, processes=2, running=2)
    assert ids(SlotRows(), both) == [name(one), name(begun_later)]


def test_a_slot_is_not_idle_that_only_is_not_named_or_has_no_process() -> None:
    many = worker(one, concurrency=4, running=3)
    assert [slot.use for slot in SlotRows().of(many)] == [
        SlotUse.JOB,
        SlotUse.UNNAMED,
        SlotUse.UNNAMED,
        SlotUse.IDLE,
    ]
    broken = worker(one, concurrency=4, processes=2, able=1)
    assert [slot.use for slot in SlotRows().of(broken)] == [
        SlotUse.JOB,
        SlotUse.IDLE,
        SlotUse.MISSING,
        SlotUse.MISSING,
    ]


def test_more_than_its_slots_are_listed_and_a_worker_without_slots_too() -> None:
    slots = SlotRows()
    assert len(slots.of(worker(one, held(2, "web.2"), concurrency=1))) == 2
    assert len(slots.of(worker(one, concurrency=1))) == 1
    assert ids(SlotRows(), worker(one, two, concurrency=0)) == [name(one), name(two)]


@given(st.lists(st.sets(st.integers(1, 9), max_size=4), max_size=12))
def test_no_row_ever_moves(history: list[set[int]]) -> None:
    jobs = {n: held(n) for n in range(1, 10)}
    slots = SlotRows()
    seen = []
    for running in history:
        rows = ids(slots, worker(*(jobs[n] for n in running)))
        assert len(rows) == 4
        assert sorted(row for row in rows if row != "idle") == sorted(
            name(jobs[n]) for n in running
        )
        seen.append(rows)
    for before, after in pairwise(seen):
        for row in set(before) & set(after) - {"idle"}:
            assert before.index(row) == after.index(row)


def listed(hand: Hand) -> list[str]:
    lines = hand.screen().splitlines()
    rows = hand.app.view.query_one(WorkerList)
    return [line.strip() for line in lines[rows.region.y + 1 :][: rows.total]]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_rows_of_a_worker_do_not_move_when_a_job_ends(
    redis_client: redis.Redis, open_console: Open, size: tuple[int, int]
) -> None:
    seed.worker(redis_client, "web-1", queues=("high",), concurrency=4, running=3, first=200)
    seed.worker(redis_client, "web-2", queues=("high",), concurrency=2, running=1, first=220)
    async with open_console(view="workers", size=size) as hand:
        await hand.sees("4 of 6 threads busy")
        before = listed(hand)
        assert len(before) == 8
        assert before[4].split() == ["└", "idle"]
        # The first job of the first worker ends.
        active = KEYS.active("web-1.1", "high")
        envelope = redis_client.lindex(active, -1)
        assert envelope is not None
        redis_client.lrem(active, 1, envelope)  # type: ignore[arg-type]

        def ended() -> bool:
            idle = sum("idle" in line for line in listed(hand))
            assert hand.shows(f"{6 - idle} of 6 threads busy"), "the figure is that of the slots"
            return idle == 3

        await hand.until(ended, "the end of the job")
        after = listed(hand)
        assert len(after) == 8
        kept = [n for n in range(8) if "idle" not in after[n]]
        assert [after[n].split()[:2] for n in kept] == [before[n].split()[:2] for n in kept]
        await hand.press("v")
        await hand.until(lambda: len(listed(hand)) == 2, "the workers alone")
        await hand.press("v")
        await hand.until(lambda: len(listed(hand)) == 8, "their slots too")
