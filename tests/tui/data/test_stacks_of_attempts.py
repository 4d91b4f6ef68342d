"""The stack of a job that is explained is that of its attempt, however late its worker answers."""

from __future__ import annotations

import threading
from typing import cast

from asok_console.tui.data.stacks import PolledStacks
from asok_core.backends.roles import Operator
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.states import Location, Status
from tests.fixtures.bench import Bench
from tests.programs import wait_until

NOW = 1_700_000_000.0
SNAPSHOT = Snapshot(NOW, ServerInfo("redis://x"))


def attempt(started_at: float) -> JobDetail:
    record = JobRecord("j", Status.RUNNING, started_at=started_at, worker="w1.1")
    payload = Payload(b"", Job("j", "shop", "mail"), Trust.SIGNED)
    return JobDetail("j", record, Location.ACTIVE, payload, worker="w1", process="w1.1")


def asking() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if "_ask" in each.name]


def test_an_answer_that_comes_after_another_attempt_has_begun_is_not_shown(bench: Bench) -> None:
    stacks, first, second = PolledStacks(), attempt(NOW - 60), attempt(NOW - 30)
    assert stacks.now(bench.operator, first, SNAPSHOT) == ()
    assert stacks.now(bench.operator, second, SNAPSHOT) == ()
    (thread,) = asking()
    wait_until(lambda: not thread.is_alive(), "the answer about the first attempt")
    assert stacks.now(bench.operator, second, SNAPSHOT) == ()
    wait_until(lambda: not asking(), "the answer about the second attempt")
    (answer,) = stacks.now(bench.operator, second, SNAPSHOT)
    assert "no answer from worker w1" in answer.problem
    assert stacks.now(bench.operator, None, SNAPSHOT) == ()


def test_a_failure_that_nothing_expects_is_shown_as_the_reason() -> None:
    stacks, detail = PolledStacks(), attempt(NOW - 60)
    broken = cast(Operator, object())
    stacks.now(broken, detail, SNAPSHOT)
    wait_until(lambda: not asking(), "the end of the thread")
    (answer,) = stacks.now(broken, detail, SNAPSHOT)
    assert "AttributeError" in answer.problem
