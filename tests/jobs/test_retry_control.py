"""``Retry``, ``Fail`` and the rules of a task, as values: what they accept, refuse and decide."""

from __future__ import annotations

import copy
import json
import math
import pickle
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest

from asok_core import Fail, JobTimeout, Retry, Settings, task
from asok_core.execution.retries import Decision, RetryDecisions, raised_text
from asok_core.jobs.calls import Call, Options
from asok_core.jobs.job import POSTPONED_SINCE, RETRY, Job
from asok_core.jobs.job_text import from_text, to_text
from asok_core.jobs.retry_rules import NO_RULES, RetryRules

NOW = 1_000_000.0
DECISIONS = RetryDecisions.of(Settings(max_uncounted_retries=3, max_uncounted_age=60.0))
DAY = 86_400


class NoZone(tzinfo):
    """A zone that has no offset."""

    def utcoffset(self, _: datetime | None) -> None:
        return None

    def dst(self, _: datetime | None) -> None:
        return None

    def tzname(self, _: datetime | None) -> None:
        return None


def job(**fields: Any) -> Job:
    fields = {"retries": 3, "backoff": 2} | fields
    return Job("job-1", "shop", "charge", **fields)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"after": math.nan}, ValueError, "after is nan, not a finite number"),
        ({"after": math.inf}, ValueError, "after is inf, not a finite number"),
        ({"after": 10**400}, ValueError, "after is too large for a number of seconds"),
        (
            {"after": -1},
            ValueError,
            "after is -1 s; it must be from 0 s to 31536000 s (365 days)",
        ),
        (
            {"after": timedelta(days=366)},
            ValueError,
            "after is 3.16224e+07 s; it must be from 0 s to 31536000 s (365 days)",
        ),
        (
            {"after": "30"},
            TypeError,
            "after is a str, not a number of seconds or a timedelta",
        ),
        ({"after": True}, TypeError, "after is a bool, not a number of seconds or a timedelta"),
        (
            {"at": datetime(2026, 1, 1)},  # noqa: DTZ001 - it is refused
            ValueError,
            "at has no time zone; add one, as in datetime.now(UTC)",
        ),
        (
            {"at": datetime(2026, 1, 1, tzinfo=NoZone())},
            ValueError,
            "at has no time zone; add one, as in datetime.now(UTC)",
        ),
        ({"at": math.nan}, ValueError, "at is nan, not a finite number"),
        ({"at": 1e300}, ValueError, "at is more than 365 days away"),
        ({"at": datetime.max.replace(tzinfo=UTC)}, ValueError, "at is more than 365 days away"),
        ({"after": 1, "at": 1}, ValueError, "after and at are both given; specify only one"),
        ({"reason": 429}, TypeError, "reason is an int, not a string"),
        ({"counted": 1}, TypeError, "counted is 1, not True or False"),
    ],
)
def test_a_request_that_cannot_be_kept_is_refused(
    options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        Retry(**options)
    assert str(caught.value) == message


def test_the_text_says_what_is_asked_for() -> None:
    assert str(Retry(after=30)) == "in 30 s"
    assert str(Retry(after=timedelta(milliseconds=250))) == "in 0.25 s"
    assert str(Retry(at=0)) == "at 1970-01-01T00:00:00.000Z"
    assert str(Retry()) == "after its backoff"
    assert str(Retry("HTTP 429", after=30)) == "HTTP 429"
    assert (str(Fail("card expired")), str(Fail())) == ("card expired", "")


@pytest.mark.parametrize(
    "error",
    [Retry("HTTP 429", after=30, counted=False), Retry(at=7.5), Retry(), Fail("no"), Fail()],
)
def test_an_exception_survives_pickle_and_copy(error: Exception) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert (str(again), vars(again)) == (str(error), vars(error))


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (
            {"no_retry": ValueError},
            TypeError,
            "no_retry is a type, not a tuple of exception classes",
        ),
        (
            {"no_retry": "ValueError"},
            TypeError,
            "no_retry is a str, not a tuple of exception classes",
        ),
        ({"no_retry": ("ValueError",)}, TypeError, "no_retry has a str, which is not an exception"),
        ({"retry_on": (int,)}, TypeError, "retry_on has a type, which is not an exception class"),
        (
            {"retry_on": ()},
            ValueError,
            "retry_on is empty: nothing would be retried; use retries=0",
        ),
        (
            {"retry_on": (ConnectionError,), "no_retry": (OSError,)},
            ValueError,
            "retry_on has ConnectionError, which no_retry excludes as a subclass of OSError; remove",
        ),
        (
            {"retry_on": (OSError,), "no_retry": (OSError,)},
            ValueError,
            "retry_on has OSError, which no_retry excludes; remove it from one of them",
        ),
        ({"no_retry": (Retry,)}, ValueError, "no_retry has Retry, which a task raises to decide"),
        ({"retry_on": (Fail,)}, ValueError, "retry_on has Fail, which a task raises to decide"),
        (
            {"no_retry": (ExceptionGroup,)},
            ValueError,
            "no_retry has ExceptionGroup, but each exception in a group is judged; name their classes",
        ),
        ({"jitter": 1.5}, ValueError, "jitter is 1.5; it must be a fraction from 0 to 1"),
        ({"jitter": math.nan}, ValueError, "jitter is nan, not a finite number"),
        ({"jitter": "1"}, TypeError, "jitter is a str, not a number"),
        ({"max_delay": -1}, ValueError, "max_delay is -1 s; it must be from 0 s to 31536000 s"),
        ({"max_delay": math.inf}, ValueError, "max_delay is inf, not a finite number"),
        ({"max_delay": 400 * DAY}, ValueError, "max_delay is 3.456e+07 s; it must be from 0 s"),
        ({"max_delay": True}, TypeError, "max_delay is a bool, not a number of seconds"),
    ],
)
def test_a_bad_rule_is_refused_when_the_task_is_declared(
    options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        task(retries=3, **options)
    text = str(caught.value)
    assert text.startswith(message), text
    assert "\n" not in text


def test_rules_may_be_lists_and_are_kept_by_the_options_of_a_call() -> None:
    @task(no_retry=[ValueError], retry_on=[ConnectionError], max_delay=timedelta(minutes=1))
    def charge() -> None:
        """A task."""

    options: Options = charge.options(queue="low").__asok_options__
    assert options.rules.no_retry == (ValueError,)
    assert options.rules.delays_and_timeouts == {"max_delay": 60.0, "timeouts": False}


def test_what_a_job_carries_is_what_its_supervisor_needs() -> None:
    assert NO_RULES.delays_and_timeouts == {}
    assert RetryRules(no_retry=(ValueError,)).delays_and_timeouts == {}
    assert RetryRules(no_retry=(JobTimeout,)).delays_and_timeouts == {"timeouts": False}
    assert RetryRules(retry_on=(ValueError,)).delays_and_timeouts == {"timeouts": False}
    assert RetryRules(retry_on=(Exception,), jitter=0).delays_and_timeouts == {"jitter": 0}
    again = from_text(to_text(job(extra={RETRY: {"timeouts": False, "max_delay": 1.5}})))
    excluded = Decision("fail", note="not retried: the task excludes JobTimeout")
    for advanced in (False, True):
        assert DECISIONS.timed_out(again, NOW, advanced=advanced) == excluded
    assert DECISIONS.counted(again).delay == 1.5
    assert DECISIONS.timed_out(job(), NOW, advanced=False).verb == "retry"


def test_a_time_limit_after_a_new_checkpoint_spends_no_retry_within_the_bounds() -> None:
    resumed = Decision(
        "postpone", note="its time limit was reached; it resumes from its checkpoint", resumes=True
    )
    spent = job(retry_count=3)

    def raised(error: BaseException, job: Job, rules: RetryRules = NO_RULES) -> Decision:
        return DECISIONS.raised(error, job, rules, NOW, advanced=True)

    for each in (JobTimeout(), ExceptionGroup("", [JobTimeout(), JobTimeout()])):
        assert raised(each, spent) == resumed
    assert DECISIONS.timed_out(spent, NOW, advanced=True) == resumed
    assert raised(JobTimeout(), spent, RetryRules(no_retry=(JobTimeout,))).verb == "fail"
    assert raised(ExceptionGroup("", [JobTimeout(), OSError()]), job()).verb == "retry"
    assert raised(TimeoutError(), job()).verb == "retry"
    assert raised(Retry(after=5), job()).delay == 5
    often = job(postponements=DECISIONS.limits.times)
    for decided in (
        raised(JobTimeout(), often),
        DECISIONS.timed_out(often, NOW, advanced=True),
    ):
        assert decided.verb == "retry"
        assert "not resumed uncounted, after" in decided.note


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"retry_on": (ConnectionError,)}, None),
        ({"retry_on": (ConnectionError,), "retries": 3}, None),
        ({"retry_on": (ConnectionError,), "timeout": 5}, {"timeouts": False}),
        ({"retry_on": (ConnectionError,), "retries": 3, "timeout": 5}, {"timeouts": False}),
        ({"no_retry": (ValueError,), "retries": 3, "timeout": 5}, None),
        ({"no_retry": (JobTimeout,), "jitter": 0.5}, {"jitter": 0.5}),
    ],
)
def test_a_job_carries_rules_only_where_they_may_make_a_difference(
    options: dict[str, Any], sent: object
) -> None:
    @task(**options)
    def charge() -> None:
        """A task."""

    call = Call(charge, (), {}, charge.__asok_options__)
    made = call.job("job-1", ("shop", "charge"), NOW)
    assert made.extra == ({} if sent is None else {RETRY: sent})


