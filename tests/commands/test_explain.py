"""``asok explain``: each cause is planted on a real Redis, and must be named first."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import redis

from asok_console.cli.parser import build_parser, with_default_words
from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.keys import FINE, Keys
from asok_core.clock import iso
from asok_core.jobs.envelope import seal
from asok_core.jobs.keyring import Keyring
from asok_core.operations.stacks import A_WHILE
from tests.backends.redis.reading.seed import (
    HOUR,
    KEYRING,
    job,
    push,
    record,
    server_time,
    tally,
    work,
)
from tests.fixtures.bench import Bench, dead_job
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import wait_until
from tests.users import assert_all_allowed, user_url

Asok = Callable[..., Ran]
KEYS = Keys()


def explained(asok: Asok, *words: str) -> dict[str, Any]:
    """The document; the reasons of every cause that a test plants exit with 0."""
    ran = asok("explain", *words, "--json")
    assert ran.code == 0, ran.err
    return ran.document


def first(asok: Asok, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = explained(asok, *words)["reasons"][0]
    if found["remedy"].startswith("asok "):
        # What is advised must be a command that exists.
        build_parser().parse_args(with_default_words(shlex.split(found["remedy"])[1:]))
    return found


def tally_minutes(client: redis.Redis, queue: str, completed: int) -> None:
    """Count attempts into each ten seconds of the last five minutes."""
    last = int(server_time(client)) // FINE * FINE
    for at in range(last - 300, last + 1, FINE):
        tally(client, KEYS.fine(queue, at), completed=completed)


class TestPending:
    def test_when_a_job_starts_is_estimated_from_what_is_ahead_and_the_recent_rate(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        push(redis_client, *(job(n) for n in range(901)))
        work(redis_client, "w1", "default", started_at=server_time(redis_client) - HOUR)
        tally_minutes(redis_client, "default", 30)
        found = explained(asok, "job-900")["estimate"]
        assert found["jobs_ahead"] == 900
        assert found["jobs_per_s"] == 3
        assert found["low_s"] < 300 < found["high_s"]
        assert found["confidence"] == "high"
        assert found["basis"].startswith("900 jobs before it, 3.0 jobs/s in the last ")
        printed = asok("explain", "job-900").out.splitlines()[-1]
        assert re.fullmatch(
            r"  starts in about 4 to 6 minutes: 900 jobs before it, .*; confidence: high", printed
        )

    def test_when_a_job_starts_is_not_known_where_its_queue_is_paused(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        push(redis_client, job(1))
        work(redis_client, "w1", "default")
        tally_minutes(redis_client, "default", 30)
        redis_client.sadd(KEYS.paused, "default")
        found = explained(asok, "job-1")["estimate"]
        assert (found["low_s"], found["high_s"], found["confidence"]) == (None, None, "not known")
        assert found["basis"] == "queue 'default' is paused"

    def test_a_paused_queue_is_named_with_who_paused_it(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        push(redis_client, job(1), job(2))
        work(redis_client, "w1", "default")
        assert asok("queue", "pause", "default").code == 0
        reason = first(asok, "job-2")
        assert (reason["code"], reason["blocking"]) == ("queue_paused", True)
        assert reason["remedy"] == "asok queue resume default"
        assert "@" in reason["evidence"]["by"]
        since = datetime.fromisoformat(reason["since"])
        assert since.timestamp() == pytest.approx(server_time(redis_client), abs=60)

    def test_who_paused_a_queue_is_not_known_where_the_audit_does_not_have_it(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        push(redis_client, job(1))
        work(redis_client, "w1", "default")
        redis_client.sadd(KEYS.paused, "default")
        reason = first(asok, "job-1")
        assert (reason["code"], reason["since"]) == ("queue_paused", None)
        assert reason["evidence"] == {"by": "not known"}

    def test_without_any_worker(self, asok: Asok, redis_client: redis.Redis) -> None:
        push(redis_client, job(1))
        assert first(asok, "job-1")["code"] == "no_workers"

    def test_a_queue_that_no_worker_serves(self, asok: Asok, redis_client: redis.Redis) -> None:
        push(redis_client, job(1, "mail"))
        work(redis_client, "w1", "high", "default")
        reason = first(asok, "job-1")
        assert reason["code"] == "queue_not_served"
        assert reason["evidence"] == {"workers": 1, "they_serve": "default, high"}

    def test_a_queue_whose_only_worker_sends_no_heartbeat(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        push(redis_client, job(1))
        work(redis_client, "w1", "default", lease=-60, host="web7")
        reason = first(asok, "job-1")
        assert reason["code"] == "worker_stalled"
        assert "web7" in reason["remedy"]

    def test_jobs_in_a_queue_that_is_served_before_it(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        push(redis_client, *(job(n, "high") for n in range(30)), job(99, "low"))
        work(redis_client, "w1", "high", "low")
        reason = first(asok, "job-99")
        assert reason["code"] == "earlier_queues"
        assert reason["evidence"] == {"jobs": 30}

    def test_a_queue_that_only_some_workers_serve_later_does_not_wait_for_earlier_ones(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        push(redis_client, *(job(n, "high") for n in range(30)), job(99, "low"))
        work(redis_client, "w1", "high", "low")
        work(redis_client, "w2", "low")
        codes = [each["code"] for each in explained(asok, "job-99")["reasons"]]
        assert "earlier_queues" not in codes

    def test_a_job_signed_by_another_key_would_not_run(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        redis_client.lpush(KEYS.queue("default"), seal(job(1), Keyring(b"another key")))
        work(redis_client, "w1", "default")
        reason = first(asok, "job-1")
        assert reason["code"] == "would_not_run"
        assert "SECRET_KEY" in reason["text"]

    @pytest.mark.parametrize("ahead", [0, 1, 2500])
    def test_its_position_is_exact(self, asok: Asok, redis_client: redis.Redis, ahead: int) -> None:
        push(redis_client, *(job(n) for n in range(ahead)), job(9999), job(10_000))
        asok("queue", "pause", "default")
        found = [
            each["evidence"]["jobs"]
            for each in explained(asok, "job-9999")["reasons"]
            if each["code"] == "jobs_ahead"
        ]
        assert found == ([ahead] if ahead else [])

    def test_a_key_of_another_type_is_no_queue(self, asok: Asok, redis_client: redis.Redis) -> None:
        redis_client.set(KEYS.queue("default"), "text", ex=60)
        assert first(asok, "--queue", "default")["code"] == "queue_unreadable"

    def test_a_large_job_is_explained_like_any_other(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        push(redis_client, job(1), job(2, args=("x" * 3_000_000,)))
        work(redis_client, "w1", "default")
        redis_client.sadd(KEYS.paused, "default")
        found = explained(asok, "job-2")["reasons"]
        assert [each["code"] for each in found] == ["queue_paused", "jobs_ahead"]


class TestWithWorkers:
    def test_busy_slots_are_named_with_what_they_run(
        self, asok: Asok, desk: Desk, run_worker: RunWorker
    ) -> None:
        run_worker("--queues", "default", "--concurrency", "2", "--processes", "1")
        held = [desk.enqueue("hold", word) for word in ("a", "b")]
        for each in held:
            desk.reaches(each, "running")
        # A worker claims a few jobs ahead: the last of many stays in its queue.
        waiting = [desk.enqueue("note", str(n)) for n in range(50)][-1]

        def busy() -> bool:
            return bool(first(asok, waiting.id)["code"] == "slots_busy")

        wait_until(busy, lambda: f"slots_busy: {explained(asok, waiting.id)}")
        reason = first(asok, waiting.id)
        assert (reason["evidence"]["slots"], reason["evidence"]["running"]) == (2, 2)
        assert "tests.worker.jobs.hold (2)" in reason["evidence"]["they_run"]
        assert held[0].id in reason["evidence"]["longest"]
        # On the page each piece of evidence has a label of its own.
        assert asok("explain", waiting.id).out.count("longest: ") == 1
        for word in ("a", "b"):
            desk.release(word)

    def test_a_running_job_is_explained_by_its_process(
        self, asok: Asok, desk: Desk, run_worker: RunWorker
    ) -> None:
        run_worker()
        held = desk.enqueue("hold", "a", timeout=600.0)
        record = desk.reaches(held, "running")
        document = explained(asok, held.id[:8])
        assert document["job"] == held.id
        assert document["state"] == "running"
        reason = document["reasons"][0]
        assert (reason["code"], reason["since"]) == ("running", iso(record.started_at))
        assert reason["evidence"]["process"] == record.worker
        assert reason["evidence"]["timeout_s"] == 600.0
        desk.release("a")

    def test_a_quiet_worker_is_named_with_who_made_it_quiet(
        self, asok: Asok, desk: Desk, run_worker: RunWorker
    ) -> None:
        run_worker("--queues", "default")
        desk.reaches(desk.enqueue("note", "a"), "completed")
        name = desk.client.zrange(desk.keys.workers, 0, -1)[0].decode()
        assert asok("worker", "quiet", name).code == 0
        wait_until(
            lambda: desk.client.hget(desk.keys.worker(name), "quiet") == b"1", "a quiet worker"
        )
        waiting = desk.enqueue("note", "b")
        reason = first(asok, waiting.id)
        assert (reason["code"], reason["remedy"]) == ("worker_quiet", f"asok worker resume {name}")
        assert "@" in reason["evidence"]["by"]
        assert first(asok, "--worker", name)["code"] == "worker_quiet"

    def test_a_pause_that_is_over_explains_how_long_a_job_waited(
        self, asok: Asok, desk: Desk, run_worker: RunWorker
    ) -> None:
        asok("queue", "pause", "default")
        waited = desk.enqueue("note", "a")
        run_worker()
        wait_until(lambda: desk.client.zcard(desk.keys.workers), "a worker")
        asok("queue", "resume", "default")
        record = desk.reaches(waited, "completed")
        [reason] = [
            each for each in explained(asok, waited.id)["reasons"] if each["code"] == "was_paused"
        ]
        evidence = reason["evidence"]
        assert "@" in evidence["by"]
        assert record.started_at is not None
        assert record.enqueued_at is not None
        assert reason["since"] < evidence["resumed_at"] <= (iso(record.started_at) or "")
        assert evidence["waited_s"] == pytest.approx(
            record.started_at - record.enqueued_at, abs=0.01
        )

    def test_exhausted_retries(self, asok: Asok, desk: Desk, run_worker: RunWorker) -> None:
        run_worker()
        failing = desk.enqueue("fail", retries=1, backoff=0.01)
        desk.reaches(failing, "failed")
        document = explained(asok, failing.id)
        reason = document["reasons"][0]
        assert (document["state"], reason["code"]) == ("failed (a dead job)", "dead")
        assert (reason["evidence"]["attempts"], reason["evidence"]["attempts_allowed"]) == (2, 2)
        assert reason["remedy"] == f"asok dlq requeue --id {failing.id}"

    def test_a_long_retry(self, asok: Asok, desk: Desk, run_worker: RunWorker) -> None:
        run_worker()
        failing = desk.enqueue("fail", retries=4, backoff=600)
        desk.reaches(failing, "retrying")
        document = explained(asok, failing.id)
        reason = document["reasons"][0]
        assert (document["state"], reason["code"]) == ("waiting for its next attempt", "retry")
        assert reason["text"].startswith("attempt 1 of 5 failed: ")
        assert reason["evidence"]["due_at"] > (iso(server_time(desk.client) + 60) or "")

    def test_a_lost_worker(self, asok: Asok, desk: Desk, run_worker: RunWorker) -> None:
        worker = run_worker(ASOK_WORKER_LEASE="1s")
        held = desk.enqueue("hold", "a")
        desk.reaches(held, "running")
        worker.signal(signal.SIGKILL, to_all=True)
        worker.kill()

        def lost() -> bool:
            return bool(first(asok, held.id)["code"] == "worker_lost")

        wait_until(lost, lambda: f"worker_lost: {explained(asok, held.id)}")


class TestHeld:
    """Jobs in an active list to which no record leads."""

    @pytest.mark.parametrize("name", ["job-1", "job"])
    @pytest.mark.parametrize("status", ["pending", ""])
    def test_a_claimed_job_is_found_where_it_is(
        self, asok: Asok, redis_client: redis.Redis, name: str, status: str
    ) -> None:
        work(redis_client, "w1", "default")
        redis_client.lpush(KEYS.active("w1.1", "default"), seal(job(1), KEYRING))
        if status:
            record(redis_client, "job-1", status=status, queue="default")
        document = explained(asok, name)
        reason = document["reasons"][0]
        assert (document["job"], reason["code"]) == ("job-1", "claimed" if status else "held")
        assert "w1" in reason["text"]

    @pytest.mark.parametrize("has_record", [True, False])
    def test_a_job_is_found_before_others_that_name_its_id(
        self, asok: Asok, redis_client: redis.Redis, *, has_record: bool
    ) -> None:
        push(redis_client, *(job(n, "mail", args=("job-1",)) for n in range(5)))
        if has_record:
            record(redis_client, "job-1", status="pending", queue="mail")
        [reason] = [
            each for each in explained(asok, "job-1")["reasons"] if each["code"] == "jobs_ahead"
        ]
        assert reason["evidence"]["jobs"] == 1


class TestBeginnings:
    """The beginning of an id: records are looked at first, and then every job."""

    A, B = "0000beef-0000-4000-8000-00000000000a", "0000beef-0000-4000-8000-00000000000b"

    @pytest.mark.parametrize("beginning", [8, 9, 35])
    def test_a_job_is_found_by_the_key_of_its_record(
        self, asok: Asok, redis_client: redis.Redis, beginning: int
    ) -> None:
        push(redis_client, *(job(n) for n in range(2000)), replace(job(1), id=self.A))
        record(redis_client, self.A, status="pending", queue="default")
        redis_client.config_resetstat()
        assert explained(asok, self.A[:beginning])["job"] == self.A
        # Not the windows of all jobs by which a job without a record is found.
        assert redis_client.info("commandstats")["cmdstat_lrange"]["calls"] < 200

    @pytest.mark.parametrize("records", [0, 2])
    def test_several_are_refused(self, asok: Asok, redis_client: redis.Redis, records: int) -> None:
        push(redis_client, replace(job(1), id=self.A), replace(job(2), id=self.B))
        for name in (self.A, self.B)[:records]:
            record(redis_client, name, status="pending", queue="default")
        ran = asok("explain", "0000beef")
        assert (ran.code, f"2 jobs have ids that begin with '0000beef': {self.A}" in ran.err) == (
            2,
            True,
        )
        assert explained(asok, self.B)["job"] == self.B

    def test_of_too_many_jobs_not_each_is_read_for_one_without_a_record(
        self, asok: Asok, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("asok_core.operations.search.MOST_READ", 3)
        push(redis_client, *(job(n) for n in range(10)), replace(job(1), id=self.A))
        ran = asok("explain", "0000beef")
        assert ran.code == 2
        assert "only 3 of 11 jobs were looked at" in ran.err
        # Where its record exists, as that of every job that has not ended, no job is read.
        record(redis_client, self.A, status="pending", queue="default")
        assert explained(asok, "0000beef")["job"] == self.A
        assert explained(asok, "0000b")["job"] == self.A

    def test_a_job_without_a_record_is_found_as_well(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        push(redis_client, replace(job(1), id=self.A))
        assert explained(asok, "0000beef")["job"] == self.A


class TestOddNames:
    @pytest.mark.parametrize(
        "name", ["-q", "a b'c\"", "$(id)", "q\x1b[2J", "\u00fc", "-\u202e\\'x", "tab\t1", "q" * 900]
    )
    def test_the_command_that_is_advised_is_about_exactly_this_queue(
        self, asok: Asok, redis_client: redis.Redis, name: str
    ) -> None:
        push(redis_client, job(1, name))
        redis_client.sadd(KEYS.paused, name)
        ran = asok("explain", f"--queue={name}")
        advised = next(
            line.partition(": ")[2] for line in ran.out.splitlines() if "to change it" in line
        )
        assert advised.isprintable()
        read = subprocess.run(
            ["bash", "-c", f"printf '%s\\0' {advised}"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        words = read.stdout.split("\0")[1:-1]
        assert asok(*words).code == 0
        assert not redis_client.smembers(KEYS.paused)

    def test_no_command_is_advised_for_a_name_that_a_list_of_queues_cannot_hold(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        push(redis_client, job(1, "a,b"))
        work(redis_client, "w1", "default")
        assert first(asok, "job-1")["remedy"] == ""

    @pytest.mark.parametrize("name", ["\u00fc", "j\x1b[31m"])
    def test_a_job_whose_id_json_escapes_is_found(
        self, asok: Asok, redis_client: redis.Redis, name: str
    ) -> None:
        push(redis_client, replace(job(1), id=name))
        document = explained(asok, name)
        assert (document["job"], document["state"]) == (name, "pending in queue 'default'")

    @pytest.mark.parametrize("words", [("explain", ""), ("job", "find", "")])
    def test_an_empty_text_is_refused(self, asok: Asok, words: tuple[str, ...]) -> None:
        ran = asok(*words)
        assert (ran.code, "must not be empty" in ran.err) == (2, True)


class TestElsewhere:
    def test_a_job_delayed_by_its_caller(self, asok: Asok, redis_client: redis.Redis) -> None:
        due = server_time(redis_client) + 3600
        redis_client.zadd(KEYS.delayed, {seal(job(1), Keyring(b"x")): due})
        record(redis_client, "job-1", status="scheduled", queue="default")
        reason = first(asok, "job-1")
        assert (reason["code"], reason["evidence"]["due_at"]) == ("delayed_by_caller", iso(due))

    def test_a_due_job_that_is_not_promoted(self, asok: Asok, redis_client: redis.Redis) -> None:
        due = server_time(redis_client) - 60
        redis_client.zadd(KEYS.delayed, {seal(job(1), Keyring(b"x")): due})
        reason = first(asok, "job-1")
        assert (reason["code"], reason["since"], reason["remedy"]) == (
            "promotion_late",
            iso(due),
            "asok worker",
        )

    def test_a_purged_job_names_who_purged_it_and_until_when_it_can_be_restored(
        self, asok: Asok, bench: Bench
    ) -> None:
        bench.add_dead(bench.job(id="job-7"))
        assert asok("dlq", "purge", "--all", "--yes").code == 0
        document = explained(asok, "job-7")
        reason = document["reasons"][0]
        assert (document["state"], reason["code"]) == ("in the trash", "in_trash")
        assert "@" in reason["evidence"]["by"]
        assert reason["evidence"]["restorable_until_at"] > reason["since"]
        assert reason["remedy"] == f"asok trash restore {reason['evidence']['operation']}"

    def test_a_cancelled_job_names_who_cancelled_it(self, asok: Asok, desk: Desk) -> None:
        waiting = desk.enqueue("note", "a")
        assert asok("job", "cancel", waiting.id, "--yes").code == 0
        codes = [each["code"] for each in explained(asok, waiting.id)["reasons"]]
        assert codes == ["in_trash", "cancelled"]

    @pytest.mark.parametrize("words", [("",), ("--queue", ""), ("--worker", "")])
    def test_an_empty_name_is_refused(self, asok: Asok, words: tuple[str, ...]) -> None:
        ran = asok("explain", *words)
        assert (ran.code, ran.out) == (2, "")
        assert "JOB_ID, --queue and --worker must not be empty" in ran.err

    def test_times_are_written_as_in_every_other_document(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        due = server_time(redis_client) - 60
        redis_client.zadd(KEYS.delayed, {seal(job(1), Keyring(b"x")): due})
        document = explained(asok, "job-1")
        assert document["read_at"].endswith("Z")
        assert document["reasons"][0]["since"] == iso(due)

    @pytest.mark.parametrize("words", [("explain", "job-1"), ("explain", "job-1", "--json")])
    def test_nothing_is_claimed_of_an_unknown_job(self, asok: Asok, words: tuple[str, ...]) -> None:
        ran = asok(*words)
        assert ran.code == 1
        assert "not known" in ran.out
        assert "expire" in ran.out

    def test_several_jobs_with_the_same_beginning(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        push(redis_client, job(11), job(12))
        ran = asok("explain", "job-1")
        assert ran.code == 2
        assert "job-11" in ran.err

    @pytest.mark.parametrize(
        "words", [("job-1", "--queue", "q"), ("--queue", "q", "--worker", "w")]
    )
    def test_at_most_one_thing_is_named(self, asok: Asok, words: tuple[str, ...]) -> None:
        ran = asok("explain", *words)
        assert (ran.code, ran.out) == (2, "")
        assert "at most one of JOB_ID" in ran.err

    def test_without_a_name_all_queues_are_explained_the_longest_wait_first(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        now = server_time(redis_client)
        assert asok("explain").out == "all queues: no job is pending\n  no obstacle was found\n"
        push(redis_client, job(1, "mail", enqueued_at=now - 60))
        push(redis_client, job(2, "post", enqueued_at=now - 90))
        push(redis_client, job(3, "low", enqueued_at=now - 30), job(4, "low"))
        push(redis_client, job(5, "swift"))
        work(redis_client, "w1", "low", "swift")
        asok("queue", "pause", "low")
        document = explained(asok)
        assert (document["queues"], document["state"]) == ("all queues", "5 pending in 4 queues")
        texts = [each["text"] for each in document["reasons"]]
        assert texts == [
            "post (1 pending): no registered worker serves queue 'post'",
            "mail (1 pending): no registered worker serves queue 'mail'",
            "low (2 pending): queue 'low' is paused",
        ]
        assert "to change it: asok queue resume low" in asok("explain").out

    def test_queues_that_wait_for_the_same_are_named_together(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        now = server_time(redis_client)
        for n, queue in enumerate(("a", "b", "c", "d")):
            push(redis_client, job(n, queue, enqueued_at=now - 90 + n))
        [reason] = explained(asok)["reasons"]
        named = "a (1 pending), b (1 pending), c (1 pending) and 1 more"
        assert reason["text"].startswith(f"{named}: no worker is registered")
        assert reason["remedy"] == "asok worker --queues a,b,c,d"

    def test_a_queue_that_does_not_exist_is_not_said_to_be_well(
        self, asok: Asok, redis_client: redis.Redis
    ) -> None:
        push(redis_client, job(1, "mail"))
        work(redis_client, "w1", "mail")
        for words in (("explain", "--queue", "post"), ("queue", "composition", "post")):
            ran = asok(*words)
            assert (ran.code, ran.out) == (2, "")
            assert "there is no queue 'post'; there are " in ran.err
            assert "mail" in ran.err

    def test_a_worker_that_does_not_exist(self, asok: Asok, redis_client: redis.Redis) -> None:
        work(redis_client, "w1", "default")
        ran = asok("explain", "--worker", "x")
        assert (ran.code, ran.err) == (
            2,
            "asok: no worker has an id that begins with 'x'; workers: w1\n",
        )


class TestViewer:
    """A user of Redis who may only read."""

    def test_everything_but_the_stack_is_explained_to_him(
        self,
        asok: Asok,
        desk: Desk,
        run_worker: RunWorker,
        redis_server: EmbeddedRedis,
        redis_client: redis.Redis,
    ) -> None:
        run_worker("--queues", "default")
        held = desk.enqueue("hold", "a")
        desk.reaches(held, "running")
        waiting = desk.enqueue("note", "b", queue="mail")
        assert asok("queue", "pause", "mail").code == 0
        url = user_url(redis_client, "viewer", redis_server.url)
        redis_client.acl_log_reset()
        found = first(asok, waiting.id[:12], "--url", url)
        assert (found["code"], "@" in found["evidence"]["by"]) == ("queue_paused", True)
        assert_all_allowed(redis_client, "viewer")
        wait_until(
            lambda: server_time(redis_client) - (desk.record(held).started_at or 0) > A_WHILE,
            "a job that has run for a while",
        )
        assert first(asok, held.id, "--url", url)["code"] == "running"
        desk.release("a")


class TestServer:
    def test_a_full_redis_is_named_first(
        self, embedded_redis: Callable[..., EmbeddedRedis], asok: Asok
    ) -> None:
        server = embedded_redis()
        with redis.Redis.from_url(server.url) as client:
            push(client, job(1))
            work(client, "w1", "default")
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 1)
            reason = first(asok, "job-1", "--url", server.url)
        assert (reason["code"], reason["blocking"]) == ("redis_full", False)

    def test_a_replica_is_named_first(
        self, embedded_redis: Callable[..., EmbeddedRedis], asok: Asok
    ) -> None:
        server = embedded_redis()
        with redis.Redis.from_url(server.url) as client:
            push(client, job(1))
            # A replica whose master cannot be reached keeps what it has.
            client.replicaof("127.0.0.1", "1")
            reason = first(asok, "job-1", "--url", server.url)
        assert (reason["code"], reason["evidence"]) == (
            "redis_replica",
            {"connection_to_master": "down"},
        )

    def test_a_full_redis_holds_no_job_up_that_it_has(
        self, embedded_redis: Callable[..., EmbeddedRedis], asok: Asok
    ) -> None:
        server = embedded_redis()
        with redis.Redis.from_url(server.url) as client:
            push(client, *(job(n) for n in range(901)))
            work(client, "w1", "default", started_at=server_time(client) - HOUR)
            tally_minutes(client, "default", 30)
            due = server_time(client) + HOUR
            client.zadd(KEYS.delayed, {seal(replace(job(2000), due_at=due), KEYRING): due})
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 1)
            # Workers drain a full Redis.
            found = explained(asok, "job-900", "--url", server.url)
            assert found["estimate"]["jobs_per_s"] == 3
            delayed = explained(asok, "job-2000", "--url", server.url)["reasons"]
        assert [each["code"] for each in delayed] == ["delayed_by_caller"]

    def test_on_a_replica_jobs_start_as_on_its_master(
        self, embedded_redis: Callable[..., EmbeddedRedis], asok: Asok
    ) -> None:
        master = embedded_redis(port=0)
        replica = embedded_redis("--replicaof", "127.0.0.1", str(master.port), port=0)
        with redis.Redis.from_url(master.url) as client:
            push(client, *(job(n) for n in range(901)))
            tally_minutes(client, "default", 30)
            assert client.wait(1, 50_000) == 1
            # Its heartbeat must be of just now where it is explained.
            work(client, "w1", "default", started_at=server_time(client) - HOUR)
            assert client.wait(1, 50_000) == 1
        where = ("--url", replica.url)
        with redis.Redis.from_url(replica.url) as client:
            found = explained(asok, "job-900", *where)
            reason = found["reasons"][0]
            assert (reason["code"], reason["blocking"]) == ("redis_replica", False)
            assert reason["text"].endswith("; workers that send heartbeats use its master")
            assert "refuses every change" in reason["text"]
            assert found["estimate"]["jobs_per_s"] == 3
            # Without its master it shows how things were: leases end that are renewed on the master.
            client.replicaof("127.0.0.1", "1")
            wait_until(lambda: client.info("replication")["master_link_status"] == "down", "down")
            (alone,) = (
                each
                for each in explained(asok, "job-0", *where)["reasons"]
                if each["code"] != "jobs_ahead"
            )
        assert (alone["code"], alone["blocking"]) == ("redis_replica", True)
        assert "what has changed on the master is not known" in alone["text"]
        assert alone["since"]


class TestStalledWorker:
    def test_a_master_that_became_a_replica_does_not_say_that_its_workers_use_the_other(
        self, embedded_redis: Callable[..., EmbeddedRedis], asok: Asok, run_worker: RunWorker
    ) -> None:
        """Their leases hold for a while, and they have no connection to the new master."""
        former = embedded_redis(port=0)
        other = embedded_redis("--replicaof", "127.0.0.1", str(former.port), port=0)
        worker = run_worker(ASOK_REDIS_URL=former.url)
        with redis.Redis.from_url(former.url) as client, redis.Redis.from_url(other.url) as next_:
            wait_until(lambda: client.zcard(KEYS.workers), "a worker")
            push(client, job(1))
            wait_until(lambda: client.wait(1, 1000) == 1, "a replica with all")
            next_.replicaof("NO", "ONE")
            client.replicaof("127.0.0.1", str(other.port))
            wait_until(
                lambda: client.info("replication")["master_link_status"] == "up", "its new master"
            )
            worker.wait_for_log("read-only replica")

        def replica() -> dict[str, Any]:
            found = explained(asok, "--queue", "default", "--url", former.url)["reasons"]
            return next(each for each in found if each["code"] == "redis_replica")

        said = "how workers are that use its master is not known: by its clock"
        wait_until(lambda: said in replica()["text"], lambda: str(replica()))

    def test_a_worker_without_heartbeat_is_named_while_its_lease_holds(
        self, asok: Asok, desk: Desk, run_worker: RunWorker
    ) -> None:
        worker = run_worker("--queues", "default", "--processes", "1", ASOK_WORKER_LEASE="60s")
        desk.reaches(desk.enqueue("note", "a"), "completed")
        worker.signal(signal.SIGSTOP, to_all=True)
        # Its idle wait still takes one.
        _, waiting = desk.enqueue("note", "b"), desk.enqueue("note", "c")
        try:
            reason: dict[str, Any] = {}

            def named() -> bool:
                reason.update(first(asok, waiting.id))
                return bool(reason["code"] == "worker_no_heartbeat")

            wait_until(named, lambda: f"that it sends no heartbeat: {reason}")
            assert "whether it takes jobs is not known" in reason["text"]
            found = explained(asok, waiting.id)
            assert found["estimate"]["low_s"] is None
        finally:
            worker.signal(signal.SIGCONT, to_all=True)


def test_people_read_numbered_reasons(asok: Asok, bench: Bench) -> None:
    bench.add_pending(bench.job(id="job-1"), bench.job(id="job-2"))
    bench.client.sadd(KEYS.paused, "default")
    ran = asok("explain", "job-2")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "job job-2 of shop.mail: pending in queue 'default'",
        "  1. queue 'default' is paused",
        "     by: not known",
        "     to change it: asok queue resume default",
        "  2. no worker is registered (those of the asok framework never are)",
        "     to change it: asok worker",
        "  3. 1 job is ahead of it in queue 'default'",
        "  when it starts is not known: queue 'default' is paused",
    ]


def test_nothing_that_others_wrote_reaches_the_terminal_raw(
    asok: Asok, redis_client: redis.Redis
) -> None:
    push(redis_client, job(1, "q\x1b[2J"))
    work(redis_client, "w\x1b[31m", "other\x1b[0m")
    redis_client.lpush(KEYS.dead, dead_job(job(3), 1.0))
    for words in (("job-1",), ("--queue", "q\x1b[2J"), ("--worker", "w")):
        ran = asok("explain", *words)
        assert "\x1b" not in ran.out + ran.err
