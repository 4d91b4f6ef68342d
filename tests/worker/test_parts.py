"""The small parts of a worker, each by itself."""

from __future__ import annotations

import math
import os
import select
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming import blocked_claims
from asok_core.backends.redis.consuming.blocked_claims import BlockedClaims
from asok_core.backends.redis.consuming.outcomes import Claim
from asok_core.backends.redis.keys import Keys
from asok_core.errors import Unreachable
from asok_core.jobs.envelope import peek, seal
from asok_core.jobs.job import Job, new_id
from asok_core.settings.settings import Settings
from asok_core.worker.job_slots import MOST_AHEAD
from asok_core.worker.running.attempts import AttemptRunner
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.prefetch import LONGEST_DOUBT, PATIENCE, SHORTEST_DOUBT, Prefetch
from asok_core.worker.running.threads import ThreadDied, Threads
from asok_core.worker.shared_state import SharedState
from asok_core.worker.wakeup import Alarm
from tests.fixtures.worker import KEYRING
from tests.programs import wait_until


class TestPrefetch:
    def test_it_begins_closed_and_opens_while_jobs_flow(self) -> None:
        prefetch = Prefetch()
        sizes = [prefetch.size]
        for _ in range(8):
            prefetch.flowed(PATIENCE / 10)
            sizes.append(prefetch.size)
        assert sizes[0] == 0
        assert sizes == sorted(sizes)
        assert sizes[-1] == MOST_AHEAD

    def test_one_stall_closes_it(self) -> None:
        prefetch = Prefetch()
        for _ in range(8):
            prefetch.flowed(0.0)
        prefetch.stalled()
        assert prefetch.size == 0

    def test_it_narrows_when_jobs_begin_late(self) -> None:
        prefetch = Prefetch()
        for _ in range(8):
            prefetch.flowed(0.0)
        prefetch.flowed(PATIENCE * 2)
        assert prefetch.size == MOST_AHEAD // 2

    def test_one_thread_is_enough_only_while_jobs_flow_and_it_does_not_crawl(self) -> None:
        prefetch = Prefetch()
        few = [prefetch.few]
        prefetch.flowed(0.0)
        few.append(prefetch.few)
        prefetch.crawled()
        assert [*few, prefetch.few] == [False, True, False]

    def test_one_thread_is_tried_again_and_less_often_each_time_that_it_crawls(self) -> None:
        prefetch = Prefetch()
        prefetch.flowed(0.0)
        doubts = [prefetch.doubt]
        for _ in range(9):
            prefetch.crawled()
            doubts.append(prefetch.doubt)
        assert doubts[:3] == [SHORTEST_DOUBT, 2 * SHORTEST_DOUBT, 4 * SHORTEST_DOUBT]
        assert doubts[-1] == LONGEST_DOUBT
        prefetch.flowed(0.0)
        assert prefetch.doubt == LONGEST_DOUBT, "many threads ran those"

    def test_it_doubts_no_more_when_one_thread_was_enough(self) -> None:
        prefetch = Prefetch()
        prefetch.flowed(0.0)
        prefetch.crawled()
        wait_until(lambda: prefetch.few, "another trial")
        prefetch.flowed(0.0)
        assert prefetch.doubt == SHORTEST_DOUBT


