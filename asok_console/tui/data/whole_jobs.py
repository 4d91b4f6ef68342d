"""Read all of a job of which a list has only the outline."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from asok_console.tui.data.poller import Poller
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Payload


def with_whole(
    poller: Poller,
    row: Row,
    then: Callable[[Payload], object],
    fail: Callable[[str], object],
) -> None:
    """Call ``then`` with all of a row's payload; of a large job it is read first.

    Where it cannot be read, ``fail`` is called with the reason.
    """

    def found(answer: object) -> None:
        detail = cast("JobDetail | None", answer)
        if detail is not None and detail.payload is not None:
            then(detail.payload)
        else:
            fail("The job is no longer there.")

    if not row.partial:
        then(row.payload)
    elif row.payload.id:
        name = row.payload.id
        poller.ask("whole", lambda reader: reader.job(name, near=row), found)
    else:
        fail(f"{row.payload.problem}; asok dlq export writes them to a file")
