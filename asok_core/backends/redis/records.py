"""Reading job records: ours are hashes, the framework's are JSON strings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from asok_core.jobs.checkpoint import decoded as decoded_checkpoint
from asok_core.jobs.job import NOT_KEPT, CancelRequest, JobRecord
from asok_core.jobs.numbers import number, whole
from asok_core.jobs.progress import decoded, reported_by
from asok_core.jobs.states import Status

LOST = "JobLost"
"""What the error begins with in the record of a job that was nowhere (see operating/missing_jobs.py)."""
UNREADABLE = "unreadable"
"""Status of a record that is neither a hash nor JSON."""
_FAILED = (Status.FAILED, Status.RETRYING)
_OF_ATTEMPT = (
    *("started_at", "finished_at", "worker", "release", "progress", "stack", "error_line"),
    "retry_count",
)
"""Fields that our worker writes of an attempt, and the framework's keeps as they are."""
_STATUSES = {str(each): each for each in Status}


def parse_record(
    job_id: str, replies: Sequence[Any], *, ttl: float | None = None
) -> JobRecord | None:
    """The record in the replies of HGETALL and GET; None when there is none of either type.

    ``ttl`` (seconds) is what Redis said beside it.
    """
    as_hash, as_text = replies
    if isinstance(as_hash, list) and as_hash:
        pairs = zip(as_hash[::2], as_hash[1::2], strict=False)
        return _record(job_id, {_text(k): _text(v) for k, v in pairs}, ttl, foreign=False)
    if isinstance(as_text, bytes):
        try:
            fields = json.loads(as_text)
            if isinstance(fields, dict):
                if fields.get("result") is not None:
                    fields["result"] = json.dumps(fields["result"])
                return _record(job_id, fields, ttl, foreign=True)
        except (ValueError, RecursionError):
            pass
        # It is there, and says nothing of the job: a worker that settles it writes it again.
        return JobRecord(job_id, UNREADABLE, ttl=ttl, foreign=True)
    return None


def _record(
    job_id: str, fields: Mapping[str, Any], ttl: float | None, *, foreign: bool
) -> JobRecord:
    status = str(fields.get("status") or "")
    if status == Status.COMPLETED and not foreign and "run_us" in fields:
        fields = _whole_record(fields)
    later = foreign and _has_later_attempt(fields)
    if later:
        fields = {name: value for name, value in fields.items() if name not in _OF_ATTEMPT}
    return JobRecord(
        id=job_id,
        status=_STATUSES.get(status, status),
        function=str(fields.get("function") or ""),
        queue=_optional(fields.get("queue")),
        result=_optional(fields.get("result")),
        result_type=_optional(fields.get("result_type")),
        result_error=_optional(fields.get("result_error")),
        error=_optional(fields.get("error")),
        # Of an earlier attempt, once a later one succeeded.
        error_line=_optional(fields.get("error_line")) if status in _FAILED else None,
        ts=number(fields.get("ts")),
        retry_count=whole(fields.get("retry_count")),
        retries=whole(fields.get("retries")),
        enqueued_at=number(fields.get("enqueued_at")),
        started_at=number(fields.get("started_at")),
        finished_at=number(fields.get("finished_at")),
        worker=_optional(fields.get("worker")),
        stack=_optional(fields.get("stack")),
        cancel=_cancel_of(fields),
        progress=reported_by(decoded(fields.get("progress")), number(fields.get("started_at"))),
        release=_optional(fields.get("release")),
        ttl=ttl,
        foreign=foreign,
        later_attempt=later,
        checkpoint=decoded_checkpoint(fields.get("checkpoint")),
        interruptions=max(whole(fields.get("interruptions")) or 0, 0),
        held_by=_optional(fields.get("held_by")) if status == Status.HELD else None,
    )


def _has_later_attempt(fields: Mapping[str, Any]) -> bool:
    """Whether the framework's worker has run the job after the attempt that our fields are of."""
    of_ours = number(fields.get("attempt_ts"))
    return of_ours is not None and of_ours != number(fields.get("ts"))


def _cancel_of(fields: Mapping[str, Any]) -> CancelRequest | None:
    asked_at = number(fields.get("cancel_asked"))
    if asked_at is None:
        return None
    return CancelRequest(
        asked_at,
        _optional(fields.get("cancel_by")) or "",
        number(fields.get("cancel_ends")),
        number(fields.get("cancel_taken")),
    )


def _whole_record(known: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of the record of a completed job, which ``complete.lua`` writes as few short ones."""
    ended, ran = number(known.get("ts")), number(known.get("run_us"))
    queued, began, enqueued = number(known.get("queued_us")), None, None
    if ended is not None and ran is not None:
        micros = round(ended * 1e6) - ran
        began, enqueued = micros / 1e6, None if queued is None else (micros - queued) / 1e6
    fields = {"queue": "default", "retries": 0, "retry_count": 0, "result": "null", **known}
    fields |= {"finished_at": ended, "started_at": began, "enqueued_at": enqueued}
    if not fields["result"]:
        fields["result_error"] = fields.get("result_error") or NOT_KEPT
    elif fields.get("result_error"):
        fields["result"] = ""
    return fields


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _optional(value: object) -> str | None:
    # A text that is a list or an object was not written by a worker, and may be nested without end.
    return str(value) if isinstance(value, str | int | float) and value != "" else None
