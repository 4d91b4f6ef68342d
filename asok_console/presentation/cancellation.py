"""The cancellation of a running job in words, the same on the command line and in the console."""

from __future__ import annotations

from enum import StrEnum

from asok_console.presentation import numbers
from asok_console.presentation.text import safe
from asok_core.clock import elapsed
from asok_core.jobs.job import JobRecord


class CancelState(StrEnum):
    """How far it is."""

    ASKED = "asked"
    """Requested by an operator; its worker has not received it."""
    STOPPING = "stopping"
    """Its worker has received it, and the job still runs."""
    ENDED = "ended"


def cancel_state(record: JobRecord) -> CancelState | None:
    """How far the cancellation of a job is; None where no operator has cancelled it while it ran."""
    if record.cancel is None:
        return None
    if record.finished:
        return CancelState.ENDED
    return CancelState.ASKED if record.cancel.taken_at is None else CancelState.STOPPING


def cancel_line(record: JobRecord, now: float) -> str:
    """Who requested it and how far it is, in one line; '' where it was not requested.

    How long ago, and when the process is ended, is left out where Redis's clock was set back since.
    """
    request, state = record.cancel, cancel_state(record)
    if request is None or state is None:
        return ""
    when = elapsed(request.asked_at, now)
    line = f"requested by {safe(request.by, 200)}"
    if when is not None:
        line += f" {numbers.ago(request.asked_at, now)}"
    if state is CancelState.ENDED:
        return f"{line}; ended"
    if state is CancelState.ASKED:
        return f"{line}; its worker has not received it yet"
    if request.ends_at is None or when is None:
        return f"{line}; stopping"
    left = request.ends_at - now
    if left > 0:
        return f"{line}; stopping, its process is ended in {numbers.duration(left)}"
    return f"{line}; stopping, its process is being ended"
