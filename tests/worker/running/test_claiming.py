"""What a worker takes, when, and in which order."""

from __future__ import annotations

import json
import time

import pytest

from asok_core.jobs.envelope import seal
from asok_core.operations.inspector import open_operator
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import KEYRING, Desk, RunWorker, foreign_envelope
from tests.programs import wait_until


def test_jobs_of_a_queue_run_in_the_order_in_which_they_came(
    desk: Desk, run_worker: RunWorker
) -> None:
    words = [str(number) for number in range(200)]
    desk.producer.enqueue([desk.job("note", word) for word in words])
    run_worker()
    desk.wait_for_lines(words[-1])
    assert desk.journal() == words


def test_queues_are_served_in_strict_order(desk: Desk, run_worker: RunWorker) -> None:
    for queue in ("low", "default", "high"):
        desk.producer.enqueue([desk.job("note", queue, queue=queue) for _ in range(20)])
    run_worker()
    desk.wait_for_lines(*["low"] * 20)
    assert desk.journal() == ["high"] * 20 + ["default"] * 20 + ["low"] * 20


def test_an_urgent_job_overtakes_all_that_wait(desk: Desk, run_worker: RunWorker) -> None:
    desk.enqueue("hold", "first", queue="low")
    desk.producer.enqueue([desk.job("note", f"low {n}", queue="low") for n in range(10)])
    run_worker()
    desk.wait_for_lines("begin first")
    desk.enqueue("note", "high", queue="high")
    # A job that waits behind a slow one is in its queue, where the order can still be made.
    wait_until(lambda: len(desk.active()) == 1, "everything but the running job returned")
    desk.release("first")
    desk.wait_for_lines("low 9")
    assert desk.journal()[2:] == ["high", *(f"low {n}" for n in range(10))]


def test_a_slow_task_holds_nothing_back_that_another_worker_could_run(
    desk: Desk, run_worker: RunWorker
) -> None:
    # Fast jobs first, so that the worker has come to claim many at a time.
    desk.producer.enqueue([desk.job("note", "fast") for _ in range(300)])
    desk.producer.enqueue([desk.job("hold", "slow")])
    desk.producer.enqueue([desk.job("note", str(number)) for number in range(20)])
    run_worker("--concurrency", "1")
    desk.wait_for_lines("begin slow")
    wait_until(lambda: len(desk.active()) == 1 and len(desk.pending()) == 20, "what waits returned")
    assert [payload.job.args for payload in desk.pending() if payload.job] == [
        (str(number),) for number in range(20)
    ]
    run_worker("--concurrency", "1")
    desk.wait_for_lines("19")
    assert "end slow" not in desk.journal()
    assert desk.journal()[-20:] == [str(number) for number in range(20)]
    desk.release("slow")
    desk.wait_for_lines("end slow")
    wait_until(lambda: desk.counted("completed") == 321, "321 completed jobs")


def test_slow_jobs_after_many_fast_ones_run_side_by_side(desk: Desk, run_worker: RunWorker) -> None:
    # Of the fast ones a single thread runs most.
    words = [f"job {number}" for number in range(4)]
    desk.producer.enqueue([desk.job("note", "fast") for _ in range(500)])
    desk.producer.enqueue([desk.job("hold", word) for word in words])
    run_worker("--concurrency", "4")
    desk.wait_for_lines(*(f"begin {word}" for word in words))
    for word in words:
        desk.release(word)
    desk.wait_for_lines(*(f"end {word}" for word in words))


def test_every_thread_runs_a_job_at_the_same_time(desk: Desk, run_worker: RunWorker) -> None:
    words = [f"job {number}" for number in range(6)]
    run_worker("--concurrency", "3", "--processes", "2")
    desk.idle(2)
    for word in words:
        desk.enqueue("hold", word)
    desk.wait_for_lines(*(f"begin {word}" for word in words))
    for word in words:
        desk.release(word)
    desk.wait_for_lines(*(f"end {word}" for word in words))


