"""Log lines of a worker: for people, or JSON for machines."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from asok_core.backends.redis.consuming.oversized import OversizedEntry
from asok_core.errors import Oversized
from asok_core.inspection.invisible import visible
from asok_core.inspection.redaction import Redaction
from asok_core.jobs.job import Job
from asok_core.jobs.sizes import size_words
from asok_core.runtime import output
from asok_core.runtime.failures import Failure
from asok_core.runtime.log_lines import write_always_to
from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.worker")

FIELDS = (
    "task",
    "error",
    "retry_in",
    "note",
    "queue",
    "attempt",
    "duration",
    "job_id",
    "arguments",
)
"""Attributes of our records that a line for people shows, in that order."""
_SHOWN_AS = {"job_id": "job"}
_LAYOUT = "\n\t"
"""What stays as it is in a traceback and in a message of the application."""

_OF_EVERY_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
}


class TextFormatter(logging.Formatter):
    """``12:00:01 WARNING Job failed  task=mail.send error='...' queue=high attempt=1/4 job=...``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, and a traceback below it."""
        message = record.getMessage()
        # Ids and names come from Redis, and values from any program: none may steer a terminal.
        ours = record.name.startswith("asok.")
        message = visible(message) if ours else _indented(visible(message, kept=_LAYOUT))
        line = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname:<7} {message}"
        extras = []
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                extras.append(f"{_SHOWN_AS.get(name, name)}={_shown(name, value)}")
        if extras:
            line = f"{line}  {' '.join(extras)}"
        for text in _traceback_lines(self, record):
            line = f"{line}\n  {_indented(visible(text, kept=_LAYOUT))}"
        return line


def _shown(name: str, value: object) -> str:
    if name == "duration" and isinstance(value, int | float):
        return f"{value * 1000:.0f}ms"
    if name == "retry_in":
        return f"{value:g}s"
    return visible(repr(value) if name in ("error", "note") else str(value))


def _indented(text: str) -> str:
    # A text of several lines has line breaks that its author has chosen: none of its lines may
    # pass for one of the log.
    return text.replace("\n", "\n  ")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time level logger message`` and every attribute given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """The JSON text of a record."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, object] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        below = list(_traceback_lines(self, record))
        if below:
            fields["traceback"] = "\n".join(below)
        for name, value in record.__dict__.items():
            if name not in _OF_EVERY_RECORD and value is not None:
                # Ours keep their names: a reader of the log relies on them.
                fields[f"{name}_" if name in fields else name] = value
        return _json(fields)


