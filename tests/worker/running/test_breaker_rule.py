"""The rule of the circuit breaker, by itself."""

from __future__ import annotations

import datetime as dt
import errno
import os
import resource
import threading
from pathlib import Path
from types import ModuleType

import pytest

from asok_core.jobs.codec import decode_arguments
from asok_core.worker.running.circuit_breaker import (
    LIMIT,
    PROBE_LASTS,
    CircuitBreaker,
    JobCheck,
    exhausted,
    is_exhausted_still,
    postponement,
)


class Clock:
    """Its time is fixed until a test moves it on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    """One of a process that has just begun."""
    return CircuitBreaker(clock)


@pytest.fixture
def proven(breaker: CircuitBreaker) -> CircuitBreaker:
    """One of a process that has run a job."""
    breaker.claimed()
    breaker.passes(*JobCheck)
    assert breaker.closed
    return breaker


def probe(breaker: CircuitBreaker, clock: Clock, check: JobCheck) -> bool:
    """Try the next job when it may be claimed; it fails."""
    clock.now += max(breaker.wait, 0.0)
    assert breaker.may_claim
    breaker.claimed()
    return breaker.fails(check, "no luck")


def test_until_a_job_has_passed_one_at_a_time_is_tried(breaker: CircuitBreaker) -> None:
    seen = [(breaker.may_claim, breaker.closed)]
    breaker.claimed()
    seen.append((breaker.may_claim, breaker.closed))
    breaker.passes(JobCheck.SIGNATURE)
    seen.append((breaker.may_claim, breaker.closed))
    breaker.passes(JobCheck.IMPORT)
    seen.append((breaker.may_claim, breaker.closed))
    assert seen == [(True, False), (False, False), (False, False), (True, True)]


def test_nothing_is_held_against_a_job_before_another_has_passed(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    assert [probe(breaker, clock, JobCheck.SIGNATURE) for _ in range(50)] == [False] * 50


def test_the_first_faults_of_a_proven_worker_are_the_jobs_own(proven: CircuitBreaker) -> None:
    verdicts = [proven.fails(JobCheck.IMPORT, "no such task") for _ in range(LIMIT + 3)]
    assert verdicts == [True] * (LIMIT - 1) + [False] * 4
    assert not proven.closed


def test_one_that_passes_begins_the_count_again(proven: CircuitBreaker) -> None:
    for _ in range(10):
        for _ in range(LIMIT - 1):
            assert proven.fails(JobCheck.SIGNATURE, "no")
        proven.passes(JobCheck.SIGNATURE)
    assert proven.closed


def test_one_check_that_passes_does_not_excuse_another(proven: CircuitBreaker) -> None:
    for _ in range(LIMIT):
        proven.passes(JobCheck.SIGNATURE)
        proven.fails(JobCheck.IMPORT, "no")
    assert not proven.closed
    proven.passes(JobCheck.SIGNATURE)
    assert not proven.closed


def test_after_a_stop_the_next_is_tried_at_once_and_then_at_growing_intervals(
    proven: CircuitBreaker, clock: Clock
) -> None:
    for _ in range(LIMIT):
        proven.fails(JobCheck.SIGNATURE, "no")
    waits = []
    for _ in range(9):
        waits.append(max(proven.wait, 0.0))
        probe(proven, clock, JobCheck.SIGNATURE)
    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_what_was_claimed_before_the_stop_lengthens_no_interval(
    proven: CircuitBreaker, clock: Clock
) -> None:
    for _ in range(LIMIT + 60):
        proven.fails(JobCheck.SIGNATURE, "no")
    assert proven.may_claim
    probe(proven, clock, JobCheck.SIGNATURE)
    assert proven.wait == 1.0


def test_a_reason_is_given_from_the_first_job_that_is_tried_in_vain(
    proven: CircuitBreaker, clock: Clock
) -> None:
    for _ in range(LIMIT):
        proven.fails(JobCheck.SIGNATURE, "wrong key")
    assert proven.reason == ""
    probe(proven, clock, JobCheck.SIGNATURE)
    assert proven.reason == "no luck"
    proven.passes(JobCheck.SIGNATURE, JobCheck.IMPORT)
    assert proven.closed
    assert proven.reason == ""


def test_a_job_that_neither_passes_nor_fails_does_not_end_the_trials(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.claimed()
    clock.now += PROBE_LASTS
    assert breaker.may_claim


def test_after_a_stop_it_looks_for_a_job_now_and_then_and_does_not_wait_for_one(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    """A process that waits would get it before a worker that can run it."""
    breaker.found_nothing()
    for _ in range(LIMIT - 1):
        probe(breaker, clock, JobCheck.IMPORT)
    assert (breaker.may_wait, breaker.wait) == (True, -clock.now)
    probe(breaker, clock, JobCheck.IMPORT)
    breaker.found_nothing()
    assert (breaker.may_wait, breaker.wait) == (False, 1.0)
    for _ in range(3):
        probe(breaker, clock, JobCheck.IMPORT)
    clock.now += 100
    breaker.found_nothing()
    assert breaker.wait == 4.0
    breaker.passes(JobCheck.SIGNATURE, JobCheck.IMPORT)
    assert breaker.may_wait


def test_the_newest_job_is_tried_after_the_oldest_has_failed(
    proven: CircuitBreaker, clock: Clock
) -> None:
    for _ in range(LIMIT):
        proven.fails(JobCheck.SIGNATURE, "no")
    probes = []
    for _ in range(4):
        probes.append(proven.probe)
        probe(proven, clock, JobCheck.SIGNATURE)
    assert probes == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("check", "renewable"),
    [(JobCheck.SIGNATURE, False), (JobCheck.IMPORT, True), (JobCheck.RESOURCES, True)],
)
def test_a_new_process_is_tried_where_it_can_help(
    proven: CircuitBreaker, clock: Clock, check: JobCheck, renewable: bool
) -> None:
    for _ in range(LIMIT):
        proven.fails(check, "no")
    assert not proven.renewable
    for _ in range(2):
        probe(proven, clock, check)
    assert proven.renewable is renewable


def test_what_is_certain_needs_no_second_fault(proven: CircuitBreaker) -> None:
    assert not proven.fails(JobCheck.RESOURCES, "no files", certain=True)
    assert (proven.closed, proven.renewable, proven.reason) == (False, True, "no files")


def test_changes_are_reported_once_each(proven: CircuitBreaker, clock: Clock) -> None:
    changes: list[bool] = []
    proven.on_change = lambda: changes.append(proven.closed)
    for _ in range(LIMIT + 3):
        proven.fails(JobCheck.IMPORT, "no")
    proven.passes(JobCheck.IMPORT)
    proven.passes(JobCheck.IMPORT)
    assert changes == [False, True]


def test_clean_is_only_said_of_what_has_passed_everything(breaker: CircuitBreaker) -> None:
    for check in JobCheck:
        assert not breaker.clean
        breaker.passes(check)
    assert breaker.clean
    breaker.fails(JobCheck.RESOURCES, "no")
    assert not breaker.clean


def test_a_postponed_job_waits_longer_each_time() -> None:
    assert [postponement(n) for n in (1, 2, 3, 7, 8, 10**6)] == [1, 2, 4, 60, 60, 60]


def chained(error: BaseException) -> BaseException:
    """An error that was raised while another was handled, which was raised from ``error``."""
    middle, last = ConnectionError("no connection"), LookupError("while that was handled")
    middle.__cause__, last.__context__ = error, middle
    return last


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ENFILE, "Too many open files in system"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EROFS, "Read-only file system"),
        MemoryError(),
        RuntimeError("can't start new thread"),
        ImportError("/app/_core.so: cannot open shared object file: Too many open files"),
    ],
)
def test_what_a_host_lacks_is_found_in_the_chain_of_an_error(error: BaseException) -> None:
    assert exhausted(error) is error
    assert exhausted(chained(error)) is error


@pytest.mark.parametrize(
    "error",
    [
        *(OSError(errno.ENOENT, "No such file"), RuntimeError("no"), ValueError(28), KeyError("x")),
        *(ImportError(), ImportError("cannot import name 'x'"), ImportError(OSError(errno.EMFILE))),
    ],
)
def test_other_errors_are_the_tasks_own(error: BaseException) -> None:
    assert exhausted(error) is None
    assert exhausted(chained(error)) is None


def test_a_module_that_is_not_loaded_is_recognised_in_the_language_of_the_application(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A task may choose one long after the start of its process.
    monkeypatch.setattr(os, "strerror", {errno.EMFILE: "Zu viele offene Dateien"}.get)
    error = ImportError("/app/_core.so: cannot open shared object file: Zu viele offene Dateien")
    assert exhausted(error) is error


def test_an_annotation_that_cannot_be_evaluated_is_no_fault_of_a_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may name something that its module imports when it is first needed."""
    files = [OSError(errno.EMFILE, "Too many open files"), None]

    class Imported(ModuleType):
        def __getattr__(self, name: str) -> object:
            if error := files.pop(0):
                raise error
            return dt.date

    def task(day: "late.date") -> None:  # type: ignore[name-defined] # noqa: F821, UP037
        """Convert an argument."""

    monkeypatch.setitem(globals(), "late", Imported("late"))
    with pytest.raises(TypeError, match="Too many open files") as raised:
        decode_arguments(task, ("2026-11-28",), {}, ("day",))
    assert exhausted(raised.value) is not None
    args, _ = decode_arguments(task, ("2026-11-28",), {}, ("day",))
    assert args == (dt.date(2026, 11, 28),)