@pytest.mark.parametrize(
    "sent",
    [None, 3, "x", [], {"jitter": "much"}, {"max_delay": -5}, {"timeouts": 0}, {"jitter": 1e300}],
)
def test_what_others_wrote_into_a_job_decides_nothing_odd(sent: Any) -> None:
    text = json.dumps(json.loads(to_text(job())) | {RETRY: sent})
    decided = DECISIONS.timed_out(from_text(text), NOW, advanced=False)
    assert decided.verb == "retry"
    assert 0 <= decided.delay <= 4


@pytest.mark.parametrize(
    ("rules", "error", "note"),
    [
        ({"no_retry": (ValueError,)}, ValueError(), "not retried: ValueError is in no_retry"),
        (
            {"no_retry": (ValueError,)},
            UnicodeError(),
            "not retried: UnicodeError is in no_retry (as ValueError)",
        ),
        ({"retry_on": (OSError,)}, KeyError(), "not retried: KeyError is not in retry_on"),
        ({}, Fail("no"), "failed by the task"),
        ({"retry_on": (OSError,)}, Fail("no"), "failed by the task"),
    ],
)
def test_the_note_says_why_a_job_is_not_retried(
    rules: dict[str, Any], error: Exception, note: str
) -> None:
    decided = DECISIONS.raised(error, job(), RetryRules(**rules), NOW)
    assert (decided.verb, decided.note) == ("fail", note)


