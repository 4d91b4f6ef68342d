"""Futures of jobs on Redis: one thread a process watches for the end of all of them.

It subscribes to the channel of each watched job, and reads the record when the channel speaks. The
web framework's own worker speaks on no channel, so records are also looked at once a second.
"""

from __future__ import annotations

import collections
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from itertools import chain
from typing import Any

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.producing.deadlocks import Deadlocks
from asok_core.backends.redis.producing.foreign_workers import MissingJobs
from asok_core.backends.redis.producing.result_channels import (
    BATCH,
    Listener,
    is_too_large,
    wait_for_any,
)
from asok_core.backends.redis.records import LOST
from asok_core.errors import (
    AsokError,
    JobCancelled,
    JobFailed,
    JobNotFound,
    RecordTooLarge,
    Refused,
    Unreachable,
)
from asok_core.execution.tasks import known_task
from asok_core.jobs.codec import Result, changed_result
from asok_core.jobs.futures import settle_result
from asok_core.jobs.job import JobRecord, task_name
from asok_core.jobs.remote_futures import RemoteFuture
from asok_core.jobs.states import Status
from asok_core.jobs.waiting import WorkerProcess
from asok_core.runtime.failures import LONGEST_TRACEBACK, failure_of
from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.background")

POLL_INTERVAL = 1.0
"""Seconds between two looks at records of which no channel spoke."""
IDLE_TIMEOUT = 30.0
"""Seconds without a future to watch, after which the thread ends and closes its connections."""

_LONGEST_PAUSE = 10.0

Futures = dict[str, list[RemoteFuture[Any]]]