def test_an_error_that_was_hidden_on_purpose_or_goes_round_is_not_followed() -> None:
    hidden = ValueError("no")
    hidden.__context__, hidden.__suppress_context__ = OSError(errno.EMFILE, "x"), True
    assert exhausted(hidden) is None
    one, two = ValueError(1), ValueError(2)
    one.__context__, two.__context__ = two, one
    assert exhausted(one) is None


def descriptors() -> set[int]:
    """Of this process; but for the one of the look itself, they are the same the next time."""
    return {int(each.name) for each in Path("/proc/self/fd").iterdir()}


def test_file_descriptors_and_threads_are_tried() -> None:
    files = OSError(errno.EMFILE, "Too many open files")
    assert not is_exhausted_still(files)
    module = ImportError("_core.so: cannot open shared object file: Too many open files")
    assert not is_exhausted_still(module)
    assert not is_exhausted_still(RuntimeError("can't start new thread"))
    assert not is_exhausted_still(OSError(errno.ENOSPC, "No space left on device"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = descriptors()
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        assert is_exhausted_still(files)
        assert is_exhausted_still(module)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert descriptors() == open_now


def test_faults_of_many_threads_are_counted_once_each(proven: CircuitBreaker) -> None:
    verdicts: list[bool] = []
    start = threading.Barrier(8)

    def fail() -> None:
        start.wait()
        verdicts.extend(proven.fails(JobCheck.IMPORT, "no") for _ in range(100))

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts.count(True) == LIMIT - 1
    assert proven.faults(JobCheck.IMPORT) == 800
