"""``background()``: hand a function to the backend that the settings name.

The settings are read from the environment once, when the first job is enqueued; ``configure``
replaces them. Each backend is made once for its settings and shared by all threads.
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
    """What this process has made so far. A forked child keeps it, but for the lock."""

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
    """A backend of its own for ``settings``; the other two are for the local one.

    Raises SettingsError when SECRET_KEY is needed and missing.
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
    """Use ``settings`` from now on; None reads them from the environment anew.

    Jobs that were enqueued before are not touched, and ``get_job`` still finds those of the same
    settings when they are configured again.
    """
    with _process.lock:
        _process.settings, _process.current = settings, None


def _background(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> JobFuture[Any]:
    """Run ``fn(*args, **kwargs)`` in the background: in a thread, or by a worker on Redis.

    Args:
        fn: The task. On Redis it must be importable: a module-level function. One made by
            ``@task`` brings its own options, which those given here replace one by one.
        *args: Its arguments. They must be plain JSON values, or of a type that the annotation of their
            parameter names (with ``ASOK_STRICT=0`` that holds on Redis alone).
        **kwargs: Its keyword arguments; every name but the eight below is the task's own.

    Keyword Args:
        _queue (str): The queue in which it waits (``default``).
        _retries (int): How many times it runs again after a failure (0).
        _backoff (float): The n-th retry comes ``_backoff ** n`` seconds after the failure (2).
        _timeout (float): Seconds after which JobTimeout is raised inside the task.
        _delay (float | timedelta): Start so many seconds later.
        _at (datetime | float): Start at this moment: an aware datetime or epoch seconds.
        _unique (str): While a job with this key is unfinished, no other is enqueued; the future is
            that of the unfinished one.
        _keep_result (bool | float | timedelta): False does not store the result; a time keeps the record
            of the completed job for that long instead of ``ASOK_RECORD_TTL``.

    Returns:
        A future with ``job_id``. A failure of the task is in the log, the record and the future,
        never raised here.

    Raises:
        ValueError: The function cannot be a task or be queued on Redis, or an option is invalid.
        TypeError: An argument would not arrive as it is (the message names it, and the place inside
            it), or a keyword looks like an option and is none.
        PayloadTooLarge: The arguments are larger than ``ASOK_MAX_PAYLOAD``.
        Unreachable: Redis does not answer.
        Refused: Redis refuses the job: it is full or a replica, or the user lacks a right.
        SettingsError: A setting is invalid, or SECRET_KEY is missing.
    """
    return enqueue(make_call(fn, *args, **kwargs))


_background.__name__ = _background.__qualname__ = "background"
background = cast(BackgroundFunction, _background)


def call(fn: Callable[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> Call:
    """A call for ``background_many``. One of a ``@task`` has the task's options."""
    return make_call(fn, *args, **kwargs)


def background_many(calls: Iterable[Call]) -> list[JobFuture[Any]]:
    """Enqueue many calls, some hundred in a round trip to Redis; the futures are in their order.

    ``background_many(call(send, user) for user in users)``. Raises what ``background`` raises,
    before anything is sent where an argument or a function is at fault.
    """
    return (_process.current or _process.backend()).enqueue_many(checked_calls(calls))


def enqueue(call: Call) -> JobFuture[Any]:
    """Enqueue one call that was made before."""
    return (_process.current or _process.backend()).enqueue(call)


def get_job(job_id: str) -> JobRecord:
    """The record of a job: its status, times, result and error.

    Raises:
        JobNotFound: There is none: the id is wrong, or the record has expired. On the
            local backend only the process that enqueued a job knows it.
    """
    return record_of(_process.backend(), job_id)


def record_of(backend: ApplicationBackend, job_id: str) -> JobRecord:
    """The record that a backend has of a job. Raises JobNotFound when it has none."""
    record = backend.record(checked_id(job_id))
    if record is None:
        raise JobNotFound(
            f"there is no record of job {job_id!r}; that of a completed job expires after "
            "ASOK_RECORD_TTL, of others 24 h after the end"
        )
    return record


def cancel(job_id: str) -> bool:
    """Stop a job that waits for its turn, its start or its retry. True if it will not run.

    One that runs is asked to stop, and does where its task asks ``cancelled()``; that is False.

    On Redis a job is reached wherever it waits, also without a record (deleted, or of the framework). All
    queues are looked through then, for 5 seconds at most, which costs Redis about a second of its time
    for 100,000 jobs. One that has a record and is in no place, since somebody deleted its list, is ended:
    its record says so, its unique key is free, and that is True.
    """
    return _process.backend().cancel(checked_id(job_id))


def shutdown(*, wait: bool = True, timeout: float | None = None) -> bool:
    """Let the jobs that run in this process finish, and close what is open.

    Waits for ``timeout`` seconds at most, None for as long as it takes. What cannot finish is
    logged by name; with ``wait`` False that is all that is not finished now. The next
    ``background`` starts afresh. Returns whether everything finished.
    """
    with _process.lock:
        backends = list(_process.backends.values())
        _process.backends.clear()
        _process.current = None
    finished = [backend.shutdown(wait=wait, timeout=timeout) for backend in backends]
    return all(finished)
