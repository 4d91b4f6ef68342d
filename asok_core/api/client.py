"""``background()``: enqueue a call on the backend that the settings name.

The settings are read from the environment once, when the first job is enqueued; ``configure``
replaces them. One backend is created for each settings object and shared by all threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any, cast

from asok_core.api.signatures import BackgroundFunction, P
from asok_core.backends.application import ApplicationBackend
from asok_core.errors import JobNotFound
from asok_core.jobs.calls import Call, checked_calls, make_call
from asok_core.jobs.futures import JobFuture, checked_id
from asok_core.jobs.job import JobRecord
from asok_core.settings.settings import Settings


class _Process:
    """The backends of this process. A forked process keeps them, except for the lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.backends: dict[Settings, ApplicationBackend] = {}
        self.current: ApplicationBackend | None = None
        self.settings: Settings | None = None

    def backend(self) -> ApplicationBackend:
        with self.lock:
            if self.current is None:
                self.settings = self.settings or Settings.load()
                self.current = self.backend_of(self.settings)
            return self.current

    def backend_of(self, settings: Settings) -> ApplicationBackend:
        with self.lock:
            if settings not in self.backends:
                self.backends[settings] = make_backend(settings)
            return self.backends[settings]

    def renew_lock(self) -> None:
        self.lock = threading.RLock()


_process = _Process()
os.register_at_fork(after_in_child=_process.renew_lock)


def make_backend(
    settings: Settings, *, bg_workers: int | None = None, exit_timeout: float | None = None
) -> ApplicationBackend:
    """A new backend for ``settings``; the other arguments are for the local backend.

    Raises SettingsError if SECRET_KEY is required and missing.
    """
    if settings.queue_backend == "redis":
        from asok_core.backends.redis.producing.application import RedisBackend

        return RedisBackend(settings)
    if settings.queue_backend == "eager":
        from asok_core.backends.eager import EagerBackend

        return EagerBackend(settings)
    from asok_core.backends.local import LocalBackend

    return LocalBackend(settings, bg_workers=bg_workers, exit_timeout=exit_timeout)


def configure(settings: Settings | None = None) -> None:
    """Use ``settings`` from now on; None reads them from the environment again.

    Jobs that were enqueued before are not affected, and ``get_job`` finds them again when the same
    settings are configured.

    Examples:
        >>> configure(Settings(queue_backend="eager"))
        >>> from math import factorial
        >>> background(factorial, 5).done()
        True
    """
    with _process.lock:
        _process.settings, _process.current = settings, None