class TestThreads:
    def test_a_thread_that_ended_without_a_report_is_noticed(self, threads: Threads) -> None:
        threads.check()
        ended = threading.Thread(target=lambda: None, name="asok-1")
        ended.start()
        ended.join()
        threads._threads[1] = ended
        threads._check_at = 0.0
        with pytest.raises(ThreadDied, match="asok-1"):
            threads.check()

    @pytest.fixture
    def threads(self) -> Iterator[Threads]:
        with tempfile.TemporaryFile() as file:
            runner = AttemptRunner(Settings(), KEYRING)
            threads = Threads(3, runner, SharedState(file, 3), Alarm())
            threads.runs_until = math.inf
            yield threads
            threads.end()

    def test_no_job_waits_though_only_one_thread_is_woken_for_many(self, threads: Threads) -> None:
        done = 0
        for number in range(2000):
            # Now and then a pause: what comes while a thread falls asleep must wake one.
            if number % 7 == 0:
                time.sleep(0)
            threads.put([_claimed("give", number)], few=True)
            if number % 50 == 0:
                done = number + 1
                wait_until(lambda: len(threads.finished) == done, "every job so far")  # noqa: B023
        wait_until(lambda: len(threads.finished) == 2000, "every job")
        results = [outcome.result for _, outcome in threads.finished if outcome]
        assert sorted(map(int, results)) == list(range(2000))

    def test_few_runs_them_in_order_one_after_the_other(self, threads: Threads) -> None:
        threads.put([_claimed("give", number) for number in range(100)], few=True)
        wait_until(lambda: len(threads.finished) == 100, "every job")
        assert [outcome.result for _, outcome in threads.finished if outcome] == [
            str(number) for number in range(100)
        ]

    def test_what_is_taken_back_is_younger_than_all_that_a_thread_has_taken(
        self, threads: Threads
    ) -> None:
        interval = sys.getswitchinterval()
        # The thread gets the interpreter again and again while jobs are taken back.
        sys.setswitchinterval(1e-6)
        try:
            for _ in range(3):
                threads.put([_claimed("give", number) for number in range(20_000)], few=True)
                while not threads.finished:
                    time.sleep(0)
                back = [_number(claimed) for claimed in threads.take_waiting()]
                left = 20_000 - len(back)
                wait_until(lambda: len(threads.finished) == left, "every other job")  # noqa: B023
                ran = [int(outcome.result or "") for _, outcome in threads.finished if outcome]
                assert [*ran, *back] == list(range(20_000))
                threads.finished.clear()
        finally:
            sys.setswitchinterval(interval)

    def test_calls_for_threads_that_are_awake_do_not_pile_up(self, threads: Threads) -> None:
        for number in range(200):
            threads.put([_claimed("give", number) for _ in range(4)])
            while threads.waiting > 2:
                time.sleep(0)
        assert threads._calls.qsize() < 20
        wait_until(lambda: len(threads.finished) == 800, "every job")

    def test_all_are_woken_when_one_is_not_enough(self, threads: Threads, tmp_path: Path) -> None:
        release = str(tmp_path / "release")
        threads.put([_claimed("wait_for", release) for _ in range(3)], few=True)
        wait_until(threads.running, "a running job")
        assert threads.waiting == 2
        threads.wake_all()
        wait_until(lambda: len(threads.running()) == 3, "all running")
        Path(release).touch()
        wait_until(lambda: len(threads.finished) == 3, "every job")


def _number(claimed: ClaimedJob) -> object:
    job = peek(claimed.claim.envelope).job
    assert job is not None
    return job.args[0]


def _claimed(function: str, *args: object) -> ClaimedJob:
    job = Job(new_id(), "tests.worker.jobs", function, args)
    return ClaimedJob(Claim("default", seal(job, KEYRING)))


class TestSharedState:
    def test_it_shows_what_runs_to_a_program_that_has_the_file(self) -> None:
        with tempfile.TemporaryFile() as file:
            mine, theirs = SharedState(file, 3), SharedState(file, 3)
            first = mine.begin(0, "a" * 36, 1.5)
            mine.begin(2, "ž" * 64, 2.5, 9.0)
            found = theirs.running()
            assert [(each.job_id, each.started, each.deadline) for each in found] == [
                ("a" * 36, 1.5, 0.0),
                ("ž" * 64, 2.5, 9.0),
            ]
            mine.call_hooks(0, first)
            in_hooks = [theirs.in_hooks]
            mine.end(0)
            assert [*in_hooks, theirs.in_hooks] == [True, False]
            mine.begin(0, "short", 3.0)
            assert [each.started for each in theirs.running()] == [2.5, 3.0]
            assert [each.job_id for each in theirs.ended()] == ["a" * 36]
            mine.settle(first)
            assert theirs.ended() == []
            theirs.clear()
            assert mine.running() == []
            mine.close()
            theirs.close()

    def test_what_runs_is_on_it_though_no_outcome_can_be_settled(self) -> None:
        with tempfile.TemporaryFile() as file:
            shared = SharedState(file, 2)
            for number in range(1000):
                slot = shared.begin(number % 2, f"{number}", 1.0)
                assert [each.job_id for each in shared.running()] == [f"{number}"]
                shared.call_hooks(number % 2, slot)
                shared.end(number % 2)
            assert 0 < len(shared.ended()) < 1000
            shared.close()


