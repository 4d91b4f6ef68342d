"""Lists of many thousands of jobs: each command walks through them from an end, so there are few."""

from __future__ import annotations

from itertools import pairwise

import pytest
import redis

from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.redis.scripts import source
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.states import Location
from tests.backends.redis.reading.seed import KEYRING, KEYS, job, record
from tests.programs import PATIENCE

COUNT = 20_000


def fill(client: redis.Redis, large: frozenset[int] = frozenset()) -> None:
    """Dead jobs, each with an error of its own, oldest at the right."""
    raw = dead_entry(seal(job(0), KEYRING), failed_at=5.0, error="ERROR", traceback="")
    pipeline = client.pipeline(transaction=False)
    for n in range(COUNT):
        dead_jobs = "".join(chr(97 + n // 26**location % 26) for location in range(4))
        text = raw.replace(b"ERROR", f"no {dead_jobs} luck".encode())
        pipeline.lpush(KEYS.dead, text + b" " * (3_000_000 if n in large else 0))
        if n % 2000 == 1999:
            pipeline.execute()
    pipeline.execute()


def calls(client: redis.Redis, command: str) -> int:
    found = client.info("commandstats").get(f"cmdstat_{command}")
    return int(found["calls"]) if found else 0


def errors(reader: RedisReader) -> list[str]:
    found = []
    for page in reader.scan(Location.DEAD):
        page.readable()
        found += [row.payload.error or "" for row in page.rows]
        assert all(a.position + 1 == b.position for a, b in pairwise(page.rows))
    return found


@pytest.mark.only_form("scripts")
@pytest.mark.parametrize("large", [frozenset(), frozenset(range(9_000, 9_020))])
def test_a_walk_over_a_long_list_reads_each_once_with_few_commands(
    reader: RedisReader, redis_client: redis.Redis, large: frozenset[int]
) -> None:
    fill(redis_client, large)
    before = calls(redis_client, "lrange")
    found = errors(reader)
    assert len(found) == len(set(found)) == COUNT
    # Of 500 at a time, 11 for the first, and one each for those that follow small ones.
    assert calls(redis_client, "lrange") - before < 250 + 30 * len(large)


@pytest.mark.parametrize("order", ["as enqueued", "moved to the front", "reversed"])
def test_a_pending_job_is_found_by_when_it_was_enqueued_or_else_by_a_search(
    redis_client: redis.Redis, reader: RedisReader, order: str
) -> None:
    begin = float(redis_client.time()[0]) - COUNT
    raw = seal(job(77777, enqueued_at=11111.5), KEYRING)
    step = -1 if order == "reversed" else 1
    jobs = [
        raw.replace(b"job-77777", b"job-%d" % (10_000 + n)).replace(
            b"11111.5", b"%.1f" % (begin + step * n)
        )
        for n in range(COUNT)
    ]
    chosen = jobs[COUNT // 2]
    if order == "moved to the front":
        jobs.remove(chosen)
        jobs.insert(0, chosen)
    for at in range(0, COUNT, 2000):
        redis_client.lpush(KEYS.queue("default"), *jobs[at : at + 2000])
    name = f"job-{10_000 + COUNT // 2}"
    record(
        redis_client, name, status="pending", queue="default",
        enqueued_at=begin + step * COUNT // 2,
    )  # fmt: skip
    reader.snapshot()
    redis_client.config_resetstat()
    # A busy machine takes longer than a console waits; the position is then stated as unknown.
    detail = reader.job(name, patience=PATIENCE)
    assert detail is not None
    assert detail.position == (0 if order == "moved to the front" else COUNT // 2)
    if order == "as enqueued":
        # A search walks to each 32 of them from an end: 312 times.
        assert calls(redis_client, "lrange") < 100


def fill_pending(client: redis.Redis) -> None:
    """Enqueue 5,000 small jobs."""
    pipeline = client.pipeline(transaction=False)
    for n in range(5000):
        pipeline.lpush(KEYS.queue("default"), seal(job(n), KEYRING))
    pipeline.execute()


@pytest.mark.only_form("scripts")
def test_a_walk_over_small_jobs_goes_through_the_list_once_for_each_window(
    redis_client: redis.Redis, reader: RedisReader
) -> None:
    fill_pending(redis_client)
    redis_client.config_resetstat()
    pages = list(reader.scan(Location.PENDING, "default"))
    assert [row.payload.id for page in pages for row in page.rows] == [
        f"job-{n}" for n in range(5000)
    ]
    # The first window begins carefully, as its jobs may be large.
    assert calls(redis_client, "lrange") <= len(pages) + 12
    assert calls(redis_client, "memory") <= 1


@pytest.mark.only_form("scripts")  # Plain commands read as many jobs at once, whatever their size.
@pytest.mark.parametrize("size", [8_000, 30_000])
def test_no_command_of_a_walk_reads_much_more_than_a_megabyte(
    redis_client: redis.Redis, reader: RedisReader, size: int
) -> None:
    """Four took more than 10 ms, for which Redis did nothing else."""
    redis_client.lpush(
        KEYS.queue("default"),
        *(seal(job(n, args=("x" * size,)), KEYRING) for n in range(300)),
    )
    pages = list(reader.scan(Location.PENDING, "default", whole=True))
    assert [row.payload.id for page in pages for row in page.rows] == [
        f"job-{n}" for n in range(300)
    ]
    # What a window begins with was read by the one before.
    read = [sum(row.payload.size or len(row.payload.raw) for row in page.rows) for page in pages]
    assert max(read) <= 1 << 20


@pytest.mark.only_form("scripts")
def test_a_search_in_a_long_list_goes_through_it_a_few_times_for_each_step(
    redis_client: redis.Redis, reader: RedisReader
) -> None:
    fill_pending(redis_client)
    reader.snapshot()
    redis_client.config_resetstat()
    found = reader.job("job-4900", patience=PATIENCE)
    assert found is not None
    assert found.position == 4900
    # Of 32 at a time, five steps of 1,000 were 160 walks; each step of 1,000 by itself is three.
    assert calls(redis_client, "lrange") < 14


@pytest.mark.parametrize("length", [0, 1, 7, 400])
def test_a_part_of_a_list_is_the_same_whether_it_is_near_an_end_or_not(
    redis_client: redis.Redis, length: int
) -> None:
    for n in range(length):
        redis_client.rpush("list", n)
    call = "return list_range(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]))"
    part = f"{source('fragments', 'list_range')}\n{call}"
    script = redis_client.register_script(part)
    for first in (-401, -400, -13, -9, -8, -2, -1, 0, 5, 399, 400):
        for last in (-400, -9, -5, -2, -1, 0, 6, 399, 400):
            expected = redis_client.lrange("list", first, last)
            assert script(keys=["list"], args=[first, last]) == expected, (first, last)
    redis_client.delete("list")


@pytest.mark.only_form("scripts")
def test_a_page_at_the_consuming_end_is_read_without_a_walk_through_the_list(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    """Before Redis 7, LRANGE walks to it from the other end: through a million jobs in 5 ms."""
    fill(redis_client)
    redis_client.rename(KEYS.dead, KEYS.queue("default"))
    snapshot = reader.snapshot()
    redis_client.config_resetstat()
    page = reader.pending("default", 0, 60)
    assert (snapshot.pending, len(page.rows)) == (COUNT, 60)
    assert calls(redis_client, "lrange") == 0