def test_without_a_retry_left_no_rule_is_the_reason() -> None:
    spent = job(retry_count=3)
    decided = DECISIONS.raised(ValueError(), spent, RetryRules((ValueError,)), NOW)
    assert decided == Decision("fail")
    assert DECISIONS.raised(Retry(after=5), spent, NO_RULES, NOW).note == (
        "the task requested a retry; no retries are left"
    )
    assert DECISIONS.raised(Retry(after=5), job(retries=0), NO_RULES, NOW).note == (
        "the task requested a retry; the job has no retries"
    )


def test_the_delay_is_what_the_task_asks_for() -> None:
    def delay(error: BaseException, **fields: Any) -> float:
        decided = DECISIONS.raised(error, job(**fields), NO_RULES, NOW)
        assert decided.verb == "retry"
        assert decided.asked
        return decided.delay

    assert delay(Retry(after=30)) == 30.0
    assert delay(Retry(at=NOW + 45)) == 45.0
    assert delay(Retry(at=NOW - 45)) == 0.0
    assert delay(Retry(), retry_count=2) == 8.0
    group = ExceptionGroup("several", [Retry(after=3), ExceptionGroup("x", [Retry(at=NOW + 9)])])
    assert delay(group) == 9.0
    mixed = DECISIONS.raised(
        ExceptionGroup("x", [ValueError(), Retry(after=7)]), job(), NO_RULES, NOW
    )
    assert (mixed.verb, mixed.delay, mixed.asked) == ("retry", 7.0, False)
    # The longest delay of a task bounds its backoff, not what it asks for.
    assert delay(Retry(after=30), extra={RETRY: {"max_delay": 1, "jitter": 1}}) == 30.0
    changed = Retry(after=30)
    changed.after = math.nan
    assert delay(changed) == 2.0


