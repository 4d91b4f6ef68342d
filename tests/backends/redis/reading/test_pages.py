from __future__ import annotations

import json

import pytest
import redis

from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.redis.records import UNREADABLE
from asok_core.inspection.rows import Page
from asok_core.jobs.envelope import Trust, seal
from asok_core.jobs.states import Location, Status
from tests.backends.redis.reading.seed import (
    KEYRING,
    KEYS,
    die,
    hold,
    job,
    push,
    record,
    server_time,
    work,
)


def ids(page: Page) -> list[str]:
    return [row.payload.id for row in page.rows]


def test_pending_is_in_execution_order(reader: RedisReader, redis_client: redis.Redis) -> None:
    push(redis_client, *(job(n) for n in range(200)))
    page = reader.pending("default", 0, 3)
    assert (ids(page), page.total) == (["job-0", "job-1", "job-2"], 200)
    raw = redis_client.lindex(KEYS.queue("default"), -1)
    assert page.rows[0].payload.raw == raw
    assert page.rows[0].payload.trust is Trust.SIGNED
    assert ids(reader.pending("default", 195, 50)) == [f"job-{n}" for n in range(195, 200)]
    assert ids(reader.pending("default", 100, 70)) == [f"job-{n}" for n in range(100, 170)]
    assert [row.position for row in reader.pending("default", 7, 2).rows] == [7, 8]
    assert reader.pending("default", 500, 5).rows == ()


