"""Whether an attempt that raised is retried: the one rule of all backends.

The order is: ``Fail`` and ``Retry`` that the task raised, then the rules that it declares by class,
then the number of its retries. Each exception of a group is judged, and each can exclude a retry.
No code of the application runs here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from asok_core.errors import JobCancelled, JobInterrupted, JobTimeout
from asok_core.jobs.job import RETRY, Job
from asok_core.jobs.numbers import number
from asok_core.jobs.retry import LONGEST_DELAY, RetryPolicy, UncountedLimits, plain_duration
from asok_core.jobs.retry_requests import Fail, Retry
from asok_core.jobs.retry_rules import RetryRules
from asok_core.runtime.failures import Failure, failure_of
from asok_core.settings.settings import Settings

_EXCLUDED = "not retried: the task excludes JobTimeout"
MOST_LEAVES = 10_000
"""Exceptions of a group that are looked at."""
_STOPPED_BY = (JobCancelled, JobInterrupted, Retry)
_RESUMES = "its time limit was reached; it resumes from its checkpoint"


class Decision(NamedTuple):
    """What follows an attempt that raised.

    ``retry`` spends a retry, ``postpone`` spends none, ``fail`` makes a dead job. ``delay`` is in
    seconds. ``note`` says why, '' for the number of retries alone. ``asked``: by ``Retry`` or ``Fail``.
    ``resumes``: it was no failure, as the job resumes from a checkpoint of that attempt.
    """

    verb: Literal["retry", "postpone", "fail"]
    delay: float = 0.0
    note: str = ""
    asked: bool = False
    resumes: bool = False


@dataclass(frozen=True, slots=True)
class RetryDecisions:
    """Decides, by the settings of this process. Shared by all its threads."""

    policy: RetryPolicy
    limits: UncountedLimits

    @classmethod
    def of(cls, settings: Settings) -> RetryDecisions:
        """Decide by these settings."""
        policy = RetryPolicy(settings.retry_jitter, settings.retry_max_delay)
        limits = UncountedLimits(settings.max_uncounted_retries, settings.max_uncounted_age)
        return cls(policy, limits)

    def raised(
        self,
        error: BaseException,
        job: Job,
        rules: RetryRules,
        now: float,
        *,
        advanced: bool = False,
    ) -> Decision:
        """What follows an attempt of a job that raised ``error``. ``now``: epoch seconds.

        ``advanced``: it has made a checkpoint beyond that from which it resumed.
        """
        kinds: list[type[BaseException]] = []
        requests: list[Retry] = []
        for leaf in _leaves(error):
            kind = type(leaf)
            if issubclass(kind, Fail):
                return Decision("fail", note="failed by the task", asked=True)
            if issubclass(kind, Retry):
                requests.append(cast("Retry", leaf))
            else:
                kinds.append(kind)
        if requests and not kinds:
            counted = not all(_fields(each).get("counted") is False for each in requests)
            return self._asked(requests, job, now, counted=counted)
        excluded = next(filter(None, map(rules.exclusion, kinds)), "")
        if excluded:
            # Without a retry left, that is why it is not retried.
            spent = job.retry_count >= job.retries
            return Decision("fail", note="" if spent else f"not retried: {excluded}")
        if not requests and advanced and all(issubclass(each, JobTimeout) for each in kinds):
            return self._resumed(job, now)
        if not requests:
            return self.counted(job)
        # An exception beside the request is a failure: it is counted, and logged as one.
        return self._asked(requests, job, now, counted=True)._replace(asked=False)

    def counted(self, job: Job) -> Decision:
        """What follows a failure, by the number of retries alone."""
        if job.retry_count >= job.retries:
            return Decision("fail")
        return Decision("retry", self._policy_of(job).delay(job.backoff, job.retry_count + 1))

    def timed_out(self, job: Job, now: float, *, advanced: bool) -> Decision:
        """What follows an attempt whose process had to be ended at its hard limit; see ``raised``."""
        if _sent(job).get("timeouts") is False:
            # Without a retry left, that is why it is not retried.
            spent = job.retry_count >= job.retries
            return Decision("fail", note="" if spent else _EXCLUDED)
        return self._resumed(job, now) if advanced else self.counted(job)

    def _resumed(self, job: Job, now: float) -> Decision:
        over = self.limit_problem(job, now)
        if over:
            return self.counted(job)._replace(note=f"not resumed uncounted, after {over}")
        return Decision("postpone", 0.0, _RESUMES, resumes=True)

    def limit_problem(self, job: Job, now: float) -> str:
        """Why a job is not run again without spending a retry; '' if it is."""
        return self.limits.problem(job.postponements or 0, job.postponed_since, now)

    def _asked(self, requests: list[Retry], job: Job, now: float, *, counted: bool) -> Decision:
        delays = [self._delay_of(each, job, now) for each in requests]
        delay = max(delays)
        note = f"the task requested a retry in {plain_duration(delay)}"
        if not counted:
            over = self.limit_problem(job, now)
            if over:
                return Decision(
                    "fail", note=f"the task requested a retry, refused after {over}", asked=True
                )
            return Decision("postpone", delay, f"{note}, uncounted", asked=True)
        if job.retry_count >= job.retries:
            left = "no retries are left" if job.retries else "the job has no retries"
            return Decision("fail", note=f"the task requested a retry; {left}", asked=True)
        return Decision("retry", delay, note, asked=True)

    def _delay_of(self, request: Retry, job: Job, now: float) -> float:
        fields = _fields(request)
        after, at = number(fields.get("after")), number(fields.get("at"))
        if after is None and at is None:
            return self._policy_of(job).delay(job.backoff, job.retry_count + 1)
        return min(max(after if after is not None else cast("float", at) - now, 0.0), LONGEST_DELAY)

    def _policy_of(self, job: Job) -> RetryPolicy:
        sent = _sent(job)
        if not sent:
            return self.policy
        jitter, most = number(sent.get("jitter")), number(sent.get("max_delay"))
        return RetryPolicy(
            self.policy.jitter if jitter is None else min(max(jitter, 0.0), 1.0),
            self.policy.max_delay if most is None else max(most, 0.0),
        )


def stopped_by(error: BaseException) -> bool:
    """Whether a job that was asked to stop, and raised this, ends as cancelled.

    It does by ``JobCancelled``, and by ``Retry`` and ``JobInterrupted``, by which it would run again in
    spite of the request; also in a group of exceptions, unless one of them is a ``Fail``.
    """
    if not issubclass(type(error), BaseExceptionGroup):
        return issubclass(type(error), _STOPPED_BY)
    kinds = [type(each) for each in _leaves(error)]
    failed = any(issubclass(each, Fail) for each in kinds)
    return not failed and any(issubclass(each, _STOPPED_BY) for each in kinds)


def interrupted_by(error: BaseException) -> bool:
    """Whether an attempt that raised this has ended as its process is about to end.

    In a group of exceptions, another one beside ``JobInterrupted`` is a failure.
    """
    return all(issubclass(type(each), JobInterrupted) for each in _leaves(error))


def raised_text(error: BaseException, limit: int, decision: Decision | None) -> Failure:
    """The text of what an attempt raised, with the last ``limit`` bytes of its traceback.

    A ``Retry`` or ``Fail`` without a reason says nothing of why: the line is that of its cause.
    """
    failure = failure_of(error, limit)
    if (
        decision is None
        or not issubclass(type(error), Retry | Fail)
        or _fields(error).get("reason")
    ):
        return failure
    cause = _CAUSE(error)
    return failure if cause is None else failure._replace(line=failure_of(cause, limit).line)


def _sent(job: Job) -> Mapping[str, object]:
    sent = job.extra.get(RETRY)
    return sent if isinstance(sent, dict) else {}


def _fields(error: BaseException) -> Mapping[str, object]:
    """The attributes of an exception: a subclass may have made code of them, or left some out."""
    found: Mapping[str, object] = _DICT(error)
    return found


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """An exception, or those in a group, in their order."""
    waiting, looked_at = [error], 0
    while waiting and looked_at < MOST_LEAVES:
        each, looked_at = waiting.pop(), looked_at + 1
        if issubclass(type(each), BaseExceptionGroup):
            waiting.extend(reversed(_INSIDE(each)))
        else:
            yield each


_DICT = BaseException.__dict__["__dict__"].__get__
_CAUSE = BaseException.__dict__["__cause__"].__get__
_INSIDE = BaseExceptionGroup.__dict__["exceptions"].__get__
