"""When each duty of a supervisor is due, and what its errors mean for it and for the others."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

import pytest

from asok_core.errors import Refused, Unreachable
from asok_core.worker.outage import Outage
from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.duty_schedule import DutySchedule

AWAY = Unreachable("Redis is away")
Run = Callable[[], float | None]


class Counted(Duty):
    """Counts its runs and does what it is given for each; afterwards it succeeds."""

    name = "counting"

    def __init__(self, *steps: Exception | Run, interval: float = 60.0, backoff: float = 30.0):
        super().__init__(interval, backoff)
        self.runs = 0
        self.steps = list(steps)

    def run(self) -> float | None:
        self.runs += 1
        step = self.steps.pop(0) if self.steps else None
        if isinstance(step, Exception):
            raise step
        return step() if step is not None else None

    @property
    def due_in(self) -> float:
        return self.next_due - time.monotonic()


class Apart(Counted):
    has_own_connection = True


class DutyPlan:
    """A schedule of a heartbeat and some other duties."""

    def __init__(self, *others: Duty, heartbeat: Duty | None = None) -> None:
        self.heartbeat = heartbeat or Counted(interval=5.0, backoff=1.0)
        self.outage = Outage()
        self.resets = self.recoveries = 0
        self.schedule = DutySchedule(
            [self.heartbeat, *others],
            heartbeat=self.heartbeat,
            outage=self.outage,
            reset=self._reset,
            on_recovery=self._recover,
        )

    def _reset(self) -> None:
        self.resets += 1

    def _recover(self) -> None:
        self.recoveries += 1


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="asok.worker")
    return caplog


def test_each_is_done_at_once_and_then_once_in_its_interval() -> None:
    duty = Counted(interval=60.0)
    plan = DutyPlan(duty)
    for _ in range(3):
        plan.schedule.run_due()
    assert duty.runs == 1
    assert 50 < duty.due_in <= 60
    assert plan.schedule.next_due == plan.heartbeat.next_due


def test_one_that_is_hastened_is_done_sooner_and_never_later() -> None:
    duty = Counted(interval=60.0)
    plan = DutyPlan(duty)
    plan.schedule.run_due()
    duty.hasten(3600)
    assert duty.due_in <= 60
    duty.hasten()
    plan.schedule.run_due()
    assert duty.runs == 2


def test_one_may_say_when_it_is_due_again() -> None:
    duty = Counted(lambda: 20.0, lambda: 0.0)
    plan = DutyPlan(duty)
    plan.schedule.run(duty)
    assert 10 < duty.due_in <= 20
    plan.schedule.run(duty)
    assert duty.due_in <= 0


def test_what_hastens_a_duty_while_it_runs_is_not_lost() -> None:
    duty = Counted()
    duty.steps = [duty.hasten]
    DutyPlan(duty).schedule.run(duty)
    assert duty.due_in <= 0


@pytest.mark.parametrize("error", [AWAY, Refused("not allowed"), ValueError("a fault of ours")])
def test_after_an_error_it_is_due_after_its_backoff(error: Exception) -> None:
    duty = Counted(error, interval=60.0, backoff=30.0)
    assert not DutyPlan(duty).schedule.run(duty)
    assert 20 < duty.due_in <= 30
    assert duty.last_error is error


def test_one_without_an_interval_waits_until_it_is_hastened() -> None:
    duty = Counted(AWAY, interval=math.inf, backoff=30.0)
    plan = DutyPlan(duty)
    plan.schedule.run(duty)
    assert 20 < duty.due_in <= 30, "it is tried again after an error"
    plan.schedule.run(duty)
    assert duty.next_due == math.inf


@pytest.mark.parametrize("error", [AWAY, Refused("not allowed"), ValueError("a fault of ours")])
def test_an_error_costs_no_other_duty_its_turn(error: Exception) -> None:
    first, second = Counted(error), Counted()
    DutyPlan(first, second).schedule.run_due()
    assert (first.runs, second.runs) == (1, 1)


def test_what_an_outage_kept_from_being_done_is_due_when_it_is_over() -> None:
    missed, done = Counted(AWAY, interval=600.0, backoff=600.0), Counted()
    plan = DutyPlan(missed, done)
    plan.schedule.run_due()
    away = [plan.outage.active]
    plan.schedule.run(plan.heartbeat)
    assert [*away, plan.outage.active] == [True, False]
    assert plan.recoveries == 1
    assert missed.due_in <= 0 < done.due_in
    plan.schedule.run_due()
    assert (missed.runs, done.runs) == (2, 1)


def test_in_an_outage_the_heartbeat_is_sent_again_soon() -> None:
    duty = Counted()
    plan = DutyPlan(duty)
    plan.schedule.run_due()
    duty.steps = [AWAY]
    plan.schedule.run(duty)
    assert plan.heartbeat.next_due - time.monotonic() <= plan.heartbeat.backoff


def test_an_outage_is_logged_once_with_its_end(log: pytest.LogCaptureFixture) -> None:
    duty = Counted(*[AWAY] * 3)
    plan = DutyPlan(duty)
    for _ in range(3):
        plan.schedule.run(duty)
    plan.schedule.run(plan.heartbeat)
    first, last = lines(log)
    assert first == "Redis is away; waiting for it"
    assert last.startswith("Redis is back after ")


def test_only_the_heartbeat_ends_an_outage() -> None:
    duty = Counted(AWAY)
    plan = DutyPlan(duty)
    plan.schedule.run(duty)
    plan.schedule.run(duty)
    assert plan.outage.active


def test_one_with_a_connection_of_its_own_causes_no_outage(log: pytest.LogCaptureFixture) -> None:
    duty = Apart(AWAY, AWAY)
    plan = DutyPlan(duty)
    plan.schedule.run(duty)
    plan.schedule.run(duty)
    assert not plan.outage.active
    assert lines(log) == ["Redis is away; trying again until it is allowed"]


def test_a_refusal_is_logged_once_until_none_is_left(log: pytest.LogCaptureFixture) -> None:
    first, second = Counted(*[Refused("no")] * 2), Counted(*[Refused("nor that")] * 2)
    plan = DutyPlan(first, second)
    for _ in range(2):
        plan.schedule.run(first)
        plan.schedule.run(second)
    plan.schedule.run(first)
    assert lines(log) == [
        "no; trying again until it is allowed",
        "nor that; trying again until it is allowed",
    ]
    plan.schedule.run(second)
    assert lines(log)[2:] == ["Redis no longer refuses what this worker needs"]


def test_in_an_outage_a_refusal_counts_only_of_the_heartbeat(
    log: pytest.LogCaptureFixture,
) -> None:
    heartbeat = Counted(AWAY, Refused("no"), interval=5.0, backoff=1.0)
    duty = Counted(Refused("no"))
    plan = DutyPlan(duty, heartbeat=heartbeat)
    plan.schedule.run(heartbeat)
    plan.schedule.run(duty)
    away = [plan.outage.active]
    plan.schedule.run(heartbeat)
    assert [*away, plan.outage.active] == [True, False]
    assert lines(log)[1:] == ["no; trying again until it is allowed"]


def test_a_fault_of_ours_is_logged_once_and_its_connection_closed(
    log: pytest.LogCaptureFixture,
) -> None:
    duty = Counted(*[ValueError("this was not foreseen")] * 2)
    plan = DutyPlan(duty)
    plan.schedule.run(duty)
    plan.schedule.run(duty)
    plan.schedule.run(duty)
    assert plan.resets == 2
    assert lines(log) == [
        "Duty failed: counting; trying again",
        "Duty no longer fails: counting",
    ]


def test_a_heartbeat_is_sent_in_the_middle_of_a_long_duty() -> None:
    plan = DutyPlan()
    plan.heartbeat.next_due = math.inf
    duty = Counted()

    def long_duty() -> None:
        plan.heartbeat.hasten()
        plan.schedule.run_if_due(plan.heartbeat)
        plan.schedule.run_if_due(plan.heartbeat)

    duty.steps = [long_duty]
    plan.schedule.run(duty)
    assert isinstance(plan.heartbeat, Counted)
    assert plan.heartbeat.runs == 1