class TestAlarm:
    def test_a_ring_from_another_thread_ends_the_sleep(self) -> None:
        alarm = Alarm()
        thread = threading.Timer(0.05, alarm.ring)
        thread.start()
        began = time.monotonic()
        alarm.sleep(50, ())
        assert time.monotonic() - began < 40
        thread.join()

    def test_what_happened_just_before_is_not_slept_over(self) -> None:
        alarm = Alarm()
        began = time.monotonic()
        alarm.sleep(50, (), unless=lambda: True)
        alarm.ring()
        alarm.sleep(50, ())
        assert time.monotonic() - began < 40

    def test_rings_beyond_counting_do_not_block(self) -> None:
        alarm = Alarm()
        for _ in range(100_000):
            alarm.ring()
        alarm.sleep(50, ())
        assert alarm.sleep(0, ()) == []

    def test_orders_come_whole_however_they_are_cut(self) -> None:
        read, write = os.pipe()
        alarm = Alarm(read)
        os.write(write, b"qui")
        alarm.sleep(5, ())
        assert list(alarm.commands()) == []
        os.write(write, b"et\nwake\nres")
        alarm.sleep(5, ())
        assert list(alarm.commands()) == ["quiet", "wake"]
        os.write(write, b"ume\n")
        alarm.sleep(5, ())
        assert list(alarm.commands()) == ["resume"]
        os.close(write)
        alarm.sleep(5, ())
        assert list(alarm.commands()) == ["orphaned"], "the supervisor is gone"
        began = time.monotonic()
        alarm.sleep(0.05, ())
        assert time.monotonic() - began >= 0.04, "the closed pipe must not keep it awake"
        os.close(read)


class TestBlockedClaims:
    @pytest.fixture
    def blocked(self, redis_url: str) -> Iterator[BlockedClaims]:
        blocked = BlockedClaims(Endpoint(redis_url), Keys(), "w.1")
        yield blocked
        blocked.close()

    def test_late_replies_are_claims(
        self, blocked: BlockedClaims, redis_url: str, redis_client: redis.Redis
    ) -> None:
        control = Endpoint(redis_url).connect()
        for number in range(100):
            blocked.arm(["high", "default", "low"])
            redis_client.lpush("asok:queue", str(number))
            claims = blocked.disarm(control)
            assert not blocked.armed
            left = redis_client.lrange("asok:queue", 0, -1)
            held = redis_client.lrange("asok:active:w.1:default", 0, -1)
            assert [claim.envelope for claim in claims] == held
            assert len(left) + len(held) == 1
            redis_client.delete("asok:queue", "asok:active:w.1:default")
        control.close()

    def test_an_order_to_end_that_overtakes_the_wait_is_given_again(
        self, blocked: BlockedClaims, redis_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The wait arrives after what ends it: without a second order it would last its whole time."""
        monkeypatch.setattr(blocked_claims, "BLOCK", 30)
        control = Endpoint(redis_url).connect()
        blocked.arm(["default"])
        (file,) = blocked.files()
        connection = blocked._connections["default"]
        control.call("CLIENT", "UNBLOCK", blocked._client_ids["default"])
        assert connection.read() is None
        timer = threading.Timer(
            0.3,
            lambda: connection.send(
                "BLMOVE", "asok:queue", "asok:active:w.1:default", "RIGHT", "LEFT", 30
            ),
        )
        timer.start()
        began = time.monotonic()
        assert blocked.disarm(control) == []
        assert time.monotonic() - began < 25
        assert list(blocked.files()) == []
        assert file
        timer.join()
        control.close()

    def test_a_wait_that_is_long_over_means_a_dead_connection(
        self, blocked: BlockedClaims, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        blocked.arm(["default"])
        blocked.check()
        later = time.monotonic() + 60
        monkeypatch.setattr("time.monotonic", lambda: later)
        with pytest.raises(Unreachable, match="does not answer in time"):
            blocked.check()

    def test_a_wait_that_is_over_is_missed_while_others_continue(
        self, blocked: BlockedClaims, redis_url: str, redis_client: redis.Redis
    ) -> None:
        """Of two that began at different times one ends alone: its queue would go unheard."""
        whole = [blocked.whole]
        blocked.arm(["high", "default"])
        whole.append(blocked.whole)
        redis_client.lpush("asok:queue", "job")
        control = Endpoint(redis_url).connect()
        (file,) = select.select(list(blocked.files()), [], [], 30)[0]
        assert blocked.read(file) == Claim("default", b"job")
        assert blocked.armed
        whole.append(blocked.whole)
        blocked.arm(["high", "default"])
        whole.append(blocked.whole)
        assert blocked.disarm(control) == []
        assert whole == [False, True, False, True]
        control.close()

    def test_waits_that_were_closed_take_nothing(
        self, blocked: BlockedClaims, redis_url: str, redis_client: redis.Redis
    ) -> None:
        control = Endpoint(redis_url).connect()
        blocked.arm(["high", "default"])
        blocked.close()
        blocked.end_former(control)
        redis_client.lpush("asok:queue", "job")
        assert redis_client.lrange("asok:queue", 0, -1) == [b"job"]
        control.close()
