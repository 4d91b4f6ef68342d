"""Why a queue is paused, who paused it, and what ends that."""

from __future__ import annotations

from collections.abc import Sequence

from asok_core.inspection.audit import PAUSE, SWITCHES, Activity
from asok_core.inspection.command_lines import operands
from asok_core.inspection.pauses import QueuePause, moment
from asok_core.inspection.phrases import rough_duration
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.reason import Reason
from asok_core.inspection.snapshot import Snapshot


def of_pause(stats: QueueStats, snapshot: Snapshot, activities: Sequence[Activity]) -> Reason:
    """Why a paused queue is paused, since when, and what ends that. ``activities`` are newest first."""
    name = stats.name
    pause = stats.pause or _audited(name, snapshot.taken_at, activities)
    evidence: dict[str, str | int | float] = {"by": pause.by or "not known"}
    if pause.reason:
        evidence["reason"] = pause.reason
    if pause.until is not None:
        evidence["until_at"] = pause.until
    if pause.operation:
        evidence["operation"] = pause.operation
    return Reason(
        "queue_paused", f"queue {name!r} is paused", pause.since, evidence,
        _how_it_ends(pause, snapshot) + f"asok queue resume {operands(name)}", blocking=True,
    )  # fmt: skip


def _audited(name: str, now: float, activities: Sequence[Activity]) -> QueuePause:
    """A pause of which only the audit knows: an older release wrote it."""
    switch = next(
        (
            each
            for each in activities
            if each.queue == name and each.action in SWITCHES and each.applied
        ),
        None,
    )
    # The audit is bounded. A pause that it does not end with was made by another program; so was one after
    # the end of the one that it ends with.
    if switch is None or switch.action != PAUSE:
        return QueuePause()
    if switch.until is not None and switch.until <= now:
        return QueuePause()
    # Since when it was paused before a change is in the entry of another operation.
    since = None if switch.changed else switch.at
    return QueuePause(
        switch.who, switch.at, since, switch.reason, switch.until, operation=switch.operation
    )


def _how_it_ends(pause: QueuePause, snapshot: Snapshot) -> str:
    if pause.until is None:
        return ""
    now, left = snapshot.taken_at, pause.until - snapshot.taken_at
    end = moment(pause.until, now)
    if not snapshot.knows_workers:
        return f"its end is {end}; whether it has ended is not known; on the master: "
    if pause.overdue(now):
        return f"its pause ended {rough_duration(-left)} ago, and no worker has resumed it: "
    if not any(worker.resumes_queues(now) for worker in snapshot.workers):
        # Those of earlier releases and of other programs end none.
        absent = snapshot.has_live_worker is False
        none = "none is registered" if absent else "none that does is known to run"
        return f"a worker of this release would resume it at {end}, and {none}; now: "
    if left <= 0:
        return f"its end ({end}) has come, and a worker resumes it; if none does: "
    return f"it resumes by itself in {rough_duration(left)} ({end}); before that: "
