"""Holds as documents and in a few words."""

from __future__ import annotations

from typing import Any

from asok_console.presentation.compact import span
from asok_core.clock import iso
from asok_core.inspection.hold_warnings import warning
from asok_core.inspection.holds import Hold, HoldState
from asok_core.inspection.snapshot import Snapshot
from asok_core.operations.enforcement import Enforcement, enforcement_of

HOLD, HELD, AGO, STATE, IN_FORCE = "Hold", "Held", "Ago", "State", "In force"
JOBS_OF, REASON, BY, QUEUES = "Jobs of", "Reason", "By", "Queues"
"""The columns of a list of holds."""
NOT_KNOWN = "not known"


def hold_document(hold: Hold) -> dict[str, Any]:
    """A hold, for programs."""
    return {
        "id": hold.id,
        "task": hold.task or None,
        "queue": hold.queue or None,
        "arguments": [
            {"path": str(each.path), "operator": each.operator, "value": each.value}
            for each in hold.conditions
        ],
        "release": hold.release or None,
        "by": hold.by or None,
        "at": iso(hold.at),
        "reason": hold.reason or None,
        "until": iso(hold.until),
    }


def held_document(held: HoldState, snapshot: Snapshot) -> dict[str, Any]:
    """A hold, what it keeps and where it is in force, for programs."""
    state = "current" if held.is_known else NOT_KNOWN
    return {
        **hold_document(held.hold or Hold(held.id)),
        "state": "ended" if held.ended else state,
        "in_force": in_force_document(enforcement_of(snapshot, held)),
        "held": held.jobs,
        "queues": dict(held.queues),
        "warning": warning_of(held, snapshot) or None,
    }


def in_force(held: HoldState, enforced: Enforcement | None) -> str:
    """On how many workers a hold is in force, as ``2 of 3``; empty where it has ended."""
    if enforced is None:
        return "" if held.is_known else NOT_KNOWN
    return enforced.brief


def in_force_document(enforced: Enforcement | None) -> dict[str, Any] | None:
    """Which workers enforce a hold, for programs; None where it has ended, or that is not known."""
    return enforcement_document(enforced) if enforced is not None and enforced.known else None


def enforcement_document(enforced: Enforcement) -> dict[str, Any]:
    """The same of a hold that has just been made; each value is None where it is not known."""
    found: dict[str, Any] = {
        "confirmed_by": list(enforced.confirmed),
        "not_confirmed_by": list(enforced.late),
        "ignored_by": list(enforced.unable),
        "workers_offline": enforced.offline,
        "workers_unread": enforced.unread or None,
    }
    return found if enforced.known else dict.fromkeys(found)


def state_of(held: HoldState, snapshot: Snapshot) -> str:
    """Whether it has ended, and for how much longer not, for a column."""
    now = snapshot.taken_at
    if held.ended:
        return _state_of_ended(held, snapshot)
    if not held.is_known:
        return NOT_KNOWN
    end = held.hold.until if held.hold else None
    if end is None:
        return "no end"
    return f"ends in {span(end - now)}" if end > now else "ends now"


def _state_of_ended(held: HoldState, snapshot: Snapshot) -> str:
    if not held.jobs:
        return "ended"
    if warning_of(held, snapshot):
        return "jobs left"
    return "returning" if snapshot.knows_workers else "ended"


def warning_of(held: HoldState, snapshot: Snapshot) -> str:
    """Why its jobs may stay held, as far as the workers are known, or ''."""
    return warning(held, snapshot.taken_at, ends=snapshot.knows_workers)


def words_of(held: HoldState) -> str:
    """What a hold is about."""
    return held.hold.words if held.hold else NOT_KNOWN


def queue_state(paused: bool, held: int, limited: int) -> str:
    """``paused, 3 held, 5 limited``; empty where a queue is not paused and has no such jobs."""
    kept = {"held": held, "limited": limited}
    words = [f"{number:,} {how}" for how, number in kept.items() if number]
    return ", ".join([*(["paused"] if paused else []), *words])
