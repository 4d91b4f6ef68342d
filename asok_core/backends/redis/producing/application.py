"""The Redis backend as an application sees it: calls in, futures out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from asok_core.backends.redis.calls.producing import CancelRunning
from asok_core.backends.redis.locating import homes
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.backends.redis.producing.results import ResultWatcher
from asok_core.backends.roles import Scope
from asok_core.errors import Refused
from asok_core.execution import context
from asok_core.execution.task_modules import TaskModules
from asok_core.execution.tasks import reference
from asok_core.inspection.redaction import mark
from asok_core.jobs import waiting
from asok_core.jobs.calls import Call, function_of
from asok_core.jobs.codec import check_values
from asok_core.jobs.futures import JobFuture
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.outgoing import CheckedCall, OutgoingJob
from asok_core.jobs.remote_futures import RemoteFuture
from asok_core.jobs.states import Location, Status
from asok_core.runtime.logs import safe_logger
from asok_core.settings.kinds import is_text
from asok_core.settings.settings import Settings

if TYPE_CHECKING:
    from asok_core.backends.redis.operating.operator import RedisOperator


logger = safe_logger("asok.background")

UNIQUE_TRIES = 100
"""How often a job is pushed whose unique key was taken, and free when its holder was looked up."""


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
        self.slots = host.slots if host is not None else None
        self._watcher = ResultWatcher(endpoint, keys, self._producer.longest_record, host)

    def enqueue(self, call: Call) -> JobFuture[Any]:
        """Push one call, its record with it, in one step.

        Raises:
            ValueError: A worker cannot import the function, or may not run it.
            TypeError: An argument would not arrive as it is; the message names it.
            PayloadTooLarge: The arguments are too large.
            Unreachable: Redis does not answer. Refused: it refuses the command to this user.
        """
        checked, producer = self._checked(call, reference(call.function)), self._producer
        written = producer.writer.of_call(checked, producer.now, _request())
        job, function = written.job, function_of(call.function)
        futures: list[JobFuture[Any]] = []
        [new] = producer.push((written,), lambda: futures.append(self._future(job, function)))
        return futures[-1] if new else self._unless_held(written, function)

    def enqueue_many(self, calls: Sequence[Call]) -> list[JobFuture[Any]]:
        """Push many calls, some hundred in one step; see ``enqueue``."""
        names = [reference(call.function) for call in calls]
        checked, request = list(map(self._checked, calls, names)), _request()
        if not checked:
            return []
        written = self._producer.writer.of_calls(checked, self._producer.now, request)
        functions = [function_of(call.function) for call in calls]
        futures: list[JobFuture[Any]] = []

        def make_futures() -> None:
            futures[:] = [
                self._future(each.job, function)
                for each, function in zip(written, functions, strict=True)
            ]

        flags = self._producer.push(written, make_futures)
        for at, new in enumerate(flags):
            if not new:
                futures[at] = self._unless_held(written[at], functions[at])
        return futures

    def _checked(self, call: Call, names: tuple[str, str]) -> CheckedCall:
        """A call whose function workers may run. Raises ValueError for others."""
        if why := self._allowed.refusal(*names):
            raise ValueError(why)
        hidden = call.options.redact
        if not (self._redacts or hidden):
            return CheckedCall(call, names)
        function = function_of(call.function)
        return CheckedCall(
            call, names, mark(function, len(call.args), hidden, always=self._redacts)
        )

    def _future(
        self, job: Job, function: Callable[..., Any], holder: str | None = None
    ) -> RemoteFuture[Any]:
        return RemoteFuture(
            holder or job.id,
            self,
            function,
            # Of the job that holds a unique key, no more than the id is known.
            task="" if holder else job.task,
            queue=job.queue,
        )

    def _unless_held(self, written: OutgoingJob, function: Callable[..., Any]) -> RemoteFuture[Any]:
        """The future of the job that holds the unique key; of this job where that one has just ended."""
        job, unique = written.job, written.job.unique or ""
        for _ in range(UNIQUE_TRIES - 1):
            if holder := self._producer.holder(unique):
                return self._future(job, function, holder)
            [new] = self._producer.push((written,))
            if new:
                return self._future(job, function)
        raise Refused(
            f"the unique key {unique!r} is taken, and no job is known that holds it: delete "
            f"{self._producer.keys.unique(unique)} in Redis"
        )

    def watch(self, future: RemoteFuture[Any]) -> None:
        """Resolve a future when its job is finished."""
        self._watcher.watch(future)

    def record(self, job_id: str) -> JobRecord | None:
        """The record of a job, or None."""
        return self._producer.record(job_id)

    def cancel(self, job_id: str) -> bool:
        """Move a job that is pending or delayed to the trash. True if it will not run.

        One that runs is requested to stop, which its task can check (``cancelled()``); that is False.

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
        """Close the connections. No job runs in this process, so nothing is waited for."""
        self._watcher.close()
        self._producer.close()
        return True


def _request() -> dict[str, Any] | None:
    request = context.snapshot()
    if request is not None:
        check_values("what a dump hook adds:", request)
    return request