def test_next_jobs_of_several_queues_take_one_round_trip(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    push(redis_client, job(1, "high"), job(2, "high"), job(3))
    pages = reader.next_jobs(["high", "default", "low"], 1)
    assert {name: ids(page) for name, page in pages.items()} == {
        "high": ["job-1"],
        "default": ["job-3"],
        "low": [],
    }
    assert pages["high"].total == 2


def test_dead_jobs_are_newest_first(reader: RedisReader, redis_client: redis.Redis) -> None:
    for n in range(5):
        die(redis_client, job(n, "high"), f"KeyError: {n}", failed_at=1000.0 + n)
    page = reader.dead(0, 2)
    assert (ids(page), page.total) == (["job-4", "job-3"], 5)
    assert page.rows[0].queue == "high"
    assert page.rows[0].at == 1004.0
    assert page.rows[0].payload.error == "KeyError: 4"


def test_the_newest_dead_job_shows_in_the_head(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    die(redis_client, job(1), "a", failed_at=1.0)
    first = reader.snapshot().dead_head
    assert first
    assert reader.snapshot().dead_head == first
    die(redis_client, job(2), "b", failed_at=2.0)
    assert reader.snapshot().dead_head != first


def test_delayed_is_soonest_first_with_records(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    redis_client.zadd(KEYS.delayed, {seal(job(1), KEYRING): 2000.0, seal(job(2), KEYRING): 1000.0})
    record(redis_client, "job-2", status="retrying", error="Boom\nValueError: 2", retry_count=1)
    text = json.dumps({"status": "retrying", "error": "OSError: 1", "ts": 7.0, "result": None})
    redis_client.set(KEYS.job("job-1"), text, ex=60)
    first, second = reader.delayed(0, 10).rows
    assert (first.payload.id, first.at, second.payload.id) == ("job-2", 1000.0, "job-1")
    assert first.record is not None
    assert first.record.error == "Boom\nValueError: 2"
    assert first.record.retry_count == 1
    assert second.record is not None
    assert second.record.foreign
    assert second.record.error == "OSError: 1"


def test_running_is_longest_first(reader: RedisReader, redis_client: redis.Redis) -> None:
    now = server_time(redis_client)
    work(redis_client, "w1", "default")
    hold(redis_client, "w1.1", job(1), started_at=now - 5)
    hold(redis_client, "w1.1", job(2), started_at=now - 50)
    hold(redis_client, "w1.2", job(3))
    assert [row.payload.id for row in reader.running()] == ["job-2", "job-1", "job-3"]


def test_recent_has_records_and_survives_those_that_expired(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    redis_client.lpush(KEYS.recent, "job-1", "job-2")
    record(redis_client, "job-1", status="completed", function="shop.send", finished_at=9.5)
    page = reader.recent(0, 10)
    assert page.total == 2
    gone, known = page.rows
    assert (gone.key != known.key, gone.record) == (True, None)
    assert known.record is not None
    assert (known.record.status, known.at) == (Status.COMPLETED, 9.5)


def test_no_recent_jobs_are_none_and_not_all(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    redis_client.lpush(KEYS.recent, "job-1", "job-2")
    page = reader.recent(0, 0)
    assert (page.total, page.rows) == (2, ())


@pytest.mark.parametrize("where", ["pending", "high", "delayed", "dead", "active"])
def test_a_job_is_found_wherever_it_is(
    reader: RedisReader, redis_client: redis.Redis, where: str
) -> None:
    # Another job names it in its arguments, which must not mislead.
    push(redis_client, job(1, args=("job-77",)))
    sought = job(77, "high" if where == "high" else "default")
    record(redis_client, "job-77", status="pending", queue=sought.queue)
    location = Location.PENDING
    if where in ("pending", "high"):
        push(redis_client, sought)
    elif where == "delayed":
        location = Location.DELAYED
        redis_client.zadd(KEYS.delayed, {seal(sought, KEYRING): 5000.0})
        record(redis_client, "job-77", status="scheduled")
    elif where == "dead":
        location = Location.DEAD
        die(redis_client, sought, "KeyError", failed_at=1.0)
        record(redis_client, "job-77", status="failed")
    else:
        location = Location.ACTIVE
        work(redis_client, "w1", "default")
        hold(redis_client, "w1.1", sought, started_at=1.0)
        record(redis_client, "job-77", worker="w1.1")
    redis_client.set(KEYS.crashes("job-77"), 2, ex=60)
    detail = reader.job("job-77")
    assert detail is not None
    assert (detail.location, detail.crashes) == (location, 2)
    assert detail.payload is not None
    assert detail.payload.job == sought
    assert detail.due_at == (5000.0 if where == "delayed" else None)
    assert detail.worker == ("w1" if where == "active" else None)
    assert detail.record is not None
    assert (detail.record.ttl or 0) > 0


def test_a_finished_job_is_its_record_and_an_unknown_one_is_none(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    record(redis_client, "job-1", status="completed", result="[1, 2]", function="shop.send")
    detail = reader.job("job-1")
    assert detail is not None
    assert (detail.location, detail.payload) == (Location.FINISHED, None)
    assert detail.record is not None
    assert detail.record.result == "[1, 2]"
    assert reader.job("no-such-job") is None


@pytest.mark.keeps_keys(r"asok:job:.*")
def test_a_record_of_another_type_is_unreadable(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    redis_client.lpush(KEYS.job("job-1"), "x")
    detail = reader.job("job-1")
    assert detail is not None
    assert detail.record is not None
    assert detail.record.status == UNREADABLE


def test_scan_walks_dead_jobs_from_the_oldest_while_new_ones_come(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    for n in range(25):
        die(redis_client, job(n, "high"), "E", failed_at=float(n))
    met: list[str] = []
    for page in reader.scan(Location.DEAD, batch=10):
        assert all(row.queue == "high" for row in page.rows if row.position < 25)
        met += ids(page)
        die(redis_client, job(1000 + len(met)), "E", failed_at=99.0)
    assert met[:25] == [f"job-{n}" for n in range(25)]
    assert len(met) == len(set(met))


def test_scan_walks_delayed_jobs_past_ties_while_the_soonest_leave(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    members = {seal(job(n), KEYRING): float(n // 12) for n in range(40)}
    redis_client.zadd(KEYS.delayed, members)
    met: list[str] = []
    for page in reader.scan(Location.DELAYED, batch=5):
        met += ids(page)
        if len(met) == 15:
            redis_client.zremrangebyscore(KEYS.delayed, "-inf", "0")
    assert sorted(met) == sorted(f"job-{n}" for n in range(40))


def test_scan_of_a_queue_and_of_nothing(reader: RedisReader, redis_client: redis.Redis) -> None:
    push(redis_client, *(job(n, "high") for n in range(7)))
    pages = list(reader.scan(Location.PENDING, "high", batch=3))
    assert [ids(page) for page in pages] == [
        ["job-0", "job-1", "job-2"],
        ["job-3", "job-4", "job-5"],
        ["job-6"],
    ]
    assert list(reader.scan(Location.DEAD)) == []


@pytest.mark.only_form("scripts")  # Plain commands read every job whole.
def test_a_page_of_huge_jobs_is_small_and_still_names_them(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    now = server_time(redis_client)
    push(redis_client, *(job(n, args=("x" * 5_000_000,), enqueued_at=now) for n in range(3)))
    push(redis_client, job(3, args=(), kwargs={"data": "y" * 5_000_000}), job(4))
    page = reader.pending("default", 0, 10)
    assert ids(page) == [f"job-{n}" for n in range(5)]
    assert [row.partial for row in page.rows] == [True, True, True, True, False]
    first = page.rows[0]
    assert (first.payload.size or 0) > 5_000_000
    assert len(first.payload.raw) < 10_000
    assert first.payload.job is not None
    assert first.payload.job.task == "shop.tasks.send"
    assert first.payload.job.retries == 3
    assert first.payload.trust is Trust.UNVERIFIED
    assert first.payload.raw.startswith(b"[")
    snapshot = reader.snapshot()
    assert (snapshot.cost.reply_bytes or 0) < 200_000
    assert next(q for q in snapshot.queues if q.name == "default").oldest_at == pytest.approx(
        now, abs=1e-3
    )
    detail = reader.job("job-1")
    assert detail is not None
    assert detail.payload is not None
    assert detail.payload.job is not None
    assert len(detail.payload.job.args[0]) == 5_000_000


def test_a_huge_dead_job_reports_when_and_why(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    big = job(1, "high", args=("x" * 100_000,))
    die(redis_client, big, 'KeyError: "a\nb"', failed_at=77.5, traceback="T" * 500)
    die(redis_client, job(2), "KeyError: 2", failed_at=78.5, traceback="T" * 100_000)
    second, first = reader.dead(0, 2).rows
    assert (first.payload.failed_at, first.payload.error) == (77.5, 'KeyError: "a\nb"')
    assert (first.payload.id, first.queue) == ("job-1", "high")
    assert (second.payload.failed_at, second.payload.error) == (78.5, "KeyError: 2")
    assert second.payload.id == "job-2"


def test_a_huge_record_is_cut_and_keeps_both_its_ends(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    record(
        redis_client, "job-1", status="failed", error="Begin" + "x" * 3_000_000 + "ValueError: 1"
    )
    text = json.dumps({"status": "completed", "ts": 5.5, "result": "r" * 3_000_000})
    redis_client.set(KEYS.job("job-2"), text, ex=60)
    redis_client.lpush(KEYS.recent, "job-1", "job-2")
    foreign, ours = reader.recent(0, 2).rows
    assert ours.record is not None
    assert len(ours.record.error or "") < 50_000
    assert (ours.record.error or "").startswith("Begin")
    assert (ours.record.error or "").endswith("ValueError: 1")
    assert foreign.record is not None
    assert (foreign.record.status, foreign.record.ts) == (Status.COMPLETED, 5.5)


@pytest.mark.parametrize("pad", ["before", "after"])
@pytest.mark.parametrize("wrap", [0, 1], ids=["object", "list"])
def test_a_large_result_does_not_state_the_state_of_its_job(
    reader: RedisReader, redis_client: redis.Redis, pad: str, wrap: int
) -> None:
    inner = {"status": "failed", "function": "shop:other", "ts": 7.5, "worker": "no-such-worker"}
    large = {"pad": "x" * 40_000}
    value: object = {**large, **inner} if pad == "before" else {**inner, **large}
    result = [value] if wrap else value
    known = {"status": "completed", "result": result, "error": None, "function": "shop:mail"}
    for job_id, text in (
        ("job-1", json.dumps({**known, "ts": 5.5})),
        # The result is the last, and cut: nothing is known of what was not read.
        ("job-2", json.dumps({"status": "completed", "ts": 5.5, "result": result})),
    ):
        redis_client.set(KEYS.job(job_id), text, ex=60)
        redis_client.lpush(KEYS.recent, job_id)
    second, first = (row.record for row in reader.recent(0, 2).rows)
    assert first is not None
    assert second is not None
    assert (first.status, first.function, first.ts) == (Status.COMPLETED, "shop:mail", 5.5)
    assert (second.status, second.function, second.ts) == (Status.COMPLETED, "", 5.5)
    assert (first.worker, second.worker) == (None, None)


def test_framework_dead_jobs_are_shown_as_unsigned(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    dead_job = {
        "id": "f-1",
        "module": "shop.tasks",
        "function": "send",
        "args": [],
        "kwargs": {},
        "queue": "low",
        "retries": 0,
        "retry_count": 0,
        "backoff": 2,
        "failed_at": 5.0,
        "error": "OSError: no",
    }
    redis_client.lpush(KEYS.dead, json.dumps(dead_job))
    (row,) = reader.dead(0, 1).rows
    assert (row.payload.trust, row.queue, row.key) == (Trust.UNSIGNED, "low", "f-1")