def test_a_plain_push_by_another_program_wakes_an_idle_worker(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker()
    desk.idle()
    for queue, key in (("default", "asok:queue"), ("low", "asok:queue:low")):
        job = desk.job("note", queue, queue=queue)
        desk.client.set(f"asok:job:{job.id}", json.dumps({"status": "pending"}), ex=86400)
        desk.client.lpush(key, foreign_envelope(job))
        desk.wait_for_lines(queue)
        desk.reaches(job, "completed")


def test_an_idle_worker_says_next_to_nothing_to_redis(desk: Desk, run_worker: RunWorker) -> None:
    run_worker()
    desk.idle()
    # As it starts, it writes the hours of the history that no worker has recorded.
    wait_until(lambda: sent(desk, 0.5) < 50, "the end of its start")
    # Heartbeats, looks at what is due and at lost lists; a loop that polls would send thousands.
    assert sent(desk, 3) < 150


def sent(desk: Desk, seconds: float) -> int:
    """How many commands Redis processes in some seconds."""
    before = int(desk.client.info("stats")["total_commands_processed"])
    time.sleep(seconds)
    return int(desk.client.info("stats")["total_commands_processed"]) - before


def test_a_paused_queue_is_not_claimed_from_until_it_is_resumed(
    desk: Desk, run_worker: RunWorker
) -> None:
    desk.client.sadd("asok:paused", "high")
    desk.enqueue("note", "high", queue="high")
    run_worker()
    desk.enqueue("note", "default")
    desk.wait_for_lines("default")
    desk.idle()
    assert [payload.job.args for payload in desk.pending("high") if payload.job] == [("high",)]
    desk.client.srem("asok:paused", "high")
    desk.client.publish("asok:wake", "resume high")
    desk.wait_for_lines("high")


def test_a_claim_that_waits_already_takes_nothing_from_a_paused_queue(
    desk: Desk, run_worker: RunWorker
) -> None:
    run_worker()
    desk.idle()
    # Without a message on the channel: the wait on the queue is armed and will take the job.
    desk.client.sadd("asok:paused", "default")
    first, second = desk.enqueue("note", "first"), desk.enqueue("note", "second")
    desk.enqueue("note", "low", queue="low")
    desk.wait_for_lines("low")
    wait_until(lambda: not desk.active(), "the job returned")
    assert [payload.id for payload in desk.pending()] == [first.id, second.id]
    assert desk.record(first).status == "pending"
    assert desk.journal() == ["low"]
    desk.client.srem("asok:paused", "default")
    desk.client.publish("asok:wake", "resume default")
    desk.wait_for_lines("first", "second")
    assert desk.journal() == ["low", "first", "second"]


def test_jobs_that_come_while_a_queue_is_paused_and_resumed_run_once_each(
    desk: Desk, run_worker: RunWorker
) -> None:
    operator = open_operator(desk.settings)
    for _ in range(2):
        run_worker("--concurrency", "2")
    desk.idle(2)
    jobs = []
    for n in range(60):
        # Waits that are armed take a job of a paused queue and return it; others end just then.
        assert operator.pause("default").applied == 1
        jobs.append(desk.enqueue("note", f"{n}"))
        assert operator.resume("default").applied == 1
        jobs.append(desk.enqueue("note", f"{n} again"))
    for job in jobs:
        desk.reaches(job, "completed")
    assert sorted(desk.journal()) == sorted(str(job.args[0]) for job in jobs)
    assert desk.counted("completed") == 120
    wait_until(lambda: not desk.active(), "no job to be claimed")
    operator.close()


def test_a_resumed_queue_is_found_without_the_channel_as_well(
    desk: Desk, run_worker: RunWorker
) -> None:
    desk.client.sadd("asok:paused", "default")
    desk.enqueue("note", "job")
    run_worker("--queues", "default")
    wait_until(lambda: desk.client.zcard("asok:workers") == 1, "a worker")
    desk.client.srem("asok:paused", "default")
    desk.wait_for_lines("job")


def test_a_quiet_worker_claims_nothing_and_a_stopped_one_leaves(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker()
    desk.idle()
    (name,) = desk.client.zrange("asok:workers", 0, -1)
    key = b"asok:worker:" + name
    desk.client.hset(key, "wanted", "quiet")
    desk.client.publish("asok:wake", b"order " + name)
    worker.wait_for_log("Worker quieted")
    job = desk.enqueue("note", "job")
    wait_until(lambda: desk.client.hget(key, "quiet") == b"1", "a heartbeat that says so")
    # The idle wait may have claimed it before it was ended; then it is returned.
    wait_until(lambda: [each.id for each in desk.pending()] == [job.id], "the job in its queue")
    desk.client.hdel(key, "wanted")
    desk.client.publish("asok:wake", b"order " + name)
    desk.wait_for_lines("job")
    desk.client.hset(key, "wanted", "stop")
    desk.client.publish("asok:wake", b"order " + name)
    assert worker.ends() == 0
    assert not desk.client.exists("asok:workers", key)


def test_a_worker_ordered_to_stop_still_waits_for_what_runs(
    desk: Desk, run_worker: RunWorker
) -> None:
    worker = run_worker(ASOK_WORKER_LEASE="2s")
    desk.enqueue("hold", "job")
    desk.wait_for_lines("begin job")
    (name,) = desk.client.zrange("asok:workers", 0, -1)
    key = b"asok:worker:" + name
    # An earlier release writes no name: that of the command before is not of this one.
    desk.client.hset(key, mapping={"wanted": "stop", "requested_by": "quiet ann@web1"})
    desk.client.publish("asok:wake", b"order " + name)
    worker.wait_for_log("(a command through Redis)")
    heartbeats: set[bytes] = set()

    def heartbeats_on() -> bool:
        heartbeats.add(desk.client.hget(key, "beat_at"))
        return len(heartbeats) > 3  # and the order stood at each

    wait_until(heartbeats_on, "three more heartbeats")
    desk.release("job")
    assert worker.ends() == 0
    assert desk.journal() == ["begin job", "end job"]


def test_a_queue_key_of_another_type_is_reported_once_and_harms_no_other_queue(
    desk: Desk, run_worker: RunWorker
) -> None:
    desk.client.set("asok:queue:high", "not a list", ex=600)
    worker = run_worker()
    for word in ("one", "two", "three"):
        desk.enqueue("note", word)
        desk.wait_for_lines(word)
    worker.wait_for_log("Queue high is skipped")
    wait_until(lambda: sent(desk, 0.5) < 50, "the end of its start")
    assert sent(desk, 2) < 150
    assert worker.log.count("Queue high is skipped") == 1
    desk.client.delete("asok:queue:high")
    desk.enqueue("note", "high", queue="high")
    desk.wait_for_lines("high")


@pytest.mark.parametrize("namespace", ["{asok}", "team:a"])
def test_all_keys_are_under_the_namespace(
    desk: Desk, run_worker: RunWorker, namespace: str
) -> None:
    from asok_core.backends.redis.producing.producer import RedisProducer
    from asok_core.settings.settings import Settings

    settings = Settings.load(
        {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": desk.settings.redis_url,
            "SECRET_KEY": SECRET_KEY,
            "ASOK_NAMESPACE": namespace,
        }
    )
    producer = RedisProducer(settings)
    producer.enqueue([desk.job("note", "there"), desk.job("fail", retries=1)])
    worker = run_worker(ASOK_NAMESPACE=namespace)
    desk.wait_for_lines("there")
    wait_until(lambda: desk.client.zcard(f"{namespace}:delayed_tasks"), "a retry")
    assert worker.stop() == 0
    producer.close()
    assert all(key.startswith(namespace.encode()) for key in desk.client.scan_iter())
    desk.client.flushall()


def test_a_claim_whose_reply_was_lost_is_found(desk: Desk, run_worker: RunWorker) -> None:
    """As when the network delivers a forgotten connection's request minutes later."""
    run_worker(ASOK_WORKER_LEASE="1s")
    desk.enqueue("note", "first")
    desk.wait_for_lines("first")
    (worker,) = desk.client.zrange(desk.keys.workers, 0, -1)
    stray = desk.job("note", "stray")
    desk.client.lpush(desk.keys.active(f"{worker.decode()}.1", "default"), seal(stray, KEYRING))
    desk.wait_for_lines("first", "stray")
