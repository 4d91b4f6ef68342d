"""What is hidden of a job wherever it is shown: arguments by their names, and their values in its errors.

Names are those that ``ASOK_REDACT`` lists where a job is shown, and those that its task declares
(``@task(redact=("card",))``), which are part of the job. Code that shows, logs, exports or records a job
gets it from here; code that runs it does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from asok_core.inspection.edits import changed_words, same
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.limits import LimitBucket, subject_of
from asok_core.inspection.masking import (
    hide,
    masked,
    masked_json,
    masked_result,
    restored,
    without_hidden,
)
from asok_core.jobs.annotations import annotations_of
from asok_core.jobs.checkpoint import JobCheckpoint
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import EARLIER_ERROR, Job, JobRecord
from asok_core.jobs.job_text import to_text
from asok_core.jobs.progress import JobProgress
from asok_core.runtime.failures import Failure
from asok_core.settings.secret_names import MASK, NamePattern, name_pattern

NAMES, HIDE = "names", "hide"
"""Keys of ``Job.redact``: names of the positional arguments, patterns that the task declares."""


def mark(
    function: Callable[..., Any], count: int, declared: Sequence[str], *, always: bool
) -> dict[str, Any] | None:
    """What a job carries about hidden arguments; None where it carries nothing.

    The names of its ``count`` positional arguments are known only where the task can be imported, so they
    are written here if anything is to be hidden: the task declares it, or ``always``.
    """
    if not (declared or always):
        return None
    marks: dict[str, Any] = {HIDE: list(declared)} if declared else {}
    notes = annotations_of(function)
    names = [found.name for at in range(count) if (found := notes.parameter(at)) is not None]
    if names:
        marks[NAMES] = names
    return marks or None


class Redaction:
    """Hides what the names of ``patterns`` (``ASOK_REDACT``) say, and what the task of a job says.

    Positional arguments without a known name are hidden as soon as anything is: they may be any. Of a
    job without a good signature (not ``believed``) nothing is hidden because the job says so, nor because
    a name is unknown: an operator who trusts it has to see what it does.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self.patterns = tuple(patterns)

    @property
    def has_patterns(self) -> bool:
        """Whether it hides more than tasks declare."""
        return bool(self.patterns)

    def job(self, job: Job, *, believed: bool = True) -> Job:
        """The job as it may be shown; the same object where nothing is hidden."""
        args, kwargs, values = self._hidden(job, believed=believed)
        if not values and args == job.args:
            return job
        extra = job.extra
        if isinstance(earlier := extra.get(EARLIER_ERROR), str):
            extra = {**extra, EARLIER_ERROR: self._text(earlier, job, values)}
        return replace(job, args=args, kwargs=kwargs, extra=extra)

    def text(self, text: str, job: Job | None, *, believed: bool = True) -> str:
        """An error or traceback of a job without the values that are hidden in its arguments."""
        values = self._hidden(job, believed=believed)[2] if job is not None else []
        return self._text(text, job if believed else None, values)

    def failure(self, failure: Failure, job: Job) -> Failure:
        """The same for what a worker is going to write down."""
        if not (self.patterns or job.redact):
            return failure
        line, trace = (self.text(each, job) for each in failure)
        return Failure(line, trace)

    def payload(self, payload: Payload) -> Payload:
        """A payload as it may be shown. Its ``raw``, ``text`` and ``envelope`` stay those of the job."""
        job = payload.job
        if job is None:
            unreadable = self.patterns and payload.trust is Trust.MALFORMED
            return replace(payload, redacted=True) if unreadable else payload
        believed = is_believed(payload)
        if not (self.patterns or (believed and job.redact)):
            return payload
        shown = self.job(job, believed=believed)
        error, traceback = (
            None if each is None else self.text(each, job, believed=believed)
            for each in (payload.error, payload.traceback)
        )
        if payload.size is not None:
            # Of a large job only the beginning is there, and no names are known in it.
            return replace(
                payload, job=shown, error=error, traceback=traceback, raw=MASK.encode(), redacted=True
            )  # fmt: skip
        redacted = (shown, error, traceback) != (job, payload.error, payload.traceback)
        return replace(payload, job=shown, error=error, traceback=traceback, redacted=redacted)

    def record(self, record: JobRecord, job: Job | None = None) -> JobRecord:
        """A record as it may be shown; ``job`` is the one that it is about, where that is known."""
        pattern = self._pattern(job)
        if pattern is None:
            return record
        error, line, why = (
            None if each is None else self.text(each, job)
            for each in (record.error, record.error_line, record.result_error)
        )
        result = record.result if record.result is None else masked_result(record.result, pattern)
        return replace(
            record,
            error=error,
            error_line=line,
            result_error=why,
            result=result,
            progress=self.progress(record.progress, job) if record.progress else None,
            checkpoint=record.checkpoint and self._checkpoint(record.checkpoint, job, pattern),
        )

    def _checkpoint(
        self, checkpoint: JobCheckpoint, job: Job | None, pattern: NamePattern
    ) -> JobCheckpoint:
        values = self._hidden(job, believed=True)[2] if job is not None else []
        return checkpoint._replace(text=masked_json(checkpoint.text, pattern, values), signature="")

    def progress(self, progress: JobProgress, job: Job | None) -> JobProgress:
        """What a job reported, with its note as it may be shown."""
        return progress._replace(note=self.text(progress.note, job))

    def detail(self, detail: JobDetail) -> JobDetail:
        """Everything that is known of a job as it may be shown."""
        payload, record = detail.payload, detail.record
        job = payload.job if payload else None
        return detail._replace(
            record=self.record(record, job) if record else None,
            payload=self.payload(payload) if payload else None,
            attempts=tuple(
                each._replace(error=self.text(each.error, job)) for each in detail.attempts
            ),
            note=detail.note and detail.note._replace(text=self.text(detail.note.text, job)),
            reports={at: self.progress(each, job) for at, each in detail.reports.items()},
            bucket=detail.bucket and self.bucket(detail.bucket, job),
        )

    def bucket(self, bucket: LimitBucket, job: Job | None = None) -> LimitBucket:
        """What is known of a bucket as it may be shown. ``job``: one of it, where that is known."""
        subject = subject_of(bucket.identity)
        pattern = self._pattern(job)
        if subject is None or subject.key is None or pattern is None:
            return bucket
        path = subject.key
        # The name of a positional argument is not known here.
        hides = path.root == "args" or any(
            pattern.hides(each) for each in path.steps if isinstance(each, str)
        )
        return bucket._replace(value=json.dumps(MASK)) if hides else bucket

    def filled(
        self, changes: Mapping[str, Any], job: Job, *, believed: bool = True
    ) -> dict[str, Any]:
        """An edit of what was shown, with the hidden values restored.

        Raises UsageError where the mask is at a position at which nothing was hidden.
        """
        shown = self.job(job, believed=believed)
        return {
            name: restored(value, getattr(shown, name), getattr(job, name)) if name in _EDITED else value
            for name, value in changes.items()
        }  # fmt: skip

    def changed_words(
        self, job: Job, args: Sequence[Any], kwargs: Mapping[str, Any], *, believed: bool = True
    ) -> str:
        """What an edit changed, in one line and without what is hidden."""
        after = replace(job, args=tuple(args), kwargs=kwargs)
        shown, shown_after = (self.job(each, believed=believed) for each in (job, after))
        before, now = (shown.args, shown.kwargs), (shown_after.args, shown_after.kwargs)
        if same(before, now) and not same((job.args, job.kwargs), (args, kwargs)):
            return "hidden arguments changed"
        return changed_words(before, now)

    def _pattern(self, job: Job | None) -> NamePattern | None:
        own = _words(job, HIDE) if job is not None else []
        patterns = (*self.patterns, *own)
        return name_pattern(patterns) if patterns else None

    def _hidden(
        self, job: Job, *, believed: bool
    ) -> tuple[tuple[Any, ...], Mapping[str, Any], list[Any]]:
        pattern = self._pattern(job if believed else None)
        if pattern is None:
            return job.args, job.kwargs, []
        found: list[Any] = []
        if not believed:
            return (
                tuple(masked(list(job.args), pattern, found)),
                masked(job.kwargs, pattern, found),
                found,
            )
        known = _words(job, NAMES)
        args = tuple(
            masked({known[at]: value}, pattern, found)[known[at]]
            if at < len(known)
            else hide(value, found)
            for at, value in enumerate(job.args)
        )
        return args, masked(job.kwargs, pattern, found), found

    def _text(self, text: str, job: Job | None, values: list[Any]) -> str:
        pattern = self._pattern(job)
        return text if pattern is None else without_hidden(text, pattern, values)


