"""``@task``: a function with options for its jobs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Generic, Never, ParamSpec, TypeVar, overload

from asok_core.api.client import enqueue
from asok_core.execution.tasks import check_runs
from asok_core.jobs.calls import NO_OPTIONS, Call, Kept, Options, task_call
from asok_core.jobs.checks import Delay, Moment
from asok_core.jobs.declared_limits import DeclaredLimit
from asok_core.jobs.futures import JobFuture
from asok_core.jobs.plain import described
from asok_core.jobs.retry_rules import NO_RULES, RetryRules, as_classes
from asok_core.suggestions import did_you_mean

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


class Task(Generic[P, C, R]):
    """A function with options for its jobs, created by ``task``.

    Calling it runs the function directly; ``delay`` enqueues it. Both take the parameters of the
    function, which type checkers verify. ``C`` is what a call returns, ``R`` the result of its job:
    they differ for coroutine functions.
    """

    def __init__(self, function: Callable[P, C], options: Options) -> None:
        check_runs(function)
        functools.update_wrapper(self, function)
        self.__asok_function__ = function
        self.__asok_options__ = options

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C:
        """Run the function directly."""
        return self.__asok_function__(*args, **kwargs)

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> JobFuture[R]:
        """Enqueue a call. Raises what ``background`` raises."""
        return enqueue(self.call(*args, **kwargs))

    def delay_in(self, delay: Delay, /, *args: P.args, **kwargs: P.kwargs) -> JobFuture[R]:
        """Enqueue a call that starts ``delay`` (seconds or a timedelta) from now."""
        return self.options(delay=delay).delay(*args, **kwargs)

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Call:
        """A call for ``background_many``, with this task's options.

        Raises TypeError for an option such as ``_queue``: see ``options``.
        """
        if not kwargs:
            return Call(self.__asok_function__, args, kwargs, self.__asok_options__)
        return task_call(self.__asok_function__, args, kwargs, self.__asok_options__)

    def options(
        self,
        *,
        queue: str | None = None,
        retries: int | None = None,
        backoff: float | None = None,
        timeout: float | None = None,
        delay: Delay | None = None,
        at: Moment | None = None,
        unique: str | None = None,
        keep_result: Kept | None = None,
        **unknown: Never,
    ) -> Task[P, C, R]:
        """The same task with other options; options that are not given keep their values.

        Raises TypeError for another name, and as ``task`` does for a value.
        """
        given = {
            "queue": queue,
            "retries": retries,
            "backoff": backoff,
            "timeout": timeout,
            "delay": delay,
            "at": at,
            "unique": unique,
            "keep_result": keep_result,
        }
        if unknown:
            raise TypeError(_not_an_option(next(iter(unknown)), list(given)))
        changed: dict[str, Any] = {name: each for name, each in given.items() if each is not None}
        return Task(self.__asok_function__, replace(self.__asok_options__, **changed))

    def __repr__(self) -> str:
        return f"<task {self.__module__}.{self.__qualname__}>"

    __qualname__: str


def _not_an_option(name: str, options: Sequence[str]) -> str:
    hint = did_you_mean(name, options)
    return f"{name} is not an option of a job ({', '.join(options)}){hint}"


class _MakeTask:
    """The decorator that ``task(...)`` with options returns."""

    def __init__(self, options: Options) -> None:
        self._options = options

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> Task[P, Coroutine[Any, Any, R], R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R, R]: ...
    def __call__(self, function: Callable[P, Any], /) -> Task[P, Any, Any]:
        options = self._options
        if options.limit is not None:
            options = replace(options, limit=options.limit.of(function))
        return Task(function, options)


@overload
def task(
    function: Callable[P, Coroutine[Any, Any, R]], /
) -> Task[P, Coroutine[Any, Any, R], R]: ...
@overload
def task(function: Callable[P, R], /) -> Task[P, R, R]: ...
@overload
def task(
    *,
    queue: str = "default",
    retries: int = 0,
    backoff: float = 2,
    timeout: float | None = None,
    keep_result: Kept = True,
    redact: Sequence[str] = (),
    no_retry: Sequence[type[BaseException]] = (),
    retry_on: Sequence[type[BaseException]] | None = None,
    jitter: float | None = None,
    max_delay: Delay | None = None,
    limit: str | None = None,
    key: str | None = None,
) -> _MakeTask: ...
# An overload does not inherit the parameters of the implementation, so both declare them.
def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    queue: str = "default",
    retries: int = 0,
    backoff: float = 2,
    timeout: float | None = None,
    keep_result: Kept = True,
    redact: Sequence[str] = (),
    no_retry: Sequence[type[BaseException]] = (),
    retry_on: Sequence[type[BaseException]] | None = None,
    jitter: float | None = None,
    max_delay: Delay | None = None,
    limit: str | None = None,
    key: str | None = None,
) -> Any:
    """Make a function a task with options for its jobs: ``@task`` or ``@task(queue="high")``.

    Args:
        function: The function, where the decorator has no options.
        queue: The queue of its jobs.
        retries: How often a job is retried after a failure.
        backoff: The n-th retry comes ``backoff ** n`` seconds after the failure.
        timeout: Seconds after which JobTimeout is raised in the task; None for no limit.
        keep_result: False does not store the result; a duration in seconds or a timedelta replaces
            ``ASOK_RECORD_TTL`` for the record of a completed job.
        redact: Names of arguments whose values are hidden in all views of a job, with ``*`` and
            ``?`` as in ``("card", "*token*")``.
        no_retry: Exception classes, with their subclasses, after which a job is not retried, as in
            ``(ValueError,)``. They take precedence over ``retry_on``.
        retry_on: The only exception classes, with their subclasses, after which it is; None for all.
        jitter: The largest random addition to the delay of a retry, as a fraction of it; None for
            ``ASOK_RETRY_JITTER``.
        max_delay: The longest delay of a retry in seconds or as a timedelta; None for
            ``ASOK_RETRY_MAX_DELAY``.
        limit: How many of its jobs run at once, or start in a time: ``"4 at once"``,
            ``"100/minute"``, ``"5/second, burst 20"``. Workers on Redis enforce it together.
        key: The parameter by whose values ``limit`` counts, each by itself, as in
            ``key="account_id"``.

    A task raises ``Retry`` or ``Fail`` to decide itself.

    Returns:
        A ``Task``: ``delay`` enqueues a job, and a call runs the function directly.

    Raises:
        ValueError: An option is invalid, or the function is a generator function, which a call
            does not run.
        TypeError: An option has the wrong type.

    Examples:
        >>> @task(queue="mail", retries=3)
        ... def greet(name: str) -> str:
        ...     return f"Hello, {name}!"
        >>> greet.delay("Ada").result(timeout=30)
        'Hello, Ada!'
        >>> greet.options(queue="low").delay("Grace").result(timeout=30)
        'Hello, Grace!'
        >>> greet("Linus")
        'Hello, Linus!'
    """
    if function is not None and not callable(function):
        raise TypeError(
            f"task is given {described(function)} in place of a function; options are given by "
            'name, as in @task(queue="high")'
        )
    if function is not None:
        return Task(function, NO_OPTIONS)
    # A string is a sequence too, of characters.
    names: Any = redact if isinstance(redact, str) else tuple(redact)
    rules = NO_RULES
    if (no_retry, retry_on, jitter, max_delay) != ((), None, None, None):
        allowed = None if retry_on is None else as_classes(retry_on)
        rules = RetryRules(as_classes(no_retry), allowed, jitter, max_delay)
    if key is not None and limit is None:
        raise ValueError("key is given without limit; they go together")
    return _MakeTask(
        Options(
            queue,
            retries,
            backoff,
            timeout,
            keep_result=keep_result,
            redact=names,
            rules=rules,
            limit=None if limit is None else DeclaredLimit(limit, key or ""),
        )
    )
