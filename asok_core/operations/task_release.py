"""What a task did before the present release of the application and since, as far as that is kept."""

from __future__ import annotations

from typing import NamedTuple

from asok_core.backends.roles import Reader
from asok_core.inspection.release_comparison import (
    Comparison,
    compared,
    on_others,
    present_change,
)
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.task_figures import FINE_RANGES


class TaskRelease(NamedTuple):
    """A task before the present release and since; of ``live`` workers ``others`` do not run it."""

    comparison: Comparison
    others: int
    live: int


def read_task_release(reader: Reader, name: str, snapshot: Snapshot) -> TaskRelease | None:
    """None where no release began within the time that is kept by the minute; nothing is read then."""
    change = present_change(snapshot.events)
    if change is None or not change.is_recent(snapshot.taken_at):
        return None
    comparison = compared(reader.task_history(name, FINE_RANGES["24h"]), change)
    if comparison is None:
        return None
    return TaskRelease(comparison, *on_others(snapshot.live_workers, change))
