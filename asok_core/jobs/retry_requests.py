"""``Retry`` and ``Fail``: what a task raises to decide itself what follows its attempt."""

from __future__ import annotations

from asok_core.clock import iso, now
from asok_core.jobs.checks import Delay, Moment, expect, expect_duration, expect_moment
from asok_core.jobs.retry import LONGEST_DELAY, plain_duration

# The text is in ``args``, and no class here has a ``__str__``: creating the text of an exception that
# has one is guarded by a thread (see ``failures.py``).


class Retry(Exception):
    """Raised in a task: run the job again after a time that the task chooses.

    A retry spends one of the ``retries`` of the job, as a failure does, and without any left the job
    fails for good. ``counted=False`` spends none; ``ASOK_MAX_UNCOUNTED_RETRIES`` and
    ``ASOK_MAX_UNCOUNTED_AGE`` bound how often and for how long. ``raise Retry(...) from error`` keeps
    the error in the record, and its text is the error of the job unless there is a ``reason``.

    Args:
        reason: The error of the job in one line; '' for what is asked for, or the cause.
        after: Seconds or a timedelta, up to 365 days.
        at: An aware datetime or seconds since the epoch; one that is past is at once. Without
            ``after`` and ``at`` the delay is ``backoff ** n``, as after a failure.
        counted: Whether the retry is one of the ``retries`` of the job.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A time is not finite, negative, naive or too far, or both times are given.

    Examples:
        >>> @task(retries=5)
        ... def charge(order: int) -> str:
        ...     if current_job().attempt == 1:
        ...         raise Retry("HTTP 429", after=0.1)
        ...     return f"order {order} charged"
        >>> charge.delay(7).result(timeout=30)
        'order 7 charged'
    """

    def __init__(
        self,
        reason: str = "",
        *,
        after: Delay | None = None,
        at: Moment | None = None,
        counted: bool = True,
    ) -> None:
        expect("reason", reason, str, "a string")
        if not isinstance(counted, bool):
            raise TypeError(f"counted is {counted!r}, not True or False")
        if after is not None and at is not None:
            raise ValueError("after and at are both given; specify only one")
        self.reason = reason
        self.counted = counted
        self.after = None if after is None else expect_duration("after", after, LONGEST_DELAY)
        self.at = None if at is None else expect_moment("at", at)
        if self.at is not None and self.at - now() > LONGEST_DELAY:
            raise ValueError(f"at is more than {LONGEST_DELAY / 86_400:.0f} days away")
        super().__init__(reason or self._when())

    def _when(self) -> str:
        if self.after is not None:
            return f"in {plain_duration(self.after)}"
        return "after its backoff" if self.at is None else f"at {iso(self.at)}"


class Fail(Exception):
    """Raised in a task: the job has failed for good, whatever retries are left.

    It becomes a dead job at once. ``raise Fail(...) from error`` keeps the error in the record, and
    its text is the error of the job unless there is a ``reason``.

    Examples:
        >>> @task(retries=5)
        ... def charge(order: int) -> None:
        ...     raise Fail("card expired")
        >>> charge.delay(7).exception(timeout=30)
        JobFailed('Fail: card expired')
    """

    def __init__(self, reason: str = "") -> None:
        expect("reason", reason, str, "a string")
        self.reason = reason
        super().__init__(*([reason] if reason else []))


# What a traceback names, and where pickle finds them.
Retry.__module__ = Fail.__module__ = "asok_core"