class ResultWatcher:
    """Resolves futures when their jobs end. Its thread starts with the first of them."""

    def __init__(
        self,
        endpoint: Endpoint,
        keys: Keys,
        longest_record: int,
        host: WorkerProcess | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._keys = keys
        self._longest_record = longest_record
        # In a process of a worker on the same Redis, its tasks may wait for each other.
        self._deadlocks = None if host is None else Deadlocks(keys, host)
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._new: list[RemoteFuture[Any]] = []
        self._bell: socket.socket | None = None
        self._closed = False

    def watch(self, future: RemoteFuture[Any]) -> None:
        """Resolve ``future`` when its job ends. Returns at once."""
        if self._pid != os.getpid():
            # The thread stayed in the parent, and so did the holder of the lock.
            self._begin()
        with self._lock:
            if not self._closed:
                self._new.append(future)
                self._wake()
                return
        _resolve(future, _abandon)

    def _wake(self) -> None:
        if self._bell is not None:
            _ring(self._bell)
            return
        bell, ear = socket.socketpair()
        bell.setblocking(False)
        threading.Thread(target=self._run, args=(ear,), name="asok-results", daemon=True).start()
        self._bell = bell

    def close(self) -> None:
        """End the thread. Futures whose jobs are not finished say so: they are no longer watched."""
        with self._lock:
            self._closed = True
            if self._bell is not None:
                _ring(self._bell)

    def _run(self, ear: socket.socket) -> None:
        futures: Futures = {}
        try:
            with ear:
                self._watch_all(ear, futures)
        except BaseException as error:  # noqa: BLE001 - no caller may wait forever
            self._give_up(futures, error)

    def _watch_all(self, ear: socket.socket, futures: Futures) -> None:
        failures = 0
        while True:
            try:
                with Listener(self._endpoint, self._keys, self._longest_record, ear) as listener:
                    listener.follow(futures)
                    failures = 0
                    self._listen(listener, futures)
            except (Unreachable, Refused) as error:
                if not failures:
                    logger.warning("Results of jobs will be late: %s", error)
                failures += 1
                pause = min(0.05 * 2 ** min(failures, 10), _LONGEST_PAUSE)
                if not self._closed and wait_for_any([ear], pause):
                    ear.recv(4096)
            if self._retire(futures):
                return

    def _give_up(self, futures: Futures, error: BaseException) -> None:
        """After a fault of ours: fail what was watched. The next future starts another thread."""
        with self._lock:
            if self._bell is not None:
                self._bell.close()
                self._bell = None
            left, self._new = self._new, []
        for each in chain(left, *futures.values()):
            _resolve(each, Future.set_exception, error)
        text = failure_of(error, LONGEST_TRACEBACK).traceback
        logger.error("A fault ended the watch for results", exc_info=error, exc_text=text)

    def _listen(self, listener: Listener, futures: Futures) -> None:
        turns = collections.deque(futures)
        missing = MissingJobs(self._keys)
        idle_since = next_poll = time.monotonic()
        while not self._closed:
            fresh = self._take_new(futures)
            listener.follow(fresh)
            turns.extend(fresh)
            if futures:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since >= IDLE_TIMEOUT:
                return
            ids = listener.receive(
                max(next_poll - time.monotonic(), 0) if futures else IDLE_TIMEOUT
            )
            if time.monotonic() >= next_poll:
                next_poll = time.monotonic() + POLL_INTERVAL
                listener.check_deadlocks(self._deadlocks)
                ids.update(_next_in_turn(turns, futures))
            missing.check_next(listener.connection, _settle_finished(listener, ids, futures))

    def _take_new(self, futures: Futures) -> list[str]:
        with self._lock:
            new, self._new = self._new, []
        fresh = []
        for future in new:
            if future.job_id not in futures:
                fresh.append(future.job_id)
            futures.setdefault(future.job_id, []).append(future)
        return fresh

    def _retire(self, futures: Futures) -> bool:
        with self._lock:
            if (self._new or futures) and not self._closed:
                return False
            if self._bell is not None:
                self._bell.close()
                self._bell = None
            left, self._new = self._new, []
        for each in chain(left, *futures.values()):
            _resolve(each, _abandon)
        return True


def _settle_finished(
    listener: Listener, ids: set[str], futures: Futures
) -> Mapping[str, JobRecord]:
    """Settle the futures of those jobs that are finished; return the records of the others.

    It is a function so that no variable of the watching thread holds a future and its result, which
    may be large, while the thread waits.
    """
    finished, unfinished = listener.read(ids & futures.keys())
    for job_id, record in finished.items():
        for future in futures.pop(job_id):
            _resolve(future, settle, record)
    return unfinished


def _resolve(future: RemoteFuture[Any], how: Callable[..., None], *args: object) -> None:
    try:
        how(future, *args)
    except BaseException as error:  # noqa: BLE001 - nothing must end the watching
        # A caller that waits for the future must not wait forever.
        with contextlib.suppress(InvalidStateError):
            future.set_exception(error)


def _abandon(future: RemoteFuture[Any]) -> None:
    future.set_exception(
        AsokError(f"the application was shut down while job {future.job_id} was not finished")
    )


def settle(future: RemoteFuture[Any], record: JobRecord | None) -> None:
    """Give a future the outcome of a final record; None says that the record is gone."""
    if record is None:
        gone = "it ended and its record has expired (ASOK_RECORD_TTL), or its record or queue was deleted"
        future.set_exception(JobNotFound(f"job {future.job_id} has no record: {gone}"))
    elif is_too_large(record):
        future.set_exception(
            RecordTooLarge(f"whether job {record.id} has ended is unknown: {record.error}")
        )
    elif record.status == Status.COMPLETED:
        _settle_result(future, record)
    elif record.status == Status.CANCELLED:
        future.set_exception(JobCancelled(_cancelled(record)))
    else:
        future.set_exception(_failed(record))


def _cancelled(record: JobRecord) -> str:
    if (record.error or "").startswith(LOST):
        return f"job {record.id} was lost, and cancelled: {record.error}"
    # A worker of the framework keeps no start, and a retry removes that of the attempt before.
    never_ran = record.started_at is None and not record.foreign and not record.retry_count
    return f"job {record.id} was cancelled before it {'started' if never_ran else 'finished'}"


def _settle_result(future: RemoteFuture[Any], record: JobRecord) -> None:
    # Of a unique job that was there before, the task may be another one.
    named = record.function == task_name(future.function) if future.function else False
    function = future.function if named else known_task(record.function)
    kept = Result(record.result or "null", record.result_type or "", record.result_error or "")
    if record.foreign and record.finished_at is None and function is not None:
        # The framework's worker notes no time of the end, and writes what JSON has not as other values.
        why = changed_result(function, kept.text)
        if why:
            kept = kept._replace(
                problem="the result is not what the task returned: the worker of the asok framework "
                f"ran it, and {why} (get_job() has what it wrote)"
            )
    settle_result(future, function, record.function, kept)


def _failed(record: JobRecord) -> JobFailed:
    trace = (record.error or "").strip()
    # A record of the framework, or of an older version, has no more than the traceback.
    line = record.error_line or trace.rpartition("\n")[2].strip() or "the job failed"
    error = JobFailed(line, trace)
    if "\n" in trace:
        error.__cause__ = _InWorker(trace)
    return error


class _InWorker(Exception):
    """Stands for the exception in the worker, so that its traceback is shown with that of JobFailed."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _ring(bell: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):  # its buffer is full: another byte would add nothing
        bell.send(b"!")


def _next_in_turn(turns: collections.deque[str], futures: Futures) -> list[str]:
    """The next batch of ids to look at; those whose futures are settled leave the round."""
    ids = []
    for _ in range(min(len(turns), BATCH)):
        job_id = turns.popleft()
        if job_id in futures:
            turns.append(job_id)
            ids.append(job_id)
    return ids
