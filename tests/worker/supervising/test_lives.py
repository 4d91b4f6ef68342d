"""How long to wait before a process is replaced, and what is reported of all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pytest

from asok_core.worker.job_slots import Phase
from asok_core.worker.shared_state import SharedState
from asok_core.worker.start import WORN
from asok_core.worker.supervising.process_health import (
    LONG_ENOUGH,
    HealthReport,
    ProcessHealth,
    WorkerHealth,
)
from tests.worker.running.test_breaker_rule import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shared_states() -> Iterator[list[SharedState]]:
    with tempfile.TemporaryFile() as one, tempfile.TemporaryFile() as two:
        made = [SharedState(one, 3), SharedState(two, 3)]
        yield made
        for shared in made:
            shared.close()


@pytest.fixture
def lives(shared_states: list[SharedState], clock: Clock) -> WorkerHealth:
    """Of two processes that have just been started."""
    made = WorkerHealth([ProcessHealth(shared) for shared in shared_states], clock)
    for index in range(2):
        made.start(index)
    return made


def assess(lives: WorkerHealth, *alive: bool) -> HealthReport:
    return lives.assess(alive or (True, True))


def die(
    lives: WorkerHealth, clock: Clock, index: int = 0, after: float = 0.1, code: int = 1
) -> float:
    """A process lives for some time and dies, and the next is started when it is time."""
    clock.now += after
    if code == WORN:
        lives.lives[index].shared.note_planned_end()
    wait = lives.end(index, code, "w.1")
    clock.now += wait
    lives.lives[index].shared.clear()
    lives.start(index)
    return wait


def test_a_process_counts_once_it_has_claimed(
    lives: WorkerHealth, shared_states: list[SharedState]
) -> None:
    assert assess(lives).able == 0
    shared_states[0].note_claims()
    assert assess(lives).able == 1
    shared_states[1].note_claims()
    assert assess(lives) == HealthReport(able=2)


def test_one_that_is_replaced_as_planned_counts_all_the_time(
    lives: WorkerHealth, shared_states: list[SharedState]
) -> None:
    shared_states[0].note_claims()
    assess(lives)
    shared_states[0].note_planned_end()
    assert lives.end(0, 0, "w.1") == 0
    assert assess(lives, False, True).able == 1
    shared_states[0].clear()
    lives.start(0)
    assert assess(lives).able == 1


@pytest.mark.parametrize("code", [0, WORN])
def test_one_that_a_task_ends_has_died_whatever_its_exit_code(
    lives: WorkerHealth, clock: Clock, code: int
) -> None:
    waits = []
    for _ in range(3):
        clock.now += 0.1
        waits.append(lives.end(0, code, "w.1"))
        lives.start(0)
    assert waits == pytest.approx([0, 0.4, 0.8])
    report = assess(lives)
    assert (report.deaths, report.death, report.refusal) == (3, f"exit code {code}", "")


def test_one_that_died_counts_again_once_the_next_has_claimed(
    lives: WorkerHealth, shared_states: list[SharedState], clock: Clock
) -> None:
    shared_states[0].note_claims()
    assess(lives)
    assert die(lives, clock, code=-9) == 0.0
    assert assess(lives).able == 0
    shared_states[0].note_claims()
    assert assess(lives) == HealthReport(able=1)


def test_the_wait_grows_up_to_ten_seconds_and_begins_again_after_a_long_life(
    lives: WorkerHealth, clock: Clock
) -> None:
    waits = [die(lives, clock) for _ in range(10)]
    assert waits == pytest.approx([0, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10, 10])
    assert die(lives, clock, after=LONG_ENOUGH) == 0.0


def test_a_crash_loop_is_reported_with_its_reason_until_one_lives_long_enough(
    lives: WorkerHealth, shared_states: list[SharedState], clock: Clock
) -> None:
    began = clock.now
    for number in range(3):
        assert assess(lives).deaths == 0
        shared_states[0].note_fault(f"ImportError: no luck,\n try {number}")
        die(lives, clock)
    shared_states[0].note_claims()
    report = assess(lives)
    assert (report.able, report.deaths, report.death) == (0, 3, "ImportError: no luck, try 2")
    assert report.seconds == pytest.approx(clock.now - began - 0.1)
    assert not report.unable
    clock.now += LONG_ENOUGH
    assert assess(lives) == HealthReport(able=1)


def test_an_exit_is_reported_in_words(lives: WorkerHealth, clock: Clock) -> None:
    for code, words in (
        (-9, "killed by SIGKILL"),
        (-99, "killed by signal 99"),
        (3, "exit code 3"),
    ):
        lives.lives[0].deaths = 9
        clock.now += 0.1
        lives.end(0, code, "w.1")
        assert assess(lives, False, True).death == words


def test_a_process_that_has_what_the_last_one_used_up_counts_once_it_claims(
    lives: WorkerHealth, shared_states: list[SharedState], clock: Clock
) -> None:
    shared_states[0].note_claims()
    shared_states[0].note_refusal("no files", proven=False, lasting=False)
    shared_states[0].note_planned_end()
    assert lives.end(0, WORN, "w.1") == 1.0
    assert assess(lives, False, True).refusal == "no files"
    shared_states[0].clear()
    lives.start(0)
    assert assess(lives) == HealthReport(able=0)
    shared_states[0].note_claims()
    assert assess(lives) == HealthReport(able=1)
    # The wait still grows until one has run a job.
    shared_states[0].note_refusal("no files", proven=False, lasting=False)
    assert die(lives, clock, code=WORN) == 2.0


def test_what_was_imported_is_part_of_the_reason_of_a_death(
    lives: WorkerHealth, shared_states: list[SharedState], clock: Clock
) -> None:
    for _ in range(3):
        shared_states[0].begin(0, "one", 1.0, phase=Phase.IMPORTING, module="shop.tasks")
        shared_states[0].begin(1, "two", 1.0)
        die(lives, clock, code=-11)
    assert assess(lives).death == "died while importing shop.tasks: killed by SIGSEGV"


def test_why_a_process_does_not_claim_is_known_until_one_has_run_a_job(
    lives: WorkerHealth, shared_states: list[SharedState], clock: Clock
) -> None:
    shared_states[0].note_claims()
    shared_states[0].note_refusal("no module named shop", proven=False)
    refusing = HealthReport(able=0, refusal="no module named shop")
    assert assess(lives) == refusing
    assert [die(lives, clock, code=WORN) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert assess(lives) == refusing
    shared_states[0].note_claims()
    assert assess(lives) == refusing
    shared_states[0].note_refusal("", proven=True)
    assert assess(lives) == HealthReport(able=1)
    shared_states[0].note_refusal("no files", proven=False)
    assert die(lives, clock, code=WORN) == 1


def test_a_worker_is_unable_when_each_process_is(
    lives: WorkerHealth, shared_states: list[SharedState], clock: Clock
) -> None:
    shared_states[0].note_refusal("wrong key", proven=False)
    assert not assess(lives).unable
    for _ in range(3):
        die(lives, clock, index=1)
    assert assess(lives).unable


def test_texts_in_the_shared_state_are_cut_and_have_one_line(
    shared_states: list[SharedState],
) -> None:
    shared = shared_states[0]
    shared.note_fault("é" * 1000 + "\udcff")
    shared.note_refusal("a\tb\n\x00c " * 300, proven=True)
    assert 200 < len(shared.fault) < 512
    assert "\n" not in shared.refusal + shared.fault
    shared.begin(0, "job-1", 1.0)
    assert [each.job_id for each in shared.running()] == ["job-1"]
    assert shared.proven
    shared.clear()
    assert (shared.fault, shared.refusal, shared.proven, shared.claims) == ("", "", False, False)
