"""What a ``@task`` declares of its retries beyond their number: after which exceptions, and when.

Classes are compared as ``except`` does: by the bases of an exception's class, in which no code of the
application runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from asok_core.errors import JobTimeout
from asok_core.jobs.checks import Delay, expect_duration, expect_number
from asok_core.jobs.plain import described
from asok_core.jobs.retry import LONGEST_DELAY
from asok_core.jobs.retry_requests import Fail, Retry

Exceptions = tuple[type[BaseException], ...]


@dataclass(frozen=True)
class RetryRules:
    """The rules of one task. ``jitter`` and ``max_delay`` replace the settings; None leaves them.

    An exception of ``no_retry`` is never retried. With ``retry_on`` only those are; None for all.
    Raises TypeError or ValueError that names the option.
    """

    no_retry: Exceptions = ()
    retry_on: Exceptions | None = None
    jitter: float | None = None
    max_delay: Delay | None = None

    def __post_init__(self) -> None:
        _check_classes("no_retry", self.no_retry)
        if self.retry_on is not None:
            _check_classes("retry_on", self.retry_on)
            if not self.retry_on:
                raise ValueError("retry_on is empty: nothing would be retried; use retries=0")
            for each in self.retry_on:
                found = first_of(each, self.no_retry)
                if found is not None:
                    same = "" if found is each else f" as a subclass of {name_of(found)}"
                    raise ValueError(
                        f"retry_on has {name_of(each)}, which no_retry excludes{same}; "
                        "remove it from one of them"
                    )
        if self.jitter is not None and not 0 <= expect_number("jitter", self.jitter) <= 1:
            raise ValueError(f"jitter is {self.jitter}; it must be a fraction from 0 to 1")
        if self.max_delay is not None:
            expect_duration("max_delay", self.max_delay, LONGEST_DELAY)

    @cached_property
    def delays(self) -> Mapping[str, Any]:
        """What every job carries of them; empty where it needs nothing.

        The supervisor of a worker, which settles a job past its hard limit, cannot import the task.
        """
        found: dict[str, Any] = {}
        if self.jitter is not None:
            found["jitter"] = self.jitter
        if self.max_delay is not None:
            found["max_delay"] = expect_duration("max_delay", self.max_delay, LONGEST_DELAY)
        return found

    @cached_property
    def delays_and_timeouts(self) -> Mapping[str, Any]:
        """What a job with a time limit and retries carries of them; it alone may need the difference."""
        return {**self.delays, "timeouts": False} if self.exclusion(JobTimeout) else self.delays

    def exclusion(self, kind: type[BaseException]) -> str:
        """Why an exception of this class is not retried; '' if it is."""
        found = first_of(kind, self.no_retry)
        if found is not None:
            exact = "" if found is kind else f" (as {name_of(found)})"
            return f"{name_of(kind)} is in no_retry{exact}"
        if self.retry_on is not None and first_of(kind, self.retry_on) is None:
            return f"{name_of(kind)} is not in retry_on"
        return ""


def first_of(kind: type[BaseException], classes: Exceptions) -> type[BaseException] | None:
    """The first of ``classes`` that is ``kind`` or one of its bases, or None."""
    bases = _BASES(kind)
    return next((each for each in classes if any(each is base for base in bases)), None)


# Neither code of the application nor that of a metaclass runs for these.
_BASES = type.__dict__["__mro__"].__get__
_NAME = type.__dict__["__name__"].__get__


def name_of(kind: type[BaseException]) -> str:
    """The name of an exception's class."""
    name: str = _NAME(kind)
    return name


def as_classes(given: object) -> Exceptions:
    """Classes as a tuple; what is not a list or tuple is left to ``RetryRules`` to refuse."""
    classes: Any = tuple(given) if isinstance(given, list) else given
    return cast("Exceptions", classes)


def _check_classes(option: str, classes: object) -> None:
    if not isinstance(classes, tuple):
        raise TypeError(f"{option} is {described(classes)}, not a tuple of exception classes")
    listed: Iterable[object] = classes
    for each in listed:
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            raise TypeError(f"{option} has {described(each)}, which is not an exception class")
        if issubclass(each, BaseExceptionGroup):
            raise ValueError(  # noqa: TRY004 - the type is right
                f"{option} has {each.__name__}, but each exception in a group is judged; name their "
                "classes"
            )
        if issubclass(each, Retry | Fail):
            raise ValueError(  # noqa: TRY004 - the type is right
                f"{option} has {each.__name__}, which a task raises to decide itself; remove it"
            )


NO_RULES = RetryRules()