def _background(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> JobFuture[Any]:
    """Run ``fn(*args, **kwargs)`` in the background: in a thread, or in a worker through Redis.

    Args:
        fn: The task. On Redis it must be importable: a module-level function. One made by
            ``@task`` has its own options; those given here take precedence.
        *args: Its arguments. They must be plain JSON values, or of the type that their parameter
            is annotated with (with ``ASOK_STRICT=0`` on Redis only).
        **kwargs: Its keyword arguments; all but the eight options below are passed to the task.

    Keyword Args:
        _queue (str): The queue (``default``).
        _retries (int): How often it is retried after a failure (0).
        _backoff (float): The n-th retry comes ``_backoff ** n`` seconds after the failure (2).
        _timeout (float): Seconds after which JobTimeout is raised in the task.
        _delay (float | timedelta): Seconds after which it starts.
        _at (datetime | float): When it starts: an aware datetime or epoch seconds.
        _unique (str): While a job with this key is unfinished, no other is enqueued; the future is
            that of the unfinished one.
        _keep_result (bool | float | timedelta): False does not store the result; a duration
            replaces ``ASOK_RECORD_TTL`` for the record of the completed job.

    Returns:
        A future with ``job_id``. A failure of the task is logged and stored in the record and the
        future, never raised here.

    Raises:
        ValueError: The function cannot be a task or cannot be queued on Redis, or an option is
            invalid.
        TypeError: An argument cannot be encoded exactly (the message names it and the value inside
            it), or a keyword argument that begins like an option is unknown.
        PayloadTooLarge: The arguments are larger than ``ASOK_MAX_PAYLOAD``.
        Unreachable: Redis does not answer.
        Refused: Redis refuses the job: it is full or a replica, or the user lacks a permission.
        SettingsError: A setting is invalid, or SECRET_KEY is missing.

    Examples:
        >>> from math import factorial
        >>> future = background(factorial, 5, _queue="high", _retries=3)
        >>> future.result(timeout=30)
        120
    """
    return enqueue(make_call(fn, *args, **kwargs))


_background.__name__ = _background.__qualname__ = "background"
background = cast(BackgroundFunction, _background)


def call(fn: Callable[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> Call:
    """A call for ``background_many``, with the options of the ``@task`` if it is one.

    Examples:
        >>> from math import factorial
        >>> [future] = background_many([call(factorial, 5, _queue="high")])
        >>> future.result(timeout=30)
        120
    """
    return make_call(fn, *args, **kwargs)


def background_many(calls: Iterable[Call]) -> list[JobFuture[Any]]:
    """Enqueue many calls, several hundred per round trip to Redis; the futures are in the same order.

    Raises what ``background`` raises. An invalid argument or function raises before any job is
    enqueued.

    Examples:
        >>> from math import factorial
        >>> futures = background_many(call(factorial, number) for number in range(4))
        >>> [future.result(timeout=30) for future in futures]
        [1, 1, 2, 6]
    """
    return (_process.current or _process.backend()).enqueue_many(checked_calls(calls))


def enqueue(call: Call) -> JobFuture[Any]:
    """Enqueue one call."""
    return (_process.current or _process.backend()).enqueue(call)


def get_job(job_id: str) -> JobRecord:
    """The record of a job: its status, times, result and error.

    Raises:
        JobNotFound: There is none: the id is wrong, or the record has expired. On the local
            backend a job has a record only in the process that enqueued it.

    Examples:
        >>> from math import factorial
        >>> job_id = background(factorial, 5, _delay=60).job_id
        >>> str(get_job(job_id).status)
        'scheduled'
    """
    return record_of(_process.backend(), job_id)


def record_of(backend: ApplicationBackend, job_id: str) -> JobRecord:
    """The record that a backend has of a job. Raises JobNotFound if there is none."""
    record = backend.record(checked_id(job_id))
    if record is None:
        raise JobNotFound(
            f"job {job_id!r} has no record; that of a completed job expires after ASOK_RECORD_TTL, "
            "others expire 24 h after the job ended"
        )
    return record


def cancel(job_id: str) -> bool:
    """Stop a job that waits for its turn, its start or its retry. True if it will not run.

    For a running job ``cancelled()`` becomes true, so that its task can stop; the result is False.

    On Redis a job is also found without a record (deleted, or enqueued by the framework). All
    queues are searched for it, for at most 5 seconds; Redis takes about a second for 100,000 jobs.
    A job with a record and without an envelope (its list was deleted) is marked as cancelled and
    its unique key is released; the result is True.

    Examples:
        >>> from math import factorial
        >>> future = background(factorial, 5, _delay=60)
        >>> cancel(future.job_id)
        True
    """
    return _process.backend().cancel(checked_id(job_id))


def shutdown(*, wait: bool = True, timeout: float | None = None) -> bool:
    """Wait for the jobs that run in this process, and close the backends.

    Waits at most ``timeout`` seconds, or without limit if it is None; with ``wait`` False not at
    all. Jobs that do not finish are logged by name. The next ``background`` opens a new backend.
    Returns whether all jobs finished.

    Examples:
        >>> from math import factorial
        >>> future = background(factorial, 5)
        >>> shutdown(timeout=30)
        True
        >>> future.done()
        True
    """
    with _process.lock:
        backends = list(_process.backends.values())
        _process.backends.clear()
        _process.current = None
    finished = [backend.shutdown(wait=wait, timeout=timeout) for backend in backends]
    return all(finished)
