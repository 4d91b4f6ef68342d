"""The errors that users see. The text of each is one line: what is wrong and what to do."""

from __future__ import annotations


class AsokError(Exception):
    """Base class of all errors of this package. ``str(error)`` is one line for the operator."""


class SettingsError(AsokError):
    """A setting is missing or invalid. The line names the variable and what is allowed.

    Examples:
        >>> try:
        ...     Settings.load({"BG_WORKERS": "zero"})
        ... except SettingsError as error:
        ...     print(error)
        BG_WORKERS is 'zero'; it must be a whole number from 1 to 1024
    """


class UsageError(AsokError):
    """A command line, filter or file is invalid."""


class NoSuchHold(UsageError):
    """There is no hold of this id, as far as is known."""


class Unreachable(AsokError):
    """Redis cannot be reached, or rejects the login. Nothing was changed unless the line says so."""


class NoResources(Unreachable):
    """No connection to Redis can be opened: a resource is exhausted, here or on the server."""


class Refused(AsokError):
    """Redis answered and refused the command (ACL, read-only replica, out of memory)."""


class EnvelopeError(AsokError):
    """An envelope that must not run. ``reason`` is a short label for counters and dead jobs."""

    reason = "invalid"


class MalformedEnvelope(EnvelopeError):
    """It is not an envelope: invalid JSON, or a field that is missing or of the wrong type."""

    reason = "malformed"


class BadSignature(EnvelopeError):
    """The signature does not match under SECRET_KEY nor any of SECRET_KEY_FALLBACKS."""

    reason = "bad signature"


class UnsignedEnvelope(EnvelopeError):
    """A job without a signature. It does not run unless an operator explicitly trusts it."""

    reason = "unsigned"


class OldEnvelope(EnvelopeError):
    """The signature is valid, but of version 1, which ASOK_ENVELOPE does not accept."""

    reason = "version 1"


class WrongQueue(EnvelopeError):
    """The job was signed for another queue than the one from which it was claimed."""

    reason = "wrong queue"


class TooOld(EnvelopeError):
    """The job was enqueued or due longer ago than ASOK_MAX_JOB_AGE allows."""

    reason = "too old"


class Replayed(EnvelopeError):
    """The record of the job says that it has finished: a copy of its envelope was put into a queue."""

    reason = "replayed"


class Oversized(EnvelopeError):
    """An entry is larger than ``ASOK_MAX_ENVELOPE``: it was not read."""

    reason = "oversized"


class TaskNotFound(AsokError):
    """The module or function that a job names does not exist."""


class InvalidTaskName(TaskNotFound):
    """The name that a job gives cannot be the name of a task."""


class TaskNotAllowed(TaskNotFound):
    """The task that a job names is not allowed by ``ASOK_TASK_MODULES`` of this worker."""


class TaskImportFailed(AsokError):
    """The module of a task exists, and raised an error on import, which is the ``__cause__``."""


class PayloadTooLarge(AsokError, ValueError):
    """The arguments of a job are larger than ``ASOK_MAX_PAYLOAD``.

    Examples:
        >>> configure(Settings(max_payload=1000))
        >>> try:
        ...     background(len, "x" * 2000)
        ... except PayloadTooLarge:
        ...     print("pass a key, and store the text elsewhere")
        pass a key, and store the text elsewhere
    """


class JobNotFound(AsokError, LookupError):
    """The job has no record: it never existed, or the record has expired (see ASOK_RECORD_TTL).

    Examples:
        >>> try:
        ...     get_job("4711")
        ... except JobNotFound:
        ...     print("expired")
        expired
    """


class JobFailed(AsokError):
    """Raised by ``future.result()`` when the job failed for good; the text is its error in one line.

    The text is the same on every backend, as in ``ValueError: no luck``. ``traceback`` is the one
    in the job's record. If the job ran in this process, ``__cause__`` is the exception itself.

    Examples:
        >>> from statistics import mean
        >>> try:
        ...     background(mean, []).result(timeout=30)
        ... except JobFailed as error:
        ...     print(error)
        StatisticsError: mean requires at least one data point
    """

    def __init__(self, error: str = "", traceback: str = "") -> None:
        super().__init__(error)
        self.traceback = traceback


class JobCancelled(AsokError):
    """Raised by ``future.result()`` when the job was cancelled before it finished.

    Examples:
        >>> from math import factorial
        >>> future = background(factorial, 5, _delay=60)
        >>> future.cancel()
        True
        >>> isinstance(future.exception(), JobCancelled)
        True
    """


class JobInterrupted(BaseException):
    """Raised by ``current_job().checkpoint()`` where the process is about to end; the job resumes later.

    It is not an Exception, so that ``except Exception`` does not stop it. A task can clean up:

    Examples:
        >>> def load(rows, connection):
        ...     for number, row in enumerate(rows):
        ...         try:
        ...             current_job().checkpoint(number)
        ...         except JobInterrupted:
        ...             connection.close()
        ...             raise
        >>> configure(Settings(queue_backend="eager"))
        >>> background(load, ["a", "b"], None).result()
    """


class ResultNotStored(AsokError):
    """Raised by ``future.result()`` of a completed job whose result was not stored or is too large."""


class RecordTooLarge(AsokError):
    """Raised by ``future.result()`` when the record of the job is too large to be read."""


class Deadlock(AsokError):
    """Raised by ``future.result()`` in a task when no slot is left that could run the awaited job."""


class WorkerCrashed(AsokError):
    """The error of a job during which processes died too often. Passed to ``hooks.failure``."""


class JobTimeout(Exception):
    """Raised inside a task that runs longer than its ``_timeout``.

    Examples:
        >>> from time import sleep
        >>> def wait():
        ...     while True:
        ...         sleep(0.01)
        >>> background(wait, _timeout=0.05).exception(timeout=30)
        JobFailed('JobTimeout: it ran longer than its timeout of 0.05 s')
    """
