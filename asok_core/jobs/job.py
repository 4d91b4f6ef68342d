"""One queued call of a task, and the record of how it goes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from asok_core.jobs.states import FINAL, Status

RECORD_TTL = 86_400
"""Seconds that the record of a job is kept after the job has ended, where no setting says otherwise."""

NOT_KEPT = "result not stored: keep_result is False"
"""Why the record of a completed job has no result."""

UNFINISHED_TTL = 30 * 86_400
"""Seconds that the record of an unfinished job is kept when no worker renews it, beyond its due time."""

MAX_RETRIES = 1_000_000

HARD_GRACE = 5.0
"""Seconds that a task has to end after its ``timeout`` has been raised in it."""
EARLIER_ERROR = "earlier_error"
"""Key of a job (in ``extra``) for the error in one line that it had before it was requeued."""
REDACT = "redact"
"""Key of a job (in ``extra``) for what is not to be shown of its arguments."""
CLOCKS_DIFFER = 5.0
"""Seconds by which a producer's clock may be ahead of Redis's."""
LONGEST_ID = 128
"""Bytes of a job id. Ours have 36; a worker notes the ids of what it runs in slots of this size."""


def new_id() -> str:
    """A fresh job id (UUID 4, like the framework's)."""
    return new_ids(1)[0]


def new_ids(count: int) -> list[str]:
    """Fresh job ids."""
    # What uuid.uuid4() does, without an object and a system call for each id.
    digits = os.urandom(16 * count).hex()
    return [_uuid(digits[start : start + 32]) for start in range(0, 32 * count, 32)]


def _uuid(digits: str) -> str:
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def task_name(fn: Callable[..., Any]) -> str:
    """``module.function`` of a task, as records, logs and the console show it."""
    return f"{fn.__module__}.{getattr(fn, '__qualname__', type(fn).__name__)}"


@dataclass(slots=True)  # Frozen, it would take twice as long to make: each job of a worker is one.
class Job:
    """What travels in an envelope. It is not changed once it is made.

    Arguments are plain values (see ``codec``); ``typed`` names the parameters whose values are
    converted back by their annotations before the task is called. ``retry_count`` is the number of
    retries spent so far (0 on the first attempt). ``backoff`` is the base of the delay in seconds.
    ``postponements`` counts how often a worker could not run it and was to blame for that, None for
    never. ``keep_result`` is for how many seconds the record of the completed job stays, False for no
    result in it, None for what the settings of the worker say. ``extra`` holds every key that
    we do not know, so that none is lost.
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
    """Seconds after its enqueueing at which it is due, by the clock of the backend. It is not in the
    envelope; ``due_at`` is what the producer expects to come of it."""

    @property
    def redact(self) -> Mapping[str, Any]:
        """What ``redaction.mark`` says of arguments that are not to be shown."""
        marks = self.extra.get(REDACT)
        return marks if isinstance(marks, Mapping) else {}

    @property
    def task(self) -> str:
        """``module.function``."""
        return f"{self.module}.{self.function}"

    @property
    def attempt(self) -> int:
        """Which attempt the next run is, from 1."""
        return self.retry_count + 1

    @property
    def attempts(self) -> int:
        """How many attempts the job may have in all."""
        return self.retries + 1

    def waits_since(self, now: float) -> float | None:
        """When it became ready to run: the later of when it was enqueued and when it was due.

        None where that is not known: it was not recorded, or an operator ran it before it was due.
        """
        since = max(self.enqueued_at or 0.0, self.due_at or 0.0)
        # A producer's estimate of the due time may be ahead of Redis's clock by a little.
        return min(since, now) if 0.0 < since <= now + CLOCKS_DIFFER else None

    @property
    def hard_limit(self) -> float | None:
        """Seconds after which a worker ends the whole process that runs it; None: never.

        ``timeout`` raises JobTimeout in the task first. A task that is stuck in C code does not hear
        that, so its process is replaced a little later.
        """
        if self.hard_timeout is not None:
            return self.hard_timeout
        return None if self.timeout is None else self.timeout + HARD_GRACE

    def retried(self) -> Job:
        """The same job with one more retry spent."""
        return replace(self, retry_count=self.retry_count + 1, postponements=None)

    def postponed(self) -> Job:
        """The same job with one more postponement, which costs no retry."""
        return replace(self, postponements=(self.postponements or 0) + 1)

    def renewed(self) -> Job:
        """The same job with all its retries back, as a requeue puts it."""
        return replace(self, retry_count=0, due_at=None, postponements=None)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """The status record of a job. Times are epoch seconds; ``result`` is JSON text, ``error`` a traceback.

    ``error_line`` is the error in one line, as ``Type: text``.
    ``result_type`` is the annotation of the task by which ``result`` converts back, where JSON alone
    does not carry it. ``result_error`` says why the result of a completed job is not stored, or was too
    large to be read.
    ``foreign`` tells that the framework wrote it as a JSON string, which holds fewer fields.
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

    @property
    def finished(self) -> bool:
        """Whether the job came to an end (it can still be requeued by an operator)."""
        return self.status in FINAL
