"""One attempt without a worker around it: nothing that an application does may end the process."""

from __future__ import annotations

import logging
import sys
import threading
from contextvars import ContextVar
from typing import Any

import pytest

from asok_core import hooks
from asok_core.backends.redis.consuming.outcomes import Claim, Outcome, is_settled
from asok_core.backends.redis.flags import OutcomeFlag
from asok_core.execution import context
from asok_core.jobs.envelope import peek, seal, unseal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from asok_core.settings.settings import Settings
from asok_core.worker.log import TextFormatter
from asok_core.worker.running.attempts import AttemptRunner
from asok_core.worker.running.claimed_job import ClaimedJob

KEYRING = Keyring(b"not to be shown")
HERE = __name__
seen: ContextVar[str] = ContextVar("seen", default="nothing")


def mark() -> str:
    before = seen.get()
    seen.set("what the job before has left")
    return before


def dig(depth: int) -> None:
    raise ValueError(f"{depth} is deep enough")


def __getattr__(name: str) -> Any:
    if name == "lazy":
        raise ImportError("an extra is not installed")
    raise AttributeError(name)


def run(function: str, *args: Any, **fields: Any) -> Outcome:
    job = Job(id="job-1", module=HERE, function=function, args=args, **fields)
    runner = AttemptRunner(Settings(), KEYRING)
    claimed = ClaimedJob(Claim("default", seal(job, KEYRING)))
    assert runner.open(claimed) is None
    outcomes: list[Outcome] = []
    runner.run(claimed, lambda _claimed, outcome: outcomes.append(outcome))
    (outcome,) = outcomes
    return outcome


@pytest.mark.usefixtures("request_hooks")
def test_a_load_hook_that_fails_fails_the_job() -> None:
    @context.load
    def load(values: Any) -> Any:
        raise KeyError(values["tenant"])

    outcome = run("mark", request={"tenant": "t-17"})
    assert outcome.verb == "fail"
    assert "KeyError: 't-17'" in (peek(outcome.moved).error or "")


@pytest.mark.usefixtures("request_hooks")
def test_a_load_hook_that_fails_is_tried_again_where_the_job_may_be() -> None:
    @context.load
    def load(values: Any) -> Any:
        raise KeyError(values["tenant"])

    outcome = run("mark", request={"tenant": "t-17"}, retries=1)
    assert outcome.verb == "retry"
    assert unseal(outcome.moved, KEYRING).request == {"tenant": "t-17"}


def test_a_module_that_fails_to_give_its_function_is_tried_again_at_no_charge() -> None:
    outcome = run("lazy")
    assert (outcome.verb, outcome.retry_count, outcome.delay) == ("postpone", 0, 1.0)
    assert outcome.error.endswith("ImportError: an extra is not installed\n")
    again = unseal(outcome.moved, KEYRING)
    assert (again.retry_count, again.postponements) == (0, 1)


def test_what_a_job_sets_in_its_context_is_gone_for_the_next() -> None:
    assert [run("mark").result for _ in range(2)] == ['"nothing"', '"nothing"']


def test_the_traceback_begins_in_the_task() -> None:
    outcome = run("dig", 3)
    trace = peek(outcome.moved).traceback or ""
    lines = trace.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert f'File "{__file__}"' in lines[1]
    assert "in dig" in lines[1]
    assert "asok_core" not in trace


def test_no_key_is_in_what_an_object_says_of_itself() -> None:
    shown = repr(AttemptRunner(Settings(secret_key="not to be shown"), KEYRING))
    assert "not to be shown" not in shown + repr(Keyring(b"a", (b"not to be shown",)))


def test_a_log_line_stays_one_line_without_control_characters() -> None:
    record = logging.LogRecord(
        "asok.worker", logging.INFO, __file__, 1, "Job %s\x1b[2J\nfake", ("\u202eid\r",), None
    )
    record.queue = "high\x1b]0;title\x07"
    line = TextFormatter().format(record)
    assert line.isprintable()
    assert "fake" in line


def test_a_traceback_in_the_log_keeps_its_lines() -> None:
    try:
        dig(1)
    except ValueError:
        record = logging.LogRecord("x", logging.INFO, __file__, 1, "m", (), sys.exc_info())
    assert TextFormatter().format(record).endswith("\n  ValueError: 1 is deep enough")


@pytest.mark.parametrize(
    ("function", "dubious", "expected"),
    [
        ("dig", False, ["submitted", "settled", "hook"]),
        ("mark", True, ["submitted", "settled", "hook"]),
        # One that completes has no reason to wait a round trip to Redis.
        ("mark", False, ["submitted", "hook"]),
    ],
)
def test_hooks_that_may_end_the_process_are_called_once_the_outcome_is_settled(
    function: str, dubious: bool, expected: list[str]
) -> None:
    story: list[str] = []

    def settle(claimed: ClaimedJob) -> None:
        story.append("settled")
        assert claimed.settled is not None
        claimed.settled.set()

    def submit(claimed: ClaimedJob, _outcome: Outcome) -> None:
        story.append("submitted")
        if claimed.settled is not None:
            threading.Thread(target=settle, args=(claimed,)).start()

    def hook(*_: object) -> None:
        story.append("hook")

    args = (1,) if function == "dig" else ()
    job = Job(id="job-1", module=HERE, function=function, args=args)
    claimed = ClaimedJob(Claim("default", seal(job, KEYRING)), dubious=dubious)
    runner = AttemptRunner(Settings(), KEYRING)
    assert runner.open(claimed) is None
    hooks.failure(hook)
    hooks.after(hook)
    try:
        runner.run(claimed, submit)
    finally:
        hooks.remove(hook)
    assert story == expected


@pytest.mark.parametrize(
    ("function", "fields", "event"),
    [("lazy", {}, "Attempt postponed"), ("dig", {"args": (1,), "retries": 1}, "Attempt failed")],
)
@pytest.mark.parametrize("cancelled", [False, True])
def test_the_log_states_of_an_attempt_what_holds_also_where_its_job_is_cancelled(
    caplog: pytest.LogCaptureFixture,
    function: str,
    fields: dict[str, Any],
    event: str,
    cancelled: bool,
) -> None:
    job = Job(id="job-1", module=HERE, function=function, **fields)
    claimed = ClaimedJob(Claim("default", seal(job, KEYRING)))
    runner = AttemptRunner(Settings(), KEYRING)
    assert runner.open(claimed) is None

    def submit(_claimed: ClaimedJob, outcome: Outcome) -> None:
        if cancelled:
            # Another thread may settle it at once.
            assert is_settled(outcome, OutcomeFlag.CANCELLED)

    runner.run(claimed, submit)
    assert [each.getMessage() for each in caplog.records] == ([] if cancelled else [event])


def test_a_cancelled_job_with_another_keys_signature_is_not_logged_as_rejected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    envelope = seal(Job(id="job-1", module=HERE, function="mark"), KEYRING)
    claimed = ClaimedJob(Claim("default", envelope))
    runner = AttemptRunner(Settings(), Keyring(b"another key, of thirty-two bytes"))
    outcome = runner.open(claimed)
    assert outcome is not None
    runner.log_rejected(claimed, outcome)
    assert is_settled(outcome, OutcomeFlag.CANCELLED)
    runner.log_rejected(claimed, outcome)
    assert [each.getMessage() for each in caplog.records] == ["Attempt postponed"]
