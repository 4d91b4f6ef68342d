from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asok_core import clock, hooks
from asok_core.backends import in_process
from asok_core.backends.eager import EagerBackend
from asok_core.backends.local import LocalBackend
from asok_core.errors import JobCancelled, JobFailed, JobTimeout
from asok_core.jobs.calls import make_call
from asok_core.jobs.job import Job
from asok_core.jobs.states import Status
from asok_core.settings.settings import Settings
from tests.programs import exit_code, wait_until
from tests.samples import sample_tasks

WAIT = 30.0


@pytest.fixture
def backend() -> Iterator[LocalBackend]:
    made = LocalBackend(Settings(), bg_workers=2)
    yield made
    made.shutdown(timeout=WAIT)


class GatedTask:
    """A task that says when it has begun, and waits until it may end."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.open.wait(WAIT)


@pytest.fixture
def gate() -> Iterator[GatedTask]:
    made = GatedTask()
    yield made
    made.open.set()


def failing(times: int) -> Callable[[], int]:
    """A task that fails ``times`` times, and then returns which attempt it was."""
    attempts = []

    def flaky() -> int:
        attempts.append(1)
        if len(attempts) <= times:
            raise ConnectionError(f"attempt {len(attempts)}")
        return len(attempts)

    return flaky


def test_a_task_runs_in_another_thread_and_its_record_says_so(backend: LocalBackend) -> None:
    future = backend.enqueue(make_call(threading.get_ident))
    assert future.result(WAIT) != threading.get_ident()
    record = backend.record(future.job_id)
    assert record is not None
    assert record.status is Status.COMPLETED
    assert record.function == "_thread.get_ident"
    assert record.result == str(future.result())
    assert record.enqueued_at is not None
    assert record.started_at is not None
    assert record.finished_at is not None
    assert record.enqueued_at <= record.started_at <= record.finished_at


def test_no_thread_is_made_before_the_first_task() -> None:
    before = threading.active_count()
    LocalBackend(Settings(), bg_workers=4).shutdown()
    assert threading.active_count() == before


def test_the_pool_grows_to_its_size_and_no_further(backend: LocalBackend) -> None:
    gates = [GatedTask() for _ in range(3)]
    futures = [backend.enqueue(make_call(each)) for each in gates]
    assert gates[0].begun.wait(WAIT)
    assert gates[1].begun.wait(WAIT)
    assert not gates[2].begun.is_set()
    record = backend.record(futures[2].job_id)
    assert record is not None
    assert record.status is Status.PENDING
    for each in gates:
        each.open.set()
    assert [future.result(WAIT) for future in futures] == [None] * 3


def test_a_failure_is_logged_and_never_raised_to_the_caller(
    backend: LocalBackend, caplog: pytest.LogCaptureFixture
) -> None:
    future = backend.enqueue(make_call(sample_tasks.fail, "no route"))
    with pytest.raises(JobFailed, match=r"^ConnectionError: no route$") as caught:
        future.result(WAIT)
    # The log line comes after the outcome.
    assert backend.shutdown(timeout=WAIT)
    assert isinstance(caught.value.__cause__, ConnectionError)
    (line,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert line.name == "asok.background"
    assert line.getMessage() == "Background task fail failed: ConnectionError('no route')"
    record = backend.record(future.job_id)
    assert record is not None
    assert record.status is Status.FAILED
    assert record.error is not None
    assert record.error.startswith("Traceback")
    assert record.error.endswith("ConnectionError: no route\n")
    assert [each.id for each in backend.dead_jobs()] == [future.job_id]


def test_system_exit_in_a_task_is_a_failure_and_not_a_dead_thread(backend: LocalBackend) -> None:
    for _ in range(4):
        future = backend.enqueue(make_call(sample_tasks.leave))
        with pytest.raises(JobFailed, match="SystemExit"):
            future.result(WAIT)
    assert backend.enqueue(make_call(sample_tasks.add, 1, b=2)).result(WAIT) == 3


def test_a_callback_that_exits_does_not_end_the_thread(
    backend: LocalBackend, gate: GatedTask
) -> None:
    def leave(_: object) -> None:
        raise SystemExit

    future = backend.enqueue(make_call(gate))
    future.add_done_callback(leave)
    gate.open.set()
    future.result(WAIT)
    futures = [backend.enqueue(make_call(sample_tasks.add, n)) for n in range(5)]
    assert [each.result(WAIT) for each in futures] == list(range(5))


def test_retries_are_honoured_until_one_succeeds(
    backend: LocalBackend, caplog: pytest.LogCaptureFixture
) -> None:
    future = backend.enqueue(make_call(failing(2), _retries=3, _backoff=0))
    assert future.result(WAIT) == 3
    assert backend.shutdown(timeout=WAIT)
    record = backend.record(future.job_id)
    assert record is not None
    assert (record.status, record.retry_count, record.retries) == (Status.COMPLETED, 2, 3)
    assert [each.getMessage() for each in caplog.records] == [
        "Background task flaky failed: ConnectionError('attempt 1'); retry 1 of 3 in 0 s",
        "Background task flaky failed: ConnectionError('attempt 2'); retry 2 of 3 in 0 s",
    ]


def test_exhausted_retries_make_a_dead_job(backend: LocalBackend) -> None:
    future = backend.enqueue(make_call(failing(5), _retries=2, _backoff=0))
    with pytest.raises(JobFailed, match="attempt 3"):
        future.result(WAIT)
    assert backend.dead_jobs()[0].retry_count == 2


def test_a_job_that_waits_for_its_retry_holds_no_thread() -> None:
    backend = LocalBackend(Settings(), bg_workers=1)
    waiting = backend.enqueue(make_call(failing(1), _retries=1, _backoff=3600))
    assert backend.enqueue(make_call(sample_tasks.add, 4)).result(WAIT) == 4
    record = backend.record(waiting.job_id)
    assert record is not None
    assert record.status is Status.RETRYING
    assert waiting.cancel()
    assert backend.shutdown()


def test_a_backoff_that_overflows_is_clamped(backend: LocalBackend) -> None:
    failed = threading.Event()

    @hooks.failure
    def notice(job: Job, error: BaseException, will_retry: bool) -> None:
        failed.set()

    try:
        future = backend.enqueue(make_call(sample_tasks.fail, _retries=2, _backoff=1e308))
        assert failed.wait(WAIT)
    finally:
        hooks.remove(notice)
    assert future.cancel()
    assert backend.enqueue(make_call(sample_tasks.add, 1)).result(WAIT) == 1


def test_a_due_retry_runs_while_another_thread_is_busy(gate: GatedTask) -> None:
    backend = LocalBackend(Settings(), bg_workers=2)
    later = backend.enqueue(make_call(sample_tasks.add, 1, _delay=0.2))
    blocker = backend.enqueue(make_call(gate))
    assert gate.begun.wait(WAIT)
    assert later.result(WAIT) == 1
    assert not blocker.done()
    gate.open.set()
    assert backend.shutdown()


def test_queues_are_served_in_order() -> None:
    backend = LocalBackend(Settings(), bg_workers=1)
    gate = GatedTask()
    order: list[str] = []
    backend.enqueue(make_call(gate))
    assert gate.begun.wait(WAIT)
    for queue in ("reports", "low", "default", "high"):
        backend.enqueue(make_call(order.append, queue, _queue=queue))
    gate.open.set()
    assert backend.shutdown()
    assert order == ["high", "default", "low", "reports"]


def test_the_context_is_that_of_the_dispatch_and_stays_clean(backend: LocalBackend) -> None:
    variable = contextvars.ContextVar("variable", default="outside")

    def read_and_spoil() -> str:
        found = variable.get()
        variable.set("spoilt")
        return found

    variable.set("request 7")
    future = backend.enqueue(make_call(read_and_spoil))
    variable.set("request 8")
    assert future.result(WAIT) == "request 7"
    assert variable.get() == "request 8"


def test_coroutines_run_to_their_end(backend: LocalBackend) -> None:
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    assert backend.enqueue(make_call(double, 21)).result(WAIT) == 42


def test_a_task_that_takes_too_long_fails_with_a_timeout(backend: LocalBackend) -> None:
    def spin() -> None:
        while True:
            sum(range(100))

    future = backend.enqueue(make_call(spin, _timeout=0.05))
    with pytest.raises(JobFailed, match="JobTimeout") as caught:
        future.result(WAIT)
    assert isinstance(caught.value.__cause__, JobTimeout)


def test_a_pending_job_can_be_cancelled_and_a_running_one_cannot(gate: GatedTask) -> None:
    backend = LocalBackend(Settings(), bg_workers=1)
    running = backend.enqueue(make_call(gate))
    pending = backend.enqueue(make_call(sample_tasks.add, 1))
    assert gate.begun.wait(WAIT)
    assert not running.cancel()
    assert pending.cancel()
    assert pending.cancelled()
    assert pending.cancel()
    with pytest.raises(JobCancelled, match="was cancelled before it started"):
        pending.result(0)
    record = backend.record(pending.job_id)
    assert record is not None
    assert record.status is Status.CANCELLED
    gate.open.set()
    assert backend.shutdown()
    assert backend.cancel("no such job") is False


def test_a_job_that_waits_for_its_next_attempt_had_started(backend: LocalBackend) -> None:
    def fail() -> None:
        raise ValueError

    future = backend.enqueue(make_call(fail, _retries=1, _backoff=3600.0))
    wait_until(lambda: status_of(backend, future.job_id) is Status.RETRYING, "the first failure")
    assert future.cancel()
    with pytest.raises(JobCancelled, match="was cancelled before it finished"):
        future.result(0)


def status_of(backend: LocalBackend, job_id: str) -> Status | str | None:
    record = backend.record(job_id)
    return record.status if record is not None else None


def test_a_unique_key_is_held_until_its_job_is_finished(
    backend: LocalBackend, gate: GatedTask
) -> None:
    first = backend.enqueue(make_call(gate, _unique="report"))
    assert backend.enqueue(make_call(gate, _unique="report")) is first
    assert backend.enqueue(make_call(sample_tasks.add, 1)).result(WAIT) == 1
    gate.open.set()
    first.result(WAIT)
    again = backend.enqueue(make_call(sample_tasks.add, 2, _unique="report"))
    assert again is not first
    assert again.result(WAIT) == 2


def test_records_are_bounded(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_process, "RECORDS_KEPT", 3)
    futures = [backend.enqueue(make_call(sample_tasks.add, n)) for n in range(6)]
    assert [each.result(WAIT) for each in futures] == list(range(6))
    kept = [each for each in futures if backend.record(each.job_id) is not None]
    assert len(kept) == 3


def test_records_are_kept_for_24_hours(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    future = backend.enqueue(make_call(sample_tasks.add, 1))
    future.result(WAIT)
    finished = clock.now()
    monkeypatch.setattr(in_process, "now", lambda: finished + 86_000)
    assert backend.record(future.job_id) is not None
    monkeypatch.setattr(in_process, "now", lambda: finished + 86_500)
    assert backend.record(future.job_id) is None


def test_hooks_see_each_attempt_and_a_broken_one_changes_nothing(
    backend: LocalBackend, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[Any, ...]] = []

    @hooks.before
    def before(job: Job) -> None:
        seen.append(("before", job.attempt))

    @hooks.after
    def after(job: Job, result: object) -> None:
        seen.append(("after", result))

    @hooks.failure
    def failure(job: Job, error: BaseException, will_retry: bool) -> None:
        seen.append(("failure", repr(error), will_retry))

    @hooks.before
    def broken(job: Job) -> None:
        raise SystemExit("a hook")

    try:
        flaky = backend.enqueue(make_call(failing(1), _retries=1, _backoff=0))
        assert flaky.result(WAIT) == 2
        with pytest.raises(JobFailed):
            backend.enqueue(make_call(sample_tasks.fail, "x")).result(WAIT)
        # Hooks are called after the outcome.
        assert backend.shutdown(timeout=WAIT)
    finally:
        for hook in (before, after, failure, broken):
            hooks.remove(hook)
    assert seen == [
        ("before", 1),
        ("failure", "ConnectionError('attempt 1')", True),
        ("before", 2),
        ("after", 2),
        ("before", 1),
        ("failure", "ConnectionError('x')", False),
    ]
    assert sum("broken failed" in each.getMessage() for each in caplog.records) == 3


def test_hooks_are_given_the_arguments_that_were_passed(backend: LocalBackend) -> None:
    seen: list[Any] = []
    basket: list[Any] = [1]

    def spoil(given: list[int]) -> None:
        given.append(2)
        raise ConnectionError

    @hooks.failure
    def failure(job: Job, error: BaseException, will_retry: bool) -> None:
        seen.append(job.args)

    try:
        future = backend.enqueue(make_call(spoil, basket, _retries=1, _backoff=0, _delay=0.2))
        basket.append("later")
        assert future.exception(WAIT) is not None
        assert backend.shutdown(timeout=WAIT)
    finally:
        hooks.remove(failure)
    assert seen == [([1],), ([1],)]


def test_shutdown_waits_for_what_runs_and_what_is_pending(gate: GatedTask) -> None:
    backend = LocalBackend(Settings(), bg_workers=1)
    futures = [backend.enqueue(make_call(gate)), backend.enqueue(make_call(failing(0)))]
    futures.append(backend.enqueue(make_call(sample_tasks.add, 1, _delay=0.2)))
    threading.Timer(0.1, gate.open.set).start()
    assert backend.shutdown() is True
    assert [each.result(0) for each in futures] == [None, 1, 1]
    with pytest.raises(RuntimeError, match="shut down"):
        backend.enqueue(make_call(sample_tasks.add, 1))


def test_what_cannot_finish_is_logged_by_name(
    gate: GatedTask, caplog: pytest.LogCaptureFixture
) -> None:
    backend = LocalBackend(Settings(), bg_workers=1)
    running = backend.enqueue(make_call(gate))
    assert gate.begun.wait(WAIT)
    pending = backend.enqueue(make_call(sample_tasks.add, 1))
    delayed = backend.enqueue(make_call(sample_tasks.fail, _delay=3600))
    with caplog.at_level(logging.INFO, logger="asok.background"):
        assert backend.shutdown(timeout=0.1) is False
    lines = [each.getMessage() for each in caplog.records]
    assert lines[0].endswith("s for GatedTask, add, fail")
    errors = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    before = "did not finish before the shutdown"
    assert errors == [
        f"Background task GatedTask {before}: it was still running (job {running.job_id})",
        f"Background task add {before}: it had not started (job {pending.job_id})",
        f"Background task fail {before}: it waited for its start (job {delayed.job_id})",
    ]
    assert pending.cancelled()
    assert delayed.cancelled()
    gate.open.set()
    assert running.result(WAIT) is None


def test_a_shutdown_does_not_wait_for_what_is_due_too_late() -> None:
    backend = LocalBackend(Settings(), bg_workers=1)
    future = backend.enqueue(make_call(sample_tasks.add, 1, _delay=7200))
    assert backend.shutdown(timeout=3600) is False
    assert future.cancelled()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_starts_empty_and_the_parent_continues(gate: GatedTask) -> None:
    backend = LocalBackend(Settings(), bg_workers=1)
    future = backend.enqueue(make_call(gate))
    assert gate.begun.wait(WAIT)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            fresh = backend.enqueue(make_call(sample_tasks.add, 1)).result(WAIT)
            parents = future.exception(WAIT)
            code = 0 if fresh == 1 and "forked from" in str(parents) else 2
        finally:
            os._exit(code)
    assert exit_code(child) == 0
    gate.open.set()
    assert future.result(WAIT) is None
    assert backend.shutdown()


class TestEager:
    def test_a_task_has_run_when_it_is_enqueued(self) -> None:
        backend = EagerBackend(Settings())
        future = backend.enqueue(make_call(threading.get_ident, _delay=3600, _queue="low"))
        assert future.done()
        assert future.result(0) == threading.get_ident()
        record = backend.record(future.job_id)
        assert record is not None
        assert record.status is Status.COMPLETED

    def test_retries_follow_without_a_pause(self) -> None:
        future = EagerBackend(Settings()).enqueue(make_call(failing(2), _retries=2, _backoff=1000))
        assert future.result(0) == 3

    def test_a_failure_is_in_the_future_and_the_log(self, caplog: pytest.LogCaptureFixture) -> None:
        future = EagerBackend(Settings()).enqueue(make_call(sample_tasks.leave))
        with pytest.raises(JobFailed, match="SystemExit"):
            future.result(0)
        assert "Background task leave failed: SystemExit(3)" in caplog.text

    def test_ctrl_c_is_the_programs_own(self) -> None:
        def interrupted() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            EagerBackend(Settings()).enqueue(make_call(interrupted))

    async def test_a_coroutine_runs_inside_a_running_loop(self) -> None:
        async def double(number: int) -> int:
            await asyncio.sleep(0)
            return 2 * number

        futures = EagerBackend(Settings()).enqueue_many([make_call(double, n) for n in (1, 2)])
        assert [each.result(0) for each in futures] == [2, 4]
