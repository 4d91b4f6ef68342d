"""Lists from which jobs are taken while they are searched: none that stays is passed over unread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, cast

import pytest
import redis

from asok_core.backends.redis.reading.queries import ListWindow, Order
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.backends.redis.reading.sampling import joined
from asok_core.backends.redis.reading.search import search_list
from asok_core.backends.roles import Reader
from asok_core.inspection.filters import parse
from asok_core.inspection.job_detail import (
    MOVED,
    NOT_ALL_HELD,
    TOO_LONG,
    JobDetail,
    earlier_trash,
)
from asok_core.inspection.job_reasons import explain_job
from asok_core.inspection.rows import Page
from asok_core.jobs.envelope import dead_entry, peek, seal
from asok_core.jobs.states import Location
from asok_core.operations import explain, search
from asok_core.operations.search import SearchProgress, by_id, find, listed
from tests.backends.redis.reading.seed import (
    HOUR,
    KEYRING,
    KEYS,
    hold,
    job,
    push,
    record,
    server_time,
    work,
)
from tests.programs import PATIENCE

QUEUE = KEYS.queue("default")


def names(numbers: range) -> set[str]:
    return {f"job-{n}" for n in numbers}


def walked(
    reader: RedisReader, between: Callable[[], object], location: Location = Location.PENDING
) -> tuple[list[str], bool]:
    """The ids that a walk meets, and whether it may have missed any."""
    met: list[str] = []
    missed = False
    for page in reader.scan(location, "default", batch=10):
        met += [row.payload.id for row in page.rows]
        missed = missed or page.missed
        between()
    return met, missed


class TestWalks:
    @pytest.mark.parametrize("taken", [1, 3, 9])
    def test_all_jobs_of_a_queue_are_met_once_while_workers_take_the_oldest(
        self, reader: RedisReader, redis_client: redis.Redis, taken: int
    ) -> None:
        push(redis_client, *(job(n) for n in range(200)))
        met, missed = walked(reader, lambda: redis_client.rpop(QUEUE, taken))
        assert met == [f"job-{n}" for n in range(200)]
        assert not missed

    def test_a_walk_finds_where_it_was_after_many_were_taken_at_once(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        push(redis_client, *(job(n) for n in range(1_000)))
        pages = reader.scan(Location.PENDING, "default", batch=500)
        met = [row.payload.id for row in next(pages).rows]
        redis_client.rpop(QUEUE, 400)
        rest = list(pages)
        assert [row.position for page in rest for row in page.rows] == list(range(100, 600))
        met += [row.payload.id for page in rest for row in page.rows]
        assert met == [f"job-{n}" for n in range(1_000)]
        assert not any(page.missed for page in rest)

    def test_that_workers_took_jobs_before_they_were_read_is_stated(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        push(redis_client, *(job(n) for n in range(200)))
        takes = iter((15, 15))
        met, missed = walked(
            reader, lambda: [redis_client.rpop(QUEUE, each) for each in islice(takes, 1)]
        )
        assert missed
        assert set(met) == names(range(10)) | names(range(15, 25)) | names(range(30, 200))

    def test_jobs_that_are_returned_or_removed_do_not_shift_a_walk(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        push(redis_client, *(job(n) for n in range(200)))
        redis_client.rpoplpush(QUEUE, KEYS.active("w1.1", "default"))

        def between() -> None:
            # The last that was read goes, and workers return one at the end where they take them.
            redis_client.lrem(QUEUE, 1, seal(job(10), KEYRING).decode())
            redis_client.lmove(KEYS.active("w1.1", "default"), QUEUE, "RIGHT", "RIGHT")

        met, missed = walked(reader, between)
        assert met == [f"job-{n}" for n in range(1, 200)]
        assert not missed

    def test_dead_jobs_that_are_requeued_meanwhile_do_not_shift_a_walk(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        for n in range(100):
            raw = dead_entry(seal(job(n), KEYRING), failed_at=5.0, error="E", traceback="")
            redis_client.lpush(KEYS.dead, raw)
        met, missed = walked(reader, lambda: redis_client.rpop(KEYS.dead, 4), Location.DEAD)
        assert (set(met), missed) == (names(range(100)), False)

    def test_delayed_jobs_of_one_moment_are_met_while_they_become_due(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        redis_client.zadd(KEYS.delayed, {seal(job(n), KEYRING): 5.0 for n in range(100)})
        met, missed = walked(
            reader, lambda: redis_client.zpopmin(KEYS.delayed, 3), Location.DELAYED
        )
        assert (set(met), len(met), missed) == (names(range(100)), 100, False)

    @pytest.mark.only_form("scripts")
    def test_jobs_so_large_that_none_is_read_beside_another_are_all_met(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        push(redis_client, *(job(n, args=("x" * 5_000_000,)) for n in range(4)), job(4))
        met, _ = walked(reader, lambda: None)
        assert met == [f"job-{n}" for n in range(5)]

    @pytest.mark.parametrize("taken", [0, 3, 30])
    def test_a_short_list_is_read_whole_only_if_each_window_follows_the_one_before(
        self, reader: RedisReader, redis_client: redis.Redis, taken: int
    ) -> None:
        push(redis_client, *(job(n) for n in range(500)))

        def read(round_trips: RoundTrips) -> dict[int, ListWindow]:
            windows = {}
            for start, end in ((0, 250), (242, 500)):
                query = round_trips.queries.window(QUEUE, "right", start, end - start)
                windows[start] = round_trips.ask(query)
                # Workers take the oldest, and as many are enqueued.
                for n in range(taken):
                    redis_client.rpop(QUEUE)
                    push(redis_client, job(1_000 + n))
            return windows

        items = joined(reader._session.run(read), (250, 500))
        if taken == 30:
            assert items is None
        else:
            met = [peek(item.text).id for item in items or ()]
            assert met[:500] == [f"job-{n}" for n in range(500)]
            assert len(met) == 500 + taken

    def test_a_filter_lists_each_match_while_workers_take_jobs(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        push(redis_client, *(job(n) for n in range(1_000)))
        rows = listed(reader, "pending", parse("task:send"), 0.0, queues=["default"])
        met = set()
        for at, row in enumerate(rows):
            met.add(row.payload.id)
            if at % 200 == 199:
                redis_client.rpop(QUEUE, 7)
        assert met == names(range(1_000))

    @pytest.mark.parametrize(
        ("order", "take"),
        [("right", "RPOP"), ("left", "LPOP"), ("score", "ZPOPMIN")],
    )
    def test_a_search_in_a_list_continues_after_the_job_that_it_looked_at_last(
        self, reader: RedisReader, redis_client: redis.Redis, order: Order, take: str
    ) -> None:
        # The first only names the job that is looked for.
        jobs = [job(n, args=("job-30",) if n == 10 else (0,)) for n in range(60)]
        key = KEYS.delayed if order == "score" else QUEUE
        for n, each in enumerate(jobs):
            raw = seal(each, KEYRING)
            if order == "score":
                redis_client.zadd(key, {raw: n})
            else:
                redis_client.execute_command("LPUSH" if order == "right" else "RPUSH", key, raw)

        def search(round_trips: RoundTrips) -> list[str]:
            where, until = (key, order), time.monotonic() + PATIENCE
            found = []
            for each in search_list(round_trips, where, "job-30", until, (0, None), gaps={}):
                found.append(peek(each.item).id)
                if len(found) == 1:
                    redis_client.execute_command(take, key, 25)
            return found

        # After 25 were taken it begins at the next, or again where the last that it looked at is gone.
        assert reader._session.run(search)[-1] == "job-30"


class TestFind:
    def test_a_job_is_found_while_workers_take_those_before_it(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        push(redis_client, *(job(n) for n in range(525)), job(525, function="wanted"))
        push(redis_client, *(job(n) for n in range(526, 1_200)))
        steps = searched(reader, "wanted", lambda: redis_client.rpop(QUEUE, 20))
        assert [row.payload.id for step in steps for row in step.rows] == ["job-525"]
        # Others may have moved from where it was to be searched to where it had been.
        assert steps[-1].gaps == (MOVED,)

    @pytest.mark.parametrize("words", ["nothing-like-it", "job-9999"])
    def test_that_nothing_is_there_is_stated_only_if_nothing_moved(
        self, reader: RedisReader, redis_client: redis.Redis, words: str
    ) -> None:
        push(redis_client, *(job(n) for n in range(1_200)))
        assert searched(reader, words, lambda: None)[-1].gaps == ()
        steps = searched(reader, words, lambda: redis_client.rpop(QUEUE, 1))
        assert not any(step.rows for step in steps)
        assert steps[-1].gaps == (MOVED,)

    def test_a_job_that_is_claimed_before_its_queue_is_read_is_found_with_its_worker(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        work(redis_client, "w1", "default")
        push(redis_client, job(1, function="wanted"))
        process = KEYS.active("w1.1", "default")
        steps = searched(reader, "wanted", lambda: redis_client.rpoplpush(QUEUE, process))
        [found] = [row for step in steps for row in step.rows]
        assert (found.payload.id, found.location) == ("job-1", Location.ACTIVE)

    def test_jobs_that_workers_hold_and_no_snapshot_names_are_not_taken_for_absent(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        work(redis_client, "w1", "default")
        for n in range(100):
            hold(redis_client, "w1.1", job(n))
        assert searched(reader, "nothing-like-it", lambda: None)[-1].gaps == (NOT_ALL_HELD,)

    def test_jobs_of_a_lost_worker_are_not_taken_for_absent(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        hold(redis_client, "gone.1", job(1))
        assert searched(reader, "nothing-like-it", lambda: None)[-1].gaps == (NOT_ALL_HELD,)


def searched(reader: Reader, words: str, between: Callable[[], object]) -> list[SearchProgress]:
    steps = []
    for step in find(reader, words, reader.snapshot()):
        steps.append(step)
        between()
    return steps


class Taking:
    """A reader that lets workers take jobs after each window that is read."""

    def __init__(self, reader: RedisReader, take: Callable[[], object]) -> None:
        self._reader = reader
        self._take = take

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def scan(self, *of: Any, **more: Any) -> Iterator[Page]:
        for page in self._reader.scan(*of, **more):
            yield page
            self._take()


UUID = "0a1b2c3d-0000-4000-8000-00000000dead"


def explained(reader: Reader, name: str) -> tuple[JobDetail | None, str, str]:
    """What is found, the state, and the code of the first reason."""
    found = explain.job(reader, name, namespace="asok", redis="redis://")
    return found.detail, found.explanation.state, found.explanation.reasons[0].code


class TestById:
    def test_the_beginning_of_an_id_is_not_unknown_while_jobs_move(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        push(redis_client, *(job(n) for n in range(1_200)))
        assert explained(reader, "0a1b2c3d") == (None, "not known", "not_found")
        taking = cast(Reader, Taking(reader, lambda: redis_client.rpop(QUEUE, 1)))
        assert explained(taking, "0a1b2c3d") == (None, "not known", "not_searched")
        detail = by_id(taking, "0a1b2c3d")
        assert detail is not None
        assert (detail.is_unknown, detail.gaps) == (True, (MOVED,))

    def test_a_search_that_took_too_long_is_not_reported_as_an_unknown_id(
        self, reader: RedisReader, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        raw = seal(job(1), KEYRING).replace(b"job-1", UUID.encode())
        push(redis_client, *(job(n) for n in range(1_500)))
        redis_client.lpush(QUEUE, raw)
        monkeypatch.setattr(search, "PATIENCE", -1.0)
        assert explained(reader, UUID) == (None, "not known", "not_searched")
        detail = by_id(reader, UUID)
        assert detail is not None
        assert detail.gaps == (TOO_LONG,)
        monkeypatch.setattr(search, "PATIENCE", PATIENCE)
        detail = by_id(reader, UUID)
        assert detail is not None
        assert (detail.location, detail.position) == (Location.PENDING, 1_500)

    def test_a_purged_job_without_a_record_is_found_behind_many_operations(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        purged(redis_client, others=200)
        detail, state, code = explained(reader, UUID)
        assert detail is not None
        assert (detail.location, state, code) == (Location.TRASH, "in the trash", "in_trash")
        # A screen has less time, and states what it has not looked through.
        shown = reader.job(UUID)
        assert shown is not None
        assert shown.gaps == (earlier_trash(50),)

    def test_how_many_operations_were_looked_through_is_stated(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        purged(redis_client, others=1_000)
        detail, _, code = explained(reader, UUID)
        assert (detail, code) == (None, "not_searched")
        unknown = by_id(reader, UUID)
        assert unknown is not None
        assert unknown.gaps == (earlier_trash(1_000),)

    def test_of_a_failed_job_it_is_stated_that_it_may_be_in_the_trash(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        purged(redis_client, others=100)
        now = server_time(redis_client)
        record(redis_client, UUID, status="failed", finished_at=now, error="E: no")
        shown = reader.job(UUID)
        assert shown is not None
        reasons = explain_job(shown, reader.snapshot(), ()).reasons
        assert [each.code for each in reasons] == ["failed", "not_searched"]
        assert explained(reader, UUID)[2] == "in_trash"

    @pytest.mark.parametrize("n", [0, 63, 64, 99])
    def test_a_claimed_job_that_no_snapshot_names_is_with_its_worker(
        self, reader: RedisReader, redis_client: redis.Redis, n: int
    ) -> None:
        work(redis_client, "w1", "default")
        for each in range(100):
            hold(redis_client, "w1.1", job(each))
        record(redis_client, f"job-{n}", status="pending", queue="default")
        detail = reader.job(f"job-{n}")
        assert detail is not None
        assert (detail.location, detail.worker, detail.missing) == (Location.ACTIVE, "w1", False)

    def test_a_job_that_a_lost_worker_holds_is_not_lost_itself(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        hold(redis_client, "gone.1", job(1))
        record(redis_client, "job-1", status="pending", queue="default")
        detail = reader.job("job-1")
        assert detail is not None
        assert (detail.location, detail.worker, detail.missing) == (Location.ACTIVE, "gone", False)

    @pytest.mark.only_form("scripts")
    def test_a_lost_job_is_stated_only_once_all_keys_were_looked_at(
        self, reader: RedisReader, redis_client: redis.Redis
    ) -> None:
        pipeline = redis_client.pipeline(transaction=False)
        for n in range(20_000):
            pipeline.set(f"other:{n}", 1, ex=HOUR)
        pipeline.execute()
        hold(redis_client, "gone.1", job(1))
        record(redis_client, "job-1", status="pending", queue="default")
        shown = reader.job("job-1")
        assert shown is not None
        assert shown.location is Location.ACTIVE or not shown.missing
        detail = reader.job("job-1", patience=PATIENCE)
        assert detail is not None
        assert detail.location is Location.ACTIVE
        record(redis_client, "job-2", status="pending", queue="default")
        nowhere = reader.job("job-2", patience=PATIENCE)
        assert nowhere is not None
        assert nowhere.missing


def purged(client: redis.Redis, *, others: int) -> None:
    """A dead job without a record in the trash of a purge of all dead jobs, and later operations."""
    raw = seal(job(1), KEYRING).replace(b"job-1", UUID.encode())
    client.lpush(
        KEYS.trash("0123456789ab"), dead_entry(raw, failed_at=5.0, error="E", traceback="")
    )
    client.expire(KEYS.trash("0123456789ab"), 3600)
    pipeline = client.pipeline(transaction=False)
    entry = {"at": "5", "who": "ann@web1", "action": "purge", "operation": "0123456789ab"}
    pipeline.xadd(KEYS.audit, cast(Any, entry))
    for n in range(others):
        other = {"at": "6", "who": "ann@web1", "action": "pause", "operation": f"{n:012x}"}
        pipeline.xadd(KEYS.audit, cast(Any, other))
    pipeline.execute()
