from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.parsing import MOST_SERVED
from asok_core.backends.redis.reading.overview import MOST_WORKERS
from asok_core.backends.redis.reading.rates import BucketMemory
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.errors import Refused, Unreachable
from asok_core.inspection.queues import Bucket, QueueStats
from asok_core.jobs.envelope import seal
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.backends.redis.reading.seed import (
    KEYRING,
    KEYS,
    die,
    hold,
    job,
    push,
    record,
    server_time,
    tally,
    work,
)
from tests.conftest import SECRET_KEY


def queue_of(reader: RedisReader, name: str) -> QueueStats:
    return next(queue for queue in reader.snapshot().queues if queue.name == name)


def test_an_empty_redis_shows_the_configured_queues_and_zeros(reader: RedisReader) -> None:
    snapshot = reader.snapshot()
    assert [queue.name for queue in snapshot.queues] == ["high", "default", "low"]
    assert (snapshot.pending, snapshot.delayed, snapshot.active, snapshot.dead) == (0, 0, 0, 0)
    assert snapshot.next_due_at is None
    assert snapshot.oldest_dead_at is None
    assert snapshot.dead_head == ""
    assert snapshot.server.version
    assert snapshot.server.persistence == "none"


def test_it_counts_every_location(reader: RedisReader, redis_client: redis.Redis) -> None:
    now = server_time(redis_client)
    push(redis_client, job(1, enqueued_at=now - 50), job(2), job(3, "high"))
    redis_client.zadd(
        KEYS.delayed, {seal(job(4), KEYRING): now - 5, seal(job(5), KEYRING): now + 60}
    )
    die(redis_client, job(6), "KeyError: 1", failed_at=now - 100)
    die(redis_client, job(7), "KeyError: 2", failed_at=now - 10)
    work(redis_client, "w1", "high", "default")
    hold(redis_client, "w1.2", job(8, "high"), started_at=now - 7)

    snapshot = reader.snapshot()
    assert snapshot.taken_at == pytest.approx(now, abs=30)
    assert (snapshot.pending, snapshot.delayed, snapshot.due) == (3, 2, 1)
    assert (snapshot.active, snapshot.orphaned, snapshot.dead) == (1, 0, 2)
    assert snapshot.next_due_at == pytest.approx(now - 5, abs=1e-3)
    assert snapshot.oldest_dead_at == pytest.approx(now - 100, abs=1e-3)
    stats = {queue.name: queue for queue in snapshot.queues}
    assert (stats["default"].pending, stats["high"].pending, stats["low"].pending) == (2, 1, 0)
    assert stats["default"].oldest_at == pytest.approx(now - 50, abs=1e-3)
    assert stats["high"].active == 1
    assert (stats["high"].consumers, stats["low"].consumers) == (1, 0)
    (worker,) = snapshot.workers
    assert (worker.host, worker.pid, worker.queues) == ("web1", 4711, ("high", "default"))
    (running,) = worker.jobs
    assert (running.payload.id, running.process, running.queue) == ("job-8", "w1.2", "high")
    assert running.started_at == pytest.approx(now - 7, abs=1e-3)


