"""The Redis backend as an application sees it: calls in, futures out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from asok_core.backends.redis.calls.producing import CancelRunning
from asok_core.backends.redis.locating import homes
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.backends.redis.producing.results import ResultWatcher
from asok_core.backends.roles import Scope
from asok_core.errors import Refused
from asok_core.execution import context
from asok_core.execution.task_modules import TaskModules
from asok_core.execution.tasks import function_of, reference
from asok_core.inspection.redaction import mark
from asok_core.jobs import waiting
from asok_core.jobs.calls import Call
from asok_core.jobs.codec import Sent, check_values, encode_arguments
from asok_core.jobs.futures import JobFuture, RemoteFuture
from asok_core.jobs.job import Job, JobRecord, new_id, new_ids
from asok_core.jobs.plain import is_plain
from asok_core.jobs.states import Location, Status
from asok_core.runtime.logs import safe_logger
from asok_core.settings.kinds import is_text
from asok_core.settings.settings import Settings

if TYPE_CHECKING:
    from asok_core.backends.redis.operating.operator import RedisOperator


logger = safe_logger("asok.background")


class RedisBackend:
    """Puts calls into Redis for workers to run. Serves all threads, also after a fork."""

    def __init__(self, settings: Settings) -> None:
        self._producer = RedisProducer(settings)
        self._redacts = bool(settings.redact)
        self._allowed = TaskModules(settings.task_modules)
        self._queues = ("default", *settings.worker_queues)
        endpoint, keys = self._producer.pool.endpoint, self._producer.keys
        host = waiting.worker
        if host is None:
            # In a worker the supervisor has logged the same.
            for line in settings.key_warnings():
                logger.warning("%s", line)
        if host is not None and (host.redis_url, host.namespace) != (
            settings.redis_url,
            settings.namespace,
        ):
            host = None
        self._slots = host.slots if host is not None else None
        self._watcher = ResultWatcher(endpoint, keys, self._producer.longest_record, host)

    def enqueue(self, call: Call) -> JobFuture[Any]:
        """Push one call, its record with it, in one step.

        Raises:
            ValueError: The function is none that a worker can import and may run.
            TypeError: An argument would not arrive as it is; the message names it.
            PayloadTooLarge: The arguments are too large.
            Unreachable: Redis does not answer. Refused: it does not let this user.
        """
        (checked,), request = self._checked((call,)), _request()
        job = self._job(call, checked, new_id(), self._producer.now(), request)
        made: list[JobFuture[Any]] = []
        function = function_of(call.function)
        [new] = self._producer.enqueue((job,), lambda: made.append(self._future(job, function)))
        return made[-1] if new else self._future(job, function, self._holder(job))

    def enqueue_many(self, calls: Sequence[Call]) -> list[JobFuture[Any]]:
        """Push many calls, some hundred in one step; see ``enqueue``."""
        checked, request = self._checked(calls), _request()
        if not checked:
            return []
        moment = self._producer.now()
        jobs = [
            self._job(call, each, job_id, moment, request)
            for call, each, job_id in zip(calls, checked, new_ids(len(calls)), strict=True)
        ]
        futures: list[JobFuture[Any]] = []

        def make_futures() -> None:
            futures[:] = (
                self._future(job, function_of(call.function))
                for job, call in zip(jobs, calls, strict=True)
            )

        flags = self._producer.enqueue(jobs, make_futures)
        return [
            future if new else self._future(job, function_of(call.function), self._holder(job))
            for future, job, call, new in zip(futures, jobs, calls, flags, strict=True)
        ]

    def _checked(self, calls: Sequence[Call]) -> list[_Checked]:
        checked = [_checked(call) for call in calls]
        for each in checked:
            if why := self._allowed.refusal(*each.names):
                raise ValueError(why)
        return checked

    def _job(
        self,
        call: Call,
        checked: _Checked,
        job_id: str,
        moment: float,
        request: dict[str, Any] | None,
    ) -> Job:
        marks = None
        if self._redacts or call.options.redact:
            function = function_of(call.function)
            declared = call.options.redact
            marks = mark(function, len(call.args), declared, always=self._redacts)
        job = call.job(job_id, checked.names, moment, request, marks)
        if checked.sent is not None:
            job.args, job.kwargs, job.typed = checked.sent
        return job

    def _future(
        self, job: Job, function: Callable[..., Any], holder: str | None = None
    ) -> RemoteFuture[Any]:
        return RemoteFuture(
            holder or job.id,
            self.cancel,
            self._watcher.watch,
            function,
            # Of the job that holds a unique key, no more than the id is known.
            task="" if holder else job.task,
            queue=job.queue,
            slots=self._slots,
            record=self.record,
        )

    def _holder(self, job: Job) -> str:
        # When it has finished this very moment, nobody runs the call: its record says so.
        return self._producer.holder(job.unique or "") or job.id

    def record(self, job_id: str) -> JobRecord | None:
        """The record of a job, or None."""
        return self._producer.record(job_id)

    def cancel(self, job_id: str) -> bool:
        """Move a job that is pending or delayed to the trash. True if it will not run.

        One that runs is asked to stop, which its task may heed (``cancelled()``); that is False.

        The job is looked for through the whole of its queue. Without a record, or with one that the
        framework wrote, all queues and the delayed set are looked through, for a few seconds at most.
        One that is in no location (its list was deleted) is closed, with the reason in its record.
        The audit says that the application did it. Raises Unreachable or Refused.
        """
        if not is_text(job_id):
            return False
        record = self.record(job_id)
        if record is not None and record.finished:
            return False
        waits = record is None or record.status != Status.RUNNING
        if waits and any(
            self._operator.cancel(scope).applied for scope in self._homes(job_id, record)
        ):
            return True
        if record is not None and self._is_lost(job_id):
            return True
        # It runs, or has begun meanwhile.
        process = (record and record.worker) or ""
        with self._producer.pool.borrow() as connection:
            connection.run(
                CancelRunning(ns=self._producer.keys.namespace, job_id=job_id, process=process)
            )
        return False

    def _is_lost(self, job_id: str) -> bool:
        """Close the record of a job that is in no location: whether that was done."""
        try:
            return self._operator.cancel_lost(job_id).applied > 0
        except Refused as error:
            logger.warning("Whether job %s is lost is not known: %s", job_id, error)
            return False

    def _homes(self, job_id: str, record: JobRecord | None) -> Iterator[Scope]:
        """Where a job may wait, the likeliest first."""
        if record is not None:
            ids, words = frozenset((job_id,)), f"id:{job_id}"
            pending = Scope(Location.PENDING, queue=record.queue or "default", ids=ids, words=words)
            delayed = Scope(Location.DELAYED, ids=ids, words=words)
            # It may be promoted between the look and the act, so the other location comes second.
            yield from (pending, delayed) if record.status == Status.PENDING else (delayed, pending)
        if record is None or record.foreign:
            with self._producer.pool.borrow() as connection:
                yield from homes(connection, self._producer.keys, self._queues, job_id)

    @cached_property
    def _operator(self) -> RedisOperator:
        from asok_core.backends.redis.operating.operator import RedisOperator

        return RedisOperator(
            self._producer.pool.endpoint, self._producer.keys, None, who="application"
        )

    def shutdown(self, *, wait: bool, timeout: float | None) -> bool:  # noqa: ARG002 - the role's
        """Give the connections back. No job runs in this process, so nothing is waited for."""
        self._watcher.close()
        self._producer.close()
        return True


def _request() -> dict[str, Any] | None:
    request = context.snapshot()
    if request is not None:
        check_values("what a dump hook adds:", request)
    return request


class _Checked(NamedTuple):
    """What is known of a call that can be sent, before Redis is asked for anything."""

    names: tuple[str, str]
    sent: Sent | None = None
    """Its arguments as they travel, where that is not as they are."""


def _checked(call: Call) -> _Checked:
    names = reference(call.function)
    for value in (*call.args, *call.kwargs.values()):
        if not is_plain(value):
            return _Checked(
                names, encode_arguments(function_of(call.function), call.args, call.kwargs)
            )
    return _Checked(names)