class NoRedaction(Redaction):
    """Shows everything, also what tasks declare: only for an operator who requests that explicitly."""

    def _pattern(self, job: Job | None) -> NamePattern | None:  # noqa: ARG002
        return None

    def payload(self, payload: Payload) -> Payload:
        """The payload as it is."""
        return payload


def is_believed(payload: Payload) -> bool:
    """Whether what a job says of itself may hide anything of it."""
    return payload.trust not in _UNBELIEVED


def shown_raw(payload: Payload) -> str:
    """What is shown of an element as Redis holds it: its text, or what may be shown of it."""
    if not payload.redacted:
        return payload.raw.decode(errors="replace")
    if payload.job is None or payload.size is not None:
        return MASK
    fields: dict[str, Any] = {"redacted": True, "job": json.loads(to_text(payload.job))}
    for name in ("failed_at", "error", "traceback"):
        if (value := getattr(payload, name)) is not None:
            fields[name] = value
    return json.dumps(fields)


_UNBELIEVED = (Trust.UNSIGNED, Trust.BAD)
_EDITED = ("args", "kwargs")


def _words(job: Job, key: str) -> list[str]:
    """What ``mark`` wrote under a key; nothing of what another program may have written there."""
    words = job.redact.get(key)
    if isinstance(words, list) and all(isinstance(each, str) for each in words):
        return words
    return []


__all__ = ["MASK", "NoRedaction", "Redaction", "is_believed", "mark", "shown_raw"]
