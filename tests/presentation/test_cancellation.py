"""How far the cancellation of a running job is, in one line."""

from __future__ import annotations

import pytest

from asok_console.presentation.cancellation import cancel_line
from asok_core.jobs.job import CancelRequest, JobRecord
from asok_core.jobs.states import Status

NOW = 1_700_000_000.0
TAKEN = NOW - 20


@pytest.mark.parametrize(
    ("request_", "finished_at", "line"),
    [
        (None, None, ""),
        ((None, None), None, "; its worker has not received it yet"),
        ((None, TAKEN), None, "; stopping"),
        ((NOW + 8, TAKEN), None, "; stopping, its process is ended in 8.0 s"),
        ((NOW, TAKEN), None, "; stopping, its process is being ended"),
        ((NOW - 5, TAKEN), NOW - 5, "; ended"),
    ],
)
def test_how_far_it_is(
    request_: tuple[float | None, float | None] | None, finished_at: float | None, line: str
) -> None:
    request = request_ and CancelRequest(NOW - 30, "ann@\x1bhost", *request_)
    status = Status.RUNNING if finished_at is None else Status.CANCELLED
    record = JobRecord("job-1", status, finished_at=finished_at, cancel=request)
    said = cancel_line(record, NOW)
    assert said == (f"requested by ann@␛host 30 s ago{line}" if request else "")