@pytest.mark.only_form("scripts")  # What workers hold takes plain commands one more.
def test_it_takes_three_round_trips_whatever_is_there(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    now = server_time(redis_client)
    names = [f"q{n}" for n in range(50)]
    redis_client.sadd(KEYS.queues, *names)
    push(redis_client, *(job(n, names[n % 50]) for n in range(500)))
    for n in range(10):
        work(redis_client, f"w{n}", *names)
        hold(redis_client, f"w{n}.1", job(1000 + n, names[n]), started_at=now)
    for _ in range(3):
        snapshot = reader.snapshot()
        assert snapshot.cost.round_trips <= 3
    assert snapshot.active == 10
    assert snapshot.pending == 500
    assert snapshot.cost.commands > 0
    assert (snapshot.cost.reply_bytes or 0) > 1000


def test_a_queue_that_only_a_worker_or_a_foreign_producer_knows_is_found(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    push(redis_client, job(1, "mail"))
    work(redis_client, "w1", "reports")
    assert queue_of(reader, "mail").pending == 1
    assert queue_of(reader, "reports").consumers == 1


def test_the_framework_says_the_age_of_its_next_job_in_the_record(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    push(redis_client, job(1))
    text = json.dumps({"status": "pending", "result": None, "error": None, "ts": 1000.5})
    redis_client.set(KEYS.job("job-1"), text, ex=60)
    assert queue_of(reader, "default").oldest_at == 1000.5


@pytest.mark.parametrize("moved", [1, 15, 200, 1000])
def test_jobs_that_were_moved_to_the_front_do_not_hide_how_long_the_others_wait(
    reader: RedisReader, redis_client: redis.Redis, moved: int
) -> None:
    now = server_time(redis_client)
    push(redis_client, *(job(n, enqueued_at=now - 4000 + n / 10) for n in range(4 * moved)))
    redis_client.rpush(
        KEYS.queue("default"),
        *(seal(job(5000 + n, enqueued_at=now), KEYRING) for n in range(moved)),
    )
    oldest = queue_of(reader, "default").oldest_at
    assert oldest is not None
    # Those that were looked at are not the oldest one, but as old as its neighbours.
    assert now - 4000 <= oldest < now - 4000 + 4 * moved / 10


@pytest.mark.parametrize(
    ("due", "waits"), [(-2.0, 2.0), (86_400.0, None)], ids=["due", "run ahead"]
)
def test_a_job_of_a_later_start_waits_from_when_it_was_due(
    reader: RedisReader, redis_client: redis.Redis, due: float, waits: float | None
) -> None:
    now = server_time(redis_client)
    later = job(1, enqueued_at=now - 7200, due_at=now + due)
    push(redis_client, later)
    oldest = queue_of(reader, "default").oldest_at
    assert oldest == (None if waits is None else pytest.approx(now - waits, abs=1e-3))
    assert later.waits_since(now) == oldest
    redis_client.hset(
        KEYS.job(later.id), mapping={"status": "pending", "ts": now - 60, "enqueued_at": now - 7200}
    )
    redis_client.expire(KEYS.job(later.id), 60)
    oldest = queue_of(reader, "default").oldest_at
    # Since the record says that it was put there.
    assert oldest == pytest.approx(now - (60 if waits is None else waits), abs=1e-3)


def test_a_claimed_job_that_has_not_begun_has_no_start(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    work(redis_client, "w1", "default")
    hold(redis_client, "w1.1", job(1))
    record(redis_client, "job-1", status="retrying", started_at=5)
    (running,) = reader.snapshot().workers[0].jobs
    assert running.started_at is None


def test_jobs_of_a_worker_without_a_lease_are_orphaned_until_they_are_taken_back(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    hold(redis_client, "gone.1", job(1))
    snapshot = reader.snapshot()
    assert (snapshot.active, snapshot.orphaned) == (1, 1)
    redis_client.delete(KEYS.active("gone.1", "default"))
    snapshot = reader.snapshot()
    assert (snapshot.active, snapshot.orphaned) == (0, 0)


def test_jobs_of_a_worker_whose_hash_expired_are_still_counted(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    work(redis_client, "w1", "default")
    hold(redis_client, "w1.1", job(1))
    redis_client.delete(KEYS.worker("w1"))
    assert reader.snapshot().active == 1


def test_a_worker_past_its_lease_consumes_nothing(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    work(redis_client, "lost", "default", lease=-5)
    work(redis_client, "quiet", "default", quiet=1)
    work(redis_client, "stopping", "default", stopping=1)
    snapshot = reader.snapshot()
    assert len(snapshot.workers) == 3
    assert [worker.id for worker in snapshot.workers if worker.stopping] == ["stopping"]
    assert next(q for q in snapshot.queues if q.name == "default").consumers == 0


def test_paused_queues_are_marked(reader: RedisReader, redis_client: redis.Redis) -> None:
    redis_client.sadd(KEYS.paused, "low")
    assert queue_of(reader, "low").paused
    assert not queue_of(reader, "high").paused


def test_rates_come_from_the_last_closed_minute(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    now = int(server_time(redis_client))
    start = now - now % 10
    for back in (20, 30):
        tally(
            redis_client,
            KEYS.fine("default", start - back),
            enqueued=120,
            completed=45,
            failed=15,
            run_ms=6000,
            wait_ms=600,
            run_b8=90,
            run_b16=10,
        )
    stats = queue_of(reader, "default")
    assert stats.enqueued_per_s == pytest.approx(4.0)
    assert stats.completed_per_s == pytest.approx(1.5)
    assert stats.failure_rate == pytest.approx(0.25)
    assert stats.run_ms == pytest.approx(100)
    assert stats.wait_ms == pytest.approx(10)
    assert stats.run_p95_ms == pytest.approx(16)
    assert sum(bucket.enqueued for bucket in stats.recent) == 240
    assert len(stats.recent) == 30


def test_counters_are_read_again_when_a_bucket_has_closed() -> None:
    memory = BucketMemory(10, 3600)
    assert memory.closed_since("default", 1005.0)
    memory.absorb("default", [Bucket(1000, 10, enqueued=1)], 700, 1005.0)
    assert not memory.closed_since("default", 1009.9)
    assert memory.closed_since("default", 1010.0)
    assert memory.missing_from("default", 700) <= 1000, "what filled in between is read again"


def test_between_two_closings_no_counters_are_read(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    start = int(server_time(redis_client)) // 10 * 10
    for at in (start - 10, start, start + 10):
        tally(redis_client, KEYS.fine("default", at), **{f"run_b{n}": 1 for n in range(400)})
    # A bucket may close between two of them, but not twice.
    costs = [reader.snapshot().cost.reply_bytes or 0 for _ in range(3)]
    assert min(costs[1:]) < costs[0] - 4000
    assert any(bucket.runs for bucket in queue_of(reader, "default").recent)


def test_running_jobs_that_are_not_requested_are_counted_and_stay_as_they_were(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    work(redis_client, "w1", "default")
    hold(redis_client, "w1.1", job(1))
    assert [job.payload.id for job in reader.snapshot().workers[0].jobs] == ["job-1"]
    hold(redis_client, "w1.1", job(2))
    snapshot = reader.snapshot(jobs=False)
    assert [job.payload.id for job in snapshot.workers[0].jobs] == ["job-1"]
    assert snapshot.active == 2
    assert len(reader.snapshot().workers[0].jobs) == 2


def test_without_rates_no_statistics_are_read(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    push(redis_client, job(1))
    snapshot = reader.snapshot(rates=False)
    assert snapshot.pending == 1
    assert all(queue.recent == () for queue in snapshot.queues)


def test_history_sums_all_queues_and_keeps_empty_buckets(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    now = int(server_time(redis_client))
    start = now - now % 60
    tally(redis_client, KEYS.coarse("high", start - 120), completed=3)
    tally(redis_client, KEYS.coarse("low", start - 120), completed=4)
    for _ in range(2):
        buckets = reader.history(None, 60, 10)
        assert len(buckets) == 10
        assert sum(bucket.completed for bucket in buckets) == 7
        assert sum(bucket.completed for bucket in reader.history("low", 60, 10)) == 4
    assert [bucket.width for bucket in reader.history("low", 10, 6)] == [10] * 6


def test_a_longer_history_after_a_shorter_one_is_whole(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    now = int(server_time(redis_client))
    start = now - now % 60
    tally(redis_client, KEYS.coarse("default", start - 50 * 60), completed=3)
    assert sum(bucket.completed for bucket in reader.history("default", 60, 5)) == 0
    assert sum(bucket.completed for bucket in reader.history("default", 60, 60)) == 3


@pytest.mark.keeps_keys(r"asok:.*")
def test_hostile_keys_never_stop_a_snapshot(reader: RedisReader, redis_client: redis.Redis) -> None:
    redis_client.set(KEYS.queue("high"), "no list")
    redis_client.set(KEYS.delayed, "no set")
    redis_client.set(KEYS.dead, "no list")
    redis_client.set(KEYS.paused, "no set")
    redis_client.set(KEYS.recent, "no list")
    redis_client.set(KEYS.worker("w1"), "no hash")
    redis_client.zadd(KEYS.workers, {"w1": 1e300})
    redis_client.zadd(KEYS.workers, {b"\xff\xfe": "-inf"})
    redis_client.sadd(KEYS.queues, b"bad\xff", "a b", "\x1b]0;x\x07", "")
    redis_client.lpush(KEYS.queue("low"), b"\xff\x00 no JSON")
    now = int(server_time(redis_client))
    for name, value in (("enqueued", "-5"), ("completed", "x"), ("run_b1", "-3")):
        redis_client.hset(KEYS.fine("default", now - now % 10), name, value)
    push(redis_client, job(1, enqueued_at=1e15))

    snapshot = reader.snapshot()
    stats = {queue.name: queue for queue in snapshot.queues}
    assert stats["high"].problem
    assert stats["low"].pending == 1
    assert stats["low"].oldest_at is None
    assert stats["default"].recent[-1].enqueued == 0
    assert {"bad\udcff", "a b", "\x1b]0;x\x07"} <= stats.keys()
    assert len(snapshot.workers) == 2
    assert reader.dead(0, 10).total == 0
    assert reader.delayed(0, 10).rows == ()
    assert reader.recent(0, 10).rows == ()


def test_a_name_that_is_too_long_makes_no_second_queue_and_no_second_worker(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    name = "tenant-" * 1500
    longer = f"{name}2"
    for queue in (name, longer):
        redis_client.lpush(KEYS.queue(queue), b"not a job")
        redis_client.sadd(KEYS.queues, queue)
    redis_client.sadd(KEYS.paused, name)
    redis_client.zadd(KEYS.workers, {"host-" * 500: 9e12})
    found = reader.snapshot()
    # The keys of its jobs are found by the first snapshot, and read by the next one.
    found = reader.snapshot()
    named = {queue.name: queue for queue in found.queues if queue.name.startswith("tenant")}
    assert named.keys() == {name, longer}
    assert (named[name].pending, named[name].paused, named[longer].paused) == (1, True, False)
    assert found.workers == ()
    assert set(found.unread) == {
        "2 names of queues were not read: each is longer than 1,024 bytes",
        "1 name of paused queues was not read: it is longer than 1,024 bytes",
        "1 name of workers was not read: it is longer than 1,024 bytes",
    }


def test_more_workers_than_are_read_are_reported_and_none_of_them_is_dead(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    for number in range(MOST_WORKERS):
        work(redis_client, f"w{number}", "default", lease=300)
    assert reader.snapshot().workers_unread == ""
    work(redis_client, "last", "mail", lease=60)
    hold(redis_client, "last.1", job(1, "mail"))
    reader.snapshot()
    found = reader.snapshot()
    assert found.workers_unread == "501 names of workers are in Redis, and 500 of them were read"
    assert found.unread == (found.workers_unread,)
    assert (found.active, found.orphaned) == (1, 0)
    redis_client.zrem(KEYS.workers, "last")
    assert reader.snapshot().orphaned == 1


def test_a_worker_of_which_only_the_lease_is_left_is_unreadable(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    work(redis_client, "w1", "default")
    redis_client.delete(KEYS.worker("w1"))
    (worker,) = reader.snapshot().workers
    assert worker.trouble == "unreadable: its key asok:worker:w1 names no queue"


def test_a_worker_that_stops_while_it_is_read_is_not_unreadable(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    ended = threading.Event()

    def start_and_stop() -> None:
        for number in itertools.count():
            name = f"w{number}"
            with redis_client.pipeline() as at_once:
                at_once.zadd(KEYS.workers, {name: 9e15})
                at_once.hset(KEYS.worker(name), "queues", "default")
                at_once.execute()
                at_once.zrem(KEYS.workers, name)
                at_once.delete(KEYS.worker(name))
                at_once.execute()
            if ended.is_set():
                return

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(start_and_stop)
        found = [worker for _ in range(300) for worker in reader.snapshot().workers]
        ended.set()
        running.result()
    assert not [each for each in found if each.problem]


def test_queues_of_a_worker_beyond_those_that_are_read_are_not_known(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    work(redis_client, "w1", *(f"q{number}" for number in range(MOST_SERVED)))
    work(redis_client, "w2", *(f"q{number}" for number in range(MOST_SERVED + 1)))
    work(redis_client, "w3", *(f"{number:060}" for number in range(MOST_SERVED + 200)))
    more = {each.id: each.more_queues for each in reader.snapshot().workers}
    assert more == {"w1": False, "w2": True, "w3": True}


def test_a_name_as_long_as_a_name_may_be_is_read(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    redis_client.sadd(KEYS.queues, "q" * 1024)
    redis_client.sadd(KEYS.paused, "q" * 1024)
    found = reader.snapshot()
    assert queue_of(reader, "q" * 1024).paused
    assert found.unread == ()


def test_the_id_of_a_finished_job_that_is_too_long_is_not_shown_as_one_without_a_record(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    redis_client.lpush(KEYS.recent, "i" * 5000)
    row = reader.recent(0, 10).rows[0]
    assert row.payload.problem == "its id is longer than 1,024 bytes"


def test_a_record_of_another_type_is_not_called_absent(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    redis_client.rpush(KEYS.job("odd"), "word")
    redis_client.expire(KEYS.job("odd"), 60)
    found = reader.records(["odd", "absent"])
    assert [(each.id, each.status) for each in found.values()] == [("odd", "unreadable")]


def test_half_a_name_in_the_queues_of_a_worker_makes_no_queue(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    names = [f"{number:04d}{'q' * 196}" for number in range(500)]
    redis_client.zadd(KEYS.workers, {"w1": 9e12})
    redis_client.hset(KEYS.worker("w1"), "queues", ",".join(names))
    redis_client.expire(KEYS.worker("w1"), 60)
    reader.snapshot()
    queues = {queue.name for queue in reader.snapshot().queues}
    assert queues <= {*names, "high", "default", "low"}


def test_a_queue_name_that_is_not_utf8_can_be_opened(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    redis_client.lpush(b"asok:queue:bad\xff", seal(job(1), KEYRING))
    name = next(queue.name for queue in reader.snapshot().queues if "\udcff" in queue.name)
    assert reader.pending(name, 0, 5).total == 1


def test_no_redis_is_unreachable() -> None:
    nowhere = open_reader(Settings.load({}), "unix:///nowhere/redis.sock")
    with pytest.raises(Unreachable, match="cannot reach Redis"):
        nowhere.snapshot()


def test_an_outage_is_reported_and_ends_by_itself(
    embedded_redis: Callable[..., EmbeddedRedis],
) -> None:
    server = embedded_redis()
    reader = open_reader(Settings.load({}), server.url)
    with redis.Redis.from_url(server.url) as client:
        push(client, job(1))
        assert reader.snapshot().pending == 1
        client.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(Unreachable):
        reader.snapshot()
    assert reader.snapshot().pending == 1
    server.close()
    for _ in range(2):
        with pytest.raises(Unreachable):
            reader.snapshot()


def test_flushed_scripts_are_loaded_again(reader: RedisReader, redis_client: redis.Redis) -> None:
    push(redis_client, job(1))
    reader.snapshot()
    redis_client.script_flush()
    assert reader.snapshot().pending == 1


def user_url(server: EmbeddedRedis, *rules: str) -> str:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "looker", "on", ">pw", "~*", "&*", *rules)
    return server.url.replace("unix://", "unix://looker:pw@")


@pytest.fixture
def looker(
    embedded_redis: Callable[..., EmbeddedRedis],
) -> Iterator[Callable[..., tuple[RedisReader, redis.Redis]]]:
    opened: list[RedisReader] = []
    clients: list[redis.Redis] = []

    def make(*rules: str) -> tuple[RedisReader, redis.Redis]:
        server = embedded_redis()
        settings = Settings.load({"SECRET_KEY": SECRET_KEY})
        opened.append(open_reader(settings, user_url(server, *rules)))
        clients.append(redis.Redis.from_url(server.url))
        return opened[-1], clients[-1]

    yield make
    for reader in opened:
        reader.close()
    for client in clients:
        client.close()


def test_a_user_who_may_only_read_sees_the_same_without_scripts(
    looker: Callable[..., tuple[RedisReader, redis.Redis]],
) -> None:
    reader, client = looker("+@read", "+@connection")
    now = server_time(client)
    push(client, *(job(n) for n in range(5)))
    client.zadd(KEYS.delayed, {seal(job(10), KEYRING): now - 5})
    die(client, job(11), "KeyError: 1", failed_at=now - 9)
    work(client, "w1", "default")
    hold(client, "w1.2", job(12), started_at=now - 3)
    record(client, "job-10", status="retrying", error="ValueError: 10")
    tally(client, KEYS.fine("default", int(now) - int(now) % 10 - 20), enqueued=60)

    snapshot = reader.snapshot()
    assert (snapshot.pending, snapshot.delayed, snapshot.due, snapshot.dead) == (5, 1, 1, 1)
    assert snapshot.active == 1
    assert snapshot.workers[0].jobs[0].started_at == pytest.approx(now - 3, abs=1e-3)
    assert snapshot.server.version == ""
    assert snapshot.server.used_memory is None
    stats = {queue.name: queue for queue in snapshot.queues}
    assert stats["default"].enqueued_per_s == pytest.approx(1.0)
    assert [row.payload.id for row in reader.pending("default", 1, 2).rows] == ["job-1", "job-2"]
    (delayed,) = reader.delayed(0, 10).rows
    assert delayed.record is not None
    assert delayed.record.error == "ValueError: 10"
    assert reader.dead(0, 5).rows[0].payload.id == "job-11"
    detail = reader.job("job-3")
    assert detail is not None
    assert detail.payload is not None
    assert detail.payload.id == "job-3"


def test_a_user_who_may_not_read_is_refused_and_never_shown_zeros(
    looker: Callable[..., tuple[RedisReader, redis.Redis]],
) -> None:
    reader, _ = looker("+@connection")
    with pytest.raises(Refused, match="ACL"):
        reader.snapshot()


def test_a_claimed_job_without_a_thread_does_not_run(
    redis_client: redis.Redis, reader: RedisReader
) -> None:
    """Of 10 jobs that a process of 6 threads holds, 6 run: it claims ahead."""
    work(redis_client, "web-1", "high", "low", concurrency=6, processes=1)
    for number in range(10):
        hold(redis_client, "web-1.1", job(number, "high" if number < 4 else "low"))
    snapshot = reader.snapshot()
    assert (snapshot.active, snapshot.running, snapshot.claimed) == (10, 6, 4)
    (web,) = snapshot.workers
    assert (web.running, web.claimed) == (6, 4)
    running = {queue.name: (queue.running, queue.active) for queue in snapshot.queues}
    assert (running["high"], running["low"]) == ((4, 4), (2, 6))


def test_a_job_on_a_worker_without_heartbeat_is_not_known_to_run(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    now = server_time(redis_client)
    work(redis_client, "stalled", "default", lease=300.0, beat_at=now - 40)
    work(redis_client, "alive", "high", beat_at=now - 1)
    hold(redis_client, "stalled.1", job(1), started_at=now - 60)
    hold(redis_client, "alive.1", job(2, "high"), started_at=now - 50)
    stalled, alive = reader.running()
    assert stalled.no_heartbeat_for == pytest.approx(40, abs=20)
    assert alive.no_heartbeat_for is None


@pytest.mark.keeps_keys(r"asok:(worker|active|stats):.*")
def test_keys_of_another_type_are_unreadable_and_not_empty(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    start = int(server_time(redis_client)) // 10 * 10 - 20
    work(redis_client, "w1", "default")
    work(redis_client, "w2", "default")
    redis_client.set(KEYS.active("w1.1", "default"), "not a list", ex=60)
    redis_client.delete(KEYS.worker("w2"))
    redis_client.set(KEYS.worker("w2"), "not a hash", ex=60)
    redis_client.set(KEYS.fine("low", start), "not a hash", ex=60)

    for _ in range(2):
        snapshot = reader.snapshot()
        assert snapshot.problems == (
            "active jobs cannot be read or settled: the key asok:active:w1.1:default is not a list",
            f"statistics are incomplete: the key asok:stats:low:s{start} is not a hash of counters",
        )
        workers = {worker.id: worker for worker in snapshot.workers}
        assert workers["w1"].trouble == ""
        assert workers["w2"].condition == "unreadable"
        assert workers["w2"].trouble == "unreadable: its key asok:worker:w2 is not a hash"
        stats = next(queue for queue in snapshot.queues if queue.name == "low")
        assert [bucket.start for bucket in stats.recent if not bucket.readable] == [start]


@pytest.mark.keeps_keys("asok:stats:.*")
def test_a_coarse_bucket_of_another_type_is_unreadable(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    start = int(server_time(redis_client)) // 60 * 60 - 60
    redis_client.set(KEYS.coarse("default", start), "not a hash", ex=60)
    found = reader.history(None, 60, 10)
    assert [bucket.start for bucket in found if not bucket.readable] == [start]
    key = f"asok:stats:default:m{start}"
    assert reader.snapshot().problems == (
        f"statistics are incomplete: the key {key} is not a hash of counters",
    )


@pytest.mark.keeps_keys("asok:stats:.*")
@pytest.mark.only_form("scripts")  # Plain commands read a hash of any size.
def test_a_hash_too_large_to_be_a_bucket_is_unreadable(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    start = int(server_time(redis_client)) // 10 * 10 - 20
    tally(redis_client, KEYS.fine("default", start), **{f"field{n}": 1 for n in range(2000)})
    (problem,) = reader.snapshot().problems
    assert f"s{start} is not a hash of counters" in problem


def test_jobs_of_a_leased_worker_that_its_hash_does_not_name_are_not_orphaned(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    work(redis_client, "w1", "default")
    hold(redis_client, "w1.1", job(1, "mail"))
    hold(redis_client, "gone.1", job(2))
    snapshot = reader.snapshot()
    assert (snapshot.active, snapshot.orphaned) == (2, 1)


@pytest.mark.only_form("scripts")  # Plain commands send every sample.
def test_a_sample_is_sent_again_only_when_it_changed(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    now = server_time(redis_client)
    push(redis_client, *(job(n, enqueued_at=now - 900 + n, args=["x" * 900]) for n in range(20)))
    first, *later = [reader.snapshot() for _ in range(4)]
    # Buckets that have just closed may be read by one of them.
    costs = [each.cost.reply_bytes or 0 for each in later]
    assert min(costs) < (first.cost.reply_bytes or 0) - 3000
    oldest = [each.queues[1].oldest_at for each in later]
    assert oldest == [pytest.approx(now - 900, abs=1e-3)] * 3
    redis_client.rpop(KEYS.queue("default"), 19)
    assert queue_of(reader, "default").oldest_at == pytest.approx(now - 881, abs=1e-3)
    redis_client.delete(KEYS.queue("default"))
    assert queue_of(reader, "default").oldest_at is None
