"""Hooks around tasks, for tracing, metrics and error reporting.

Each hook is called in the thread and context that runs the task, on every backend. ``after`` and
``failure`` are called once the job has its outcome: a hook that hangs blocks its thread, not the
job::

    @hooks.failure
    def report(job: Job, error: BaseException, will_retry: bool) -> None:
        sentry_sdk.capture_exception(error)

An exception of a hook is logged and does not affect the job.

In a worker ``failure`` hooks wait until the outcome is stored in Redis, for 5 s at most, so that a
hook that ends the process (``os._exit``) does not affect the job. ``after`` hooks wait for that
only if processes that ran the job died before, as all completed jobs would wait otherwise: if such
a hook ends the process, the job may run again.

``failure`` is also called for failures outside of a task: WorkerCrashed when processes died too
often during a job, TimeoutError when it ran past its hard limit, TaskNotFound, and BadSignature,
UnsignedEnvelope or another EnvelopeError when it was rejected. (The content of a rejected job is
not trusted, and of a malformed one nothing is known.) These calls are made by a process of a worker
that serves the job's queue, after it has imported the application, in a separate thread: at least
once each, up to three times if processes die during them, and not at all if there is no such
process within a day. If a process is killed between the outcome of an attempt and its hooks, they
are not called for that attempt.

Examples:
    >>> from statistics import mean
    >>> failed = []
    >>> @hooks.failure
    ... def note(job, error, will_retry):
    ...     failed.append((job.task, type(error).__name__, will_retry))
    >>> configure(Settings(queue_backend="eager"))
    >>> background(mean, []).exception()
    JobFailed('StatisticsError: mean requires at least one data point')
    >>> failed
    [('statistics.mean', 'StatisticsError', False)]
    >>> hooks.remove(note)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from asok_core.jobs.job import Job
from asok_core.runtime.failures import LONGEST_TRACEBACK, failure_of
from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.background")

Before = Callable[[Job], object]
"""Called with the job before each attempt."""
After = Callable[[Job, Any], object]
"""Called with the job and the task's result after an attempt that completed."""
Failure = Callable[[Job, BaseException, bool], object]
"""Called with the job, the error and whether a retry follows, after an attempt that failed."""

B = TypeVar("B", bound=Before)
A = TypeVar("A", bound=After)
F = TypeVar("F", bound=Failure)

_before: list[Before] = []
_after: list[After] = []
_failure: list[Failure] = []


def before(hook: B) -> B:
    """Call ``hook(job)`` before each attempt. Usable as a decorator."""
    _before.append(hook)
    return hook


def after(hook: A) -> A:
    """Call ``hook(job, result)`` after each attempt that completed. Usable as a decorator."""
    _after.append(hook)
    return hook


def failure(hook: F) -> F:
    """Call ``hook(job, error, will_retry)`` after each failed attempt. Usable as a decorator."""
    _failure.append(hook)
    return hook


def remove(hook: Callable[..., object]) -> None:
    """Remove ``hook`` from all lists; it need not be registered."""
    for registered in (_before, _after, _failure):
        while hook in registered:
            registered.remove(hook)


def has_failure() -> bool:
    """Whether any ``failure`` hook is registered in this process."""
    return bool(_failure)


def has_after() -> bool:
    """Whether any ``after`` hook is registered in this process."""
    return bool(_after)


def call_before(job: Job) -> None:
    """Call the ``before`` hooks."""
    for hook in _before:
        _call(hook, job)


def call_after(job: Job, result: object) -> None:
    """Call the ``after`` hooks."""
    for hook in reversed(_after):
        _call(hook, job, result)


def call_failure(job: Job, error: BaseException, will_retry: bool) -> None:
    """Call the ``failure`` hooks."""
    for hook in reversed(_failure):
        _call(hook, job, error, will_retry)


def _call(hook: Callable[..., object], *args: object) -> None:
    try:
        hook(*args)
    except BaseException as error:  # also SystemExit: it must not end the thread
        logger.error(
            "Hook %s failed",
            _name(hook),
            exc_info=error,
            exc_text=failure_of(error, LONGEST_TRACEBACK).traceback,
        )


def _name(hook: Callable[..., object]) -> str:
    try:
        return str(getattr(hook, "__qualname__", None) or type(hook).__qualname__)
    except BaseException:  # noqa: BLE001 - attributes are the application's code as well
        return "(without a name)"
