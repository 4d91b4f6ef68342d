"""Every error a user can meet. Each carries one line that says what is wrong and what to do."""

from __future__ import annotations


class AsokError(Exception):
    """Base of all errors raised on purpose. ``str(error)`` is one line fit for an operator."""


class SettingsError(AsokError):
    """A setting is missing or makes no sense. The line names the variable and what is allowed."""


class UsageError(AsokError):
    """A command line, filter or file that cannot be understood."""


class Unreachable(AsokError):
    """Redis cannot be reached, or refuses this user. Nothing was changed unless the line says so."""


class NoResources(Unreachable):
    """No connection to Redis can be opened: what that takes is used up, here or on the server."""


class Refused(AsokError):
    """Redis answered, and will not let this user do it (ACL, read-only replica, out of memory)."""


class EnvelopeError(AsokError):
    """An envelope that must not run. ``reason`` is a short word for counters and dead letters."""

    reason = "invalid"


class MalformedEnvelope(EnvelopeError):
    """Not an envelope: broken JSON, a missing or wrongly typed field."""

    reason = "malformed"


class BadSignature(EnvelopeError):
    """The signature does not match under SECRET_KEY nor any of SECRET_KEY_FALLBACKS."""

    reason = "bad signature"


class UnsignedEnvelope(EnvelopeError):
    """A job without a signature. It never runs until an operator says so by an explicit word."""

    reason = "unsigned"


class OldEnvelope(EnvelopeError):
    """The signature is good, but of version 1, which ASOK_ENVELOPE does not accept."""

    reason = "version 1"


class WrongQueue(EnvelopeError):
    """The job was signed for another queue than the one from which it was claimed."""

    reason = "wrong queue"


class TooOld(EnvelopeError):
    """The job was enqueued or due longer ago than ASOK_MAX_JOB_AGE allows."""

    reason = "too old"


class Replayed(EnvelopeError):
    """The record of the job says that it has ended: somebody put a copy of its envelope into a queue."""

    reason = "replayed"


class Oversized(EnvelopeError):
    """An entry is larger than ``ASOK_MAX_ENVELOPE``: it was not read."""

    reason = "oversized"


class TaskNotFound(AsokError):
    """There is no module or no function of the name that a job gives."""


class InvalidTaskName(TaskNotFound):
    """No worker has a task of the name that a job gives: it cannot name one."""


class TaskNotAllowed(TaskNotFound):
    """``ASOK_TASK_MODULES`` of this worker does not list the task that a job names."""


class TaskImportFailed(AsokError):
    """The module of a task is there, and raised an error while it was imported: its ``__cause__``."""


class PayloadTooLarge(AsokError, ValueError):
    """Arguments of a job exceed ``ASOK_MAX_PAYLOAD``."""


class JobNotFound(AsokError, LookupError):
    """No record of that job: it never existed, or it has expired (see ASOK_RECORD_TTL)."""


class JobFailed(AsokError):
    """Raised by ``future.result()`` when the job failed for good; the text is its error in one line.

    It is the same on every backend: ``ValueError: no luck``. ``traceback`` is the text that the job's
    record keeps. Where the job ran in this process, ``__cause__`` is the exception itself.
    """

    def __init__(self, error: str = "", traceback: str = "") -> None:
        super().__init__(error)
        self.traceback = traceback


class JobCancelled(AsokError):
    """Raised by ``future.result()`` when the job was cancelled before it finished."""


class ResultNotStored(AsokError):
    """Raised by ``future.result()`` of a completed job: its result was not kept, or is too large."""


class RecordTooLarge(AsokError):
    """Raised by ``future.result()`` where the record of the job is too large to tell how the job ended."""


class Deadlock(AsokError):
    """Raised by ``future.result()`` inside a task when no slot is left that could run the awaited job."""


class WorkerCrashed(AsokError):
    """What failed a job during which too many processes died. Passed to ``hooks.failure``."""


class JobTimeout(Exception):
    """Raised inside a task that runs longer than its ``_timeout``."""
