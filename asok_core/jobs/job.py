"""The job, which is one queued call of a task, and its status record."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from asok_core.jobs.checkpoint import JobCheckpoint
from asok_core.jobs.numbers import number
from asok_core.jobs.progress import JobProgress
from asok_core.jobs.states import FINAL, Status

RECORD_TTL = 86_400
"""Seconds that the record of a job is kept after the job has ended, by default."""

NOT_KEPT = "result not stored: keep_result is False"
"""Why the record of a completed job has no result."""

UNFINISHED_TTL = 30 * 86_400
"""Seconds beyond its due time that the record of an unfinished job is kept without a renewal."""

MAX_RETRIES = 1_000_000

HARD_GRACE = 5.0
"""Seconds that a task has to end after JobTimeout was raised in it."""
EARLIER_ERROR = "earlier_error"
"""Key of a job (in ``extra``): the error, in one line, before it was requeued."""
REDACT = "redact"
"""Key of a job (in ``extra``): which arguments are not shown."""
RETRY = "retry"
"""Key of a job (in ``extra``): what its task declares of retries, for programs that cannot import it.

An object with ``jitter``, ``max_delay`` and ``timeouts``, each only where it is declared."""
LIMIT = "limit"
"""Key of a job (in ``extra``): the limit that its task declares; see ``declared_limits``."""
POSTPONED_SINCE = "postponed_since"
"""Key of a job (in ``extra``): when it was postponed first since its last counted attempt."""
CLOCKS_DIFFER = 5.0
"""Seconds by which a producer's clock may be ahead of Redis's."""
LONGEST_ID = 128
"""Largest size of a job id in bytes. Ours have 36; a worker has slots of this size for ids."""


def new_id() -> str:
    """A new job id (UUID 4, like the framework's)."""
    return _uuid(os.urandom(16).hex())


def new_ids(count: int) -> list[str]:
    """New job ids."""
    # Equivalent to uuid.uuid4(), without an object and a system call for each id.
    digits = os.urandom(16 * count).hex()
    return [_uuid(digits[start : start + 32]) for start in range(0, 32 * count, 32)]


def _uuid(digits: str) -> str:
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def task_name(fn: Callable[..., Any]) -> str:
    """``module.function`` of a task, as records, logs and the console show it."""
    return f"{fn.__module__}.{getattr(fn, '__qualname__', type(fn).__name__)}"


@dataclass(slots=True)  # Mutable: creation is twice as fast, and workers create many.
class Job:
    """The content of an envelope. Nothing changes it but ``jobs.outgoing``, which completes a new one.

    Arguments are plain values (see ``codec``); ``typed`` names the parameters whose values are
    converted back by their annotations before the task is called. ``retry_count`` is the number of
    retries so far (0 on the first attempt). ``backoff`` is the base of the delay in seconds.
    ``postponements`` counts how often, since its last counted attempt, it was postponed without
    spending a retry: a worker could not run it, its task raised ``Retry(counted=False)``, or it resumes
    after its time limit. None is for never. ``keep_result`` is for how many seconds the record of the
    completed job is kept, False for no result in it, None for the setting of the worker. ``extra`` has
    all unknown keys, so that none is lost.

    Examples:
        Hooks get the job that runs:

        >>> job = Job("4711", "shop.mail", "send_receipt", ("ada@example.org",), retries=3)
        >>> job.task, job.attempt, job.attempts
        ('shop.mail.send_receipt', 1, 4)
    """

    id: str
    module: str
    function: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    queue: str = "default"
    retries: int = 0
    retry_count: int = 0
    backoff: float = 2
    enqueued_at: float | None = None
    due_at: float | None = None
    timeout: float | None = None
    hard_timeout: float | None = None
    unique: str | None = None
    request: Mapping[str, Any] | None = None
    typed: tuple[str, ...] = ()
    postponements: int | None = None
    keep_result: float | Literal[False] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    delay: float | None = None
    """Seconds until it is due, from when it is enqueued, by the clock of the backend. It is not in
    the envelope; ``due_at`` is the producer's estimate of the due time."""

    @property
    def redact(self) -> Mapping[str, Any]:
        """What ``redaction.mark`` returned: which arguments are not shown."""
        marks = self.extra.get(REDACT)
        return marks if isinstance(marks, Mapping) else {}

    @property
    def task(self) -> str:
        """``module.function``."""
        return f"{self.module}.{self.function}"

    @property
    def attempt(self) -> int:
        """The number of the next attempt, from 1."""
        return self.retry_count + 1

    @property
    def attempts(self) -> int:
        """The largest number of attempts."""
        return self.retries + 1

    def waits_since(self, now: float) -> float | None:
        """When it became ready to run: when it was enqueued or due, whichever was later.

        None if that is unknown: it was not recorded, or an operator ran it before it was due.
        """
        since = max(self.enqueued_at or 0.0, self.due_at or 0.0)
        # A producer's estimate of the due time may be slightly ahead of Redis's clock.
        return min(since, now) if 0.0 < since <= now + CLOCKS_DIFFER else None

    @property
    def hard_limit(self) -> float | None:
        """Seconds after which a worker kills the process that runs it; None: never.

        At ``timeout``, JobTimeout is raised in the task first. A task that is stuck in C code does
        not receive it, so its process is replaced a little later.
        """
        if self.hard_timeout is not None:
            return self.hard_timeout
        return None if self.timeout is None else self.timeout + HARD_GRACE

    @property
    def postponed_since(self) -> float | None:
        """When it was postponed first since its last counted attempt, epoch seconds; None: not known."""
        # Earlier releases and the framework reset the count alone.
        return number(self.extra.get(POSTPONED_SINCE)) if self.postponements else None

    def retried(self) -> Job:
        """The same job with one more retry counted."""
        count, extra = self.retry_count + 1, self._extra_of_new_attempt()
        return replace(self, retry_count=count, postponements=None, extra=extra)

    def postponed(self, now: float) -> Job:
        """The same job, postponed again, which spends no retry."""
        extra = self.extra
        if self.postponed_since is None:
            extra = {**extra, POSTPONED_SINCE: now}
        return replace(self, postponements=(self.postponements or 0) + 1, extra=extra)

    def renewed(self) -> Job:
        """The same job with all its retries available again, for a requeue."""
        extra = self._extra_of_new_attempt()
        return replace(self, retry_count=0, due_at=None, postponements=None, extra=extra)

    def _extra_of_new_attempt(self) -> Mapping[str, Any]:
        if POSTPONED_SINCE not in self.extra:
            return self.extra
        return {name: each for name, each in self.extra.items() if name != POSTPONED_SINCE}


class CancelRequest(NamedTuple):
    """The request of an operator to cancel a running job. Times are epoch seconds."""

    asked_at: float
    by: str
    ends_at: float | None = None
    """From when its process may be ended."""
    taken_at: float | None = None
    """When its worker received the request; None: not yet."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """The status record of a job. Times are epoch seconds; ``result`` is JSON text, ``error`` a traceback.

    ``error_line`` is the error in one line, as ``Type: text``. ``result_type`` is the annotation of
    the task that converts ``result`` back, if it is not a plain value. ``result_error`` is why the
    result of a completed job is not stored, or was too large to be read. ``foreign`` means that the
    framework wrote the record as a JSON string, which has fewer fields. ``stack`` is where its code was
    when a process was about to be ended: see ``inspection.stacks``. ``cancel`` is set where an operator
    cancelled the job while it ran. ``progress`` is what the last attempt reported last.
    ``release`` is that of the application in ``worker``, None where it is not known. ``later_attempt``:
    a worker of the framework has run the job after the last attempt of ours; neither when nor for how long
    is recorded. ``held_by`` is the hold that keeps a ``held`` job from starting,
    or names what it waits for under a limit.
    ``checkpoint`` is from where an unfinished or failed job resumes. ``interruptions`` is how many of
    its attempts ended without having completed or failed: as the worker stopped, or at the time limit
    with a new checkpoint.

    Examples:
        >>> from math import factorial
        >>> future = background(factorial, 5, _queue="high")
        >>> future.result(timeout=30)
        120
        >>> record = get_job(future.job_id)
        >>> record.function, record.queue, record.result
        ('math.factorial', 'high', '120')
    """

    id: str
    status: Status | str
    function: str = ""
    queue: str | None = None
    result: str | None = None
    result_type: str | None = None
    result_error: str | None = None
    error: str | None = None
    error_line: str | None = None
    ts: float | None = None
    retry_count: int | None = None
    retries: int | None = None
    enqueued_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    worker: str | None = None
    ttl: float | None = None
    foreign: bool = False
    stack: str | None = None
    cancel: CancelRequest | None = None
    progress: JobProgress | None = None
    release: str | None = None
    later_attempt: bool = False
    held_by: str | None = None
    checkpoint: JobCheckpoint | None = None
    interruptions: int = 0

    @property
    def finished(self) -> bool:
        """Whether the job has ended (an operator may still requeue it)."""
        return self.status in FINAL