def test_a_group_is_counted_unless_no_request_in_it_is() -> None:
    def verb(*errors: Exception) -> str:
        return DECISIONS.raised(ExceptionGroup("several", errors), job(), NO_RULES, NOW).verb

    free, counted = Retry(counted=False), Retry()
    assert [verb(free), verb(free, counted), verb(free, free)] == ["postpone", "retry", "postpone"]
    assert verb(free, ValueError()) == "retry"


def test_uncounted_retries_end_by_number_and_by_age() -> None:
    each, moments = job(retries=0), iter(range(1000))
    for _ in range(3):
        decided = DECISIONS.raised(Retry(counted=False, after=1), each, NO_RULES, NOW)
        assert (decided.verb, decided.note) == (
            "postpone", "the task requested a retry in 1 s, uncounted",
        )  # fmt: skip
        each = from_text(to_text(each.postponed(NOW + next(moments))))
    assert (each.postponements, each.postponed_since) == (3, NOW)
    over = DECISIONS.raised(Retry(counted=False), each, NO_RULES, NOW)
    assert over.note == (
        "the task requested a retry, refused after 3 uncounted retries (ASOK_MAX_UNCOUNTED_RETRIES)"
    )


def test_the_age_of_uncounted_retries_ends_a_job_only_after_ten_of_them() -> None:
    by_age = RetryDecisions.of(Settings(max_uncounted_age=60.0))

    def problem(times: int, since: object, now: float = NOW) -> str:
        each = job(postponements=times, extra={POSTPONED_SINCE: since})
        return by_age.limit_problem(each, now)

    # One fault of a worker, then a queue that was paused for a week: the next one is no reason either.
    assert [problem(times, NOW - 60) for times in (1, 2, 9)] == ["", "", ""]
    assert problem(10, NOW - 60) == "10 uncounted retries in 60 s (ASOK_MAX_UNCOUNTED_AGE)"
    assert problem(10, NOW - 60, NOW - 1) == ""
    # A clock that was set back, and what another program wrote, end no job.
    assert problem(10, "soon") == ""
    assert problem(10, NOW + 1e9) == ""


@pytest.mark.parametrize("count", [None, 0])
def test_when_the_first_of_no_uncounted_retries_was_is_of_an_earlier_attempt(
    count: int | None,
) -> None:
    # Earlier releases and the framework reset the count of a retried job, and keep what they do not know.
    left = job(postponements=count, extra={POSTPONED_SINCE: NOW - 9 * DAY, "mine": 1})
    assert left.postponed_since is None
    again = left.postponed(NOW)
    assert (again.postponements, again.postponed_since) == (1, NOW)
    assert left.retried().extra == {"mine": 1}


def test_a_counted_retry_ends_a_row_of_uncounted_ones() -> None:
    postponed = job(extra={"mine": 1}).postponed(NOW)
    again = postponed.retried()
    assert (again.postponements, again.postponed_since, again.extra) == (None, None, {"mine": 1})
    assert postponed.postponed(NOW + 9).postponed_since == NOW


def test_the_text_of_a_request_is_its_cause_unless_it_has_a_reason() -> None:
    def line(error: Exception, cause: BaseException | None) -> str:
        error.__cause__ = cause
        return raised_text(error, 1000, DECISIONS.raised(error, job(), NO_RULES, NOW)).line

    assert line(Retry(after=1), KeyError("a")) == "KeyError: 'a'"
    assert line(Retry("slow", after=1), KeyError("a")) == "Retry: slow"
    assert line(Fail(), ValueError("b")) == "ValueError: b"
    assert line(Fail(), None) == "Fail"
    assert line(ValueError("c"), KeyError("a")) == "ValueError: c"


class OddRetry(Retry):
    """One that does not call the constructor of its base."""

    def __init__(self) -> None:
        pass


def test_a_request_without_its_attributes_is_retried_after_its_backoff() -> None:
    decided = DECISIONS.raised(OddRetry(), job(), NO_RULES, NOW)
    assert (decided.verb, decided.delay) == ("retry", 2.0)
