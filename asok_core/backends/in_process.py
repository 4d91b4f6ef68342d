"""Jobs in this process: the shared part of the local and the eager backend.

Arguments and results are encoded as on Redis, so that programs work the same on both: each attempt
gets its own copy of the arguments, and the future has the result of the record. With
``ASOK_STRICT=0`` the objects themselves are passed.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from asok_core.backends.in_process_job import LocalJob
from asok_core.clock import now
from asok_core.errors import JobCancelled
from asok_core.execution.tasks import check_runs
from asok_core.inspection.redaction import Redaction, mark
from asok_core.jobs.calls import Call, function_of
from asok_core.jobs.codec import encode_arguments
from asok_core.jobs.futures import JobFuture
from asok_core.jobs.job import RECORD_TTL, JobRecord, new_id
from asok_core.jobs.job_text import from_text
from asok_core.jobs.outgoing import sendable_text
from asok_core.jobs.plain import is_plain
from asok_core.jobs.progress import as_kept
from asok_core.jobs.states import Status
from asok_core.jobs.waiting import Slots
from asok_core.settings.settings import Settings

RECORDS_KEPT = 10_000
DEAD_JOBS_KEPT = 1_000


def _name(function: object) -> str:
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


class JobStore:
    """The jobs of this process by id. A bounded number of finished ones is kept, as long as on Redis."""

    def __init__(self, settings: Settings, slots: Slots | None = None) -> None:
        self.lock = threading.RLock()
        self.slots = slots
        self.dead: deque[LocalJob] = deque(maxlen=DEAD_JOBS_KEPT)
        self._settings = settings
        self.redaction = Redaction(settings.redact)
        self._unfinished: dict[str, LocalJob] = {}
        self._finished: OrderedDict[str, LocalJob] = OrderedDict()
        self._unique: dict[str, LocalJob] = {}

    def make(self, call: Call) -> LocalJob:
        """Create the job of a call, without adding it.

        Raises ValueError for a function whose code a call would not run; TypeError and
        PayloadTooLarge for arguments that cannot be encoded.
        """
        check_runs(call.function)
        function, text = function_of(call.function), None
        names = (str(getattr(function, "__module__", "")), _name(function))
        redact = call.options.redact
        marks = mark(function, len(call.args), redact, always=self.redaction.has_patterns)
        job = call.job(new_id(), names, now(), redact=marks)
        if self._settings.strict:
            job.args, job.kwargs, job.typed = encode_arguments(function, call.args, call.kwargs)
            text = sendable_text(job, self._settings.max_payload)
            if not all(map(is_plain, (*job.args, *job.kwargs.values()))):
                # Later changes by the caller must not affect the job.
                sent = from_text(text)
                job.args, job.kwargs = sent.args, sent.kwargs
            call = Call(call.function, (), {}, call.options)
        future: JobFuture[Any] = JobFuture(job.id, self, task=job.task, queue=job.queue)
        return LocalJob(call, job, future, text)

    def add(self, job: LocalJob) -> tuple[LocalJob, bool]:
        """Add a job; return it and True, or the unfinished job with its ``unique`` key and False."""
        with self.lock:
            key = job.job.unique
            if key is not None and key in self._unique:
                return self._unique[key], False
            self._unfinished[job.job.id] = job
            if key is not None:
                self._unique[key] = job
            return job, True

    def record(self, job_id: str) -> JobRecord | None:
        """The record of a job, or None."""
        with self.lock:
            self._drop_old()
            found = self._unfinished.get(job_id) or self._finished.get(job_id)
            return self._shown(found) if found and not self._expired(found) else None

    def _shown(self, found: LocalJob) -> JobRecord:
        record, progress = found.record(), found.progress
        if progress is None:
            return record
        hide = partial(self.redaction.text, job=found.job)
        return replace(record, progress=as_kept(progress, hide))

    def unfinished(self) -> list[LocalJob]:
        """All unfinished jobs, oldest first."""
        with self.lock:
            return list(self._unfinished.values())

    def disown(self) -> None:
        """In a forked process: let the futures of the parent's jobs fail, as they would wait forever.

        The lock is not acquired: a thread of the parent may have held it.
        """
        for job in list(self._unfinished.values()):
            job.future.orphan("the job belongs to the process that this one was forked from")

    def cancel(self, job_id: str) -> bool:
        """Cancel a job. True if it was not running; a running job is only notified: False."""
        with self.lock:
            job = self._unfinished.get(job_id)
            if job is None:
                return False
            if job.status is Status.RUNNING:
                job.stop.asked = True
                return False
            before = "started" if job.started_at is None else "finished"
            self.finish(job, Status.CANCELLED)
        job.future.set_exception(JobCancelled(f"job {job_id} was cancelled before it {before}"))
        return True

    @staticmethod
    def mark(job: LocalJob, status: Status) -> None:
        """Change the state of a job, under the lock."""
        job.status, job.ts = status, now()

    def finish(self, job: LocalJob, status: Status) -> None:
        """End a job, under the lock."""
        self.mark(job, status)
        job.finished_at = job.ts
        # The arguments may be large, and a record does not need them.
        job.call = job.context = job.text = None
        job.job = replace(job.job, args=(), kwargs={})
        if job.job.unique is not None:
            self._unique.pop(job.job.unique, None)
        self._unfinished.pop(job.job.id, None)
        self._finished[job.job.id] = job
        self._drop_old()

    def _drop_old(self) -> None:
        while self._finished:
            first = next(iter(self._finished.values()))
            if len(self._finished) <= RECORDS_KEPT and not self._expired(first):
                return
            self._finished.popitem(last=False)

    def _expired(self, job: LocalJob) -> bool:
        kept: float = RECORD_TTL
        if job.status is Status.COMPLETED:
            kept = job.job.keep_result or self._settings.record_ttl
        return job.finished_at is not None and job.finished_at + kept <= now()


class InProcessBackend(ABC):
    """The shared part of the local and the eager backend; ``store`` has their jobs."""

    store: JobStore

    def enqueue(self, call: Call) -> JobFuture[Any]:
        """Enqueue a call. Raises what ``JobStore.make`` raises."""
        return self._enqueue(self.store.make(call))

    def enqueue_many(self, calls: Sequence[Call]) -> list[JobFuture[Any]]:
        """Enqueue the calls, or none of them if one is invalid."""
        return [self._enqueue(job) for job in [self.store.make(call) for call in calls]]

    @abstractmethod
    def _enqueue(self, made: LocalJob) -> JobFuture[Any]: ...

    def record(self, job_id: str) -> JobRecord | None:
        """The record of a job, or None."""
        return self.store.record(job_id)

    def cancel(self, job_id: str) -> bool:
        """Cancel a job that has not started, or is retrying. True if it will not run."""
        return self.store.cancel(job_id)