def _traceback_lines(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    texts = []
    if record.exc_text:
        # An error without a traceback is one of the attributes already.
        if "\n" in record.exc_text or getattr(record, "error", None) is None:
            texts.append(record.exc_text.rstrip())
    elif record.exc_info:
        texts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        texts.append(formatter.formatStack(record.stack_info))
    return texts


def _json(fields: dict[str, object]) -> str:
    with suppress(Exception):
        return json.dumps(fields, default=_text, allow_nan=False)
    # One value that JSON cannot hold must not cost the others.
    return json.dumps({name: _plain(value) for name, value in fields.items()})


def _plain(value: object) -> object:
    try:
        return json.loads(json.dumps(value, default=_text, allow_nan=False))
    except Exception:  # noqa: BLE001 - keys of another type, a circle, NaN
        return _text(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except BaseException:  # noqa: BLE001 - its __str__ is the application's code
        return f"<{type(value).__name__}>"


class _Handler(logging.Handler):
    """Writes to standard error, whatever tasks do to ``sys.stderr``, and waits for nothing."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._output = output.standard(2)
        self._encoding = encoding

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record. No lock is needed: a time limit that strikes a task never leaves one taken."""
        found: object = self.filter(record)  # from Python 3.12 on it may be another record
        if found:
            self.emit(found if isinstance(found, logging.LogRecord) else record)
        return bool(found)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            text = f"{self.format(record)}\n"
        except Exception:  # noqa: BLE001 - arguments are objects of the application
            self.handleError(record)
        else:
            self._output.write(text.encode(self._encoding, "backslashreplace"))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        """Drop a line that cannot be written."""
        with suppress(Exception):
            super().handleError(record)


def is_logged(level: int) -> bool:
    """Whether lines of this level are written: asked where it costs something to say what is in one."""
    return logger.isEnabledFor(level)


def log_job(
    level: int,
    event: str,
    job: Job,
    *,
    raised: BaseException | None = None,
    trace: str | None = None,
    arguments: Redaction | None = None,
    **extra: object,
) -> None:
    """Log what happened to a job. ``event`` is the whole message: what it was is in the attributes.

    ``arguments`` says how its arguments may be shown; None: not at all.
    So log stores and error reporters group lines by event, task and error.
    """
    if not logger.isEnabledFor(level):
        return
    extra |= {
        "job_id": job.id,
        "task": job.task,
        "queue": job.queue,
        "attempt": f"{job.attempt}/{job.attempts}",
    }
    if arguments is not None:
        shown = arguments.job(job)
        extra["arguments"] = (shown.args, dict(shown.kwargs))
    logger.log(level, event, exc_info=raised, exc_text=trace, extra=extra)


def log_failure(
    job: Job,
    error: BaseException,
    failure: Failure,
    *,
    retry_in: float | None = None,
    asked: bool = False,
    arguments: Redaction | None = None,
    **extra: object,
) -> None:
    """Log a failed attempt, once its outcome is submitted. ``retry_in`` is in seconds.

    What a task ``asked`` for by ``Retry`` is not an error, and has no traceback in the log. Whether it is
    retried is not known yet: an operator may have cancelled the job, which then has a line of its own.
    """
    level, event = logging.ERROR, "Job failed"
    if retry_in is not None:
        level, event, extra["retry_in"] = logging.WARNING, "Attempt failed", retry_in
    extra["error"] = failure.line
    raised: BaseException | None = error
    trace: str | None = failure.traceback
    if asked and retry_in is not None:
        level, event, raised, trace = logging.INFO, "Retry requested", None, None
    log_job(level, event, job, raised=raised, trace=trace, arguments=arguments, **extra)


def log_postponed(job: Job, error: str, retry_in: float, **extra: Any) -> None:
    """Log an attempt that ended through no fault of the job. The job itself may have been cancelled."""
    log_job(logging.WARNING, "Attempt postponed", job, error=error, retry_in=retry_in, **extra)


INTERRUPTED = "Job interrupted"
"""Of an attempt that did not fail, and after which the job resumes from its checkpoint."""
NOT_BEGUN = "it had not begun"
"""Of a cancelled job that no attempt of a task was made of."""


def log_cancelled(job: Job, error: str, **extra: Any) -> None:
    """Log that a job ended as an operator had cancelled it. ``error`` is how its attempt ended."""
    log_job(logging.WARNING, "Job cancelled", job, error=error, **extra)


def log_rejected(
    job: Job | None, queue: str, error: Exception, retry_in: float | None = None
) -> None:
    """Log that a job must not run, once its outcome is submitted. None: it cannot be read.

    With ``retry_in`` (seconds) it is tried again.
    """
    line = f"{type(error).__name__}: {error}"
    extra: dict[str, object] = {"queue": queue, "error": line}
    if job is not None:
        extra |= {"job_id": job.id, "task": job.task}
    level, event = logging.ERROR, "Job rejected"
    if retry_in is not None:
        level, event, extra["retry_in"] = logging.WARNING, "Attempt postponed", retry_in
    logger.log(level, event, exc_info=error, exc_text=line, extra=extra)


def log_set_aside(found: Iterable[OversizedEntry]) -> None:
    """Log what was too large to be read as an envelope."""
    for each in found:
        line = f"{Oversized.__name__}: {size_words(each.size)}, SHA-1 {each.sha1}"
        extra = {"queue": each.queue, "error": line, "size": each.size, "sha1": each.sha1}
        logger.error("Entry set aside: larger than ASOK_MAX_ENVELOPE", extra=extra)


def warn_of_dropped(dead_jobs: int) -> None:
    """Log how many of the oldest dead jobs were dropped for new ones."""
    if dead_jobs:
        logger.warning("Dropped the %d oldest dead jobs (ASOK_DLQ_MAX)", dead_jobs)


def set_up_logging(level: str = "info", form: str = "text") -> None:
    """Send the log of this process to standard error, in the form asked for.

    Lines of our own are written whatever tasks do to the configuration of logging; see ``logs``.
    """
    handler = _Handler(sys.stderr.encoding)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    write_always_to(handler, level.upper())
    for number in (1, 2):
        output.standard(number).on_resumed = _warn_of_unread


def _warn_of_unread(number: int, lines: int, seconds: float) -> None:
    name = "output" if number == 1 else "error"
    logger.warning(
        "Dropped %d lines: standard %s was not read for %.0f s (process %d)",
        lines,
        name,
        seconds,
        os.getpid(),
    )
