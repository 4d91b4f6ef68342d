"""Holds as documents and in a few words."""

from __future__ import annotations

from typing import Any

from asok_core.clock import iso
from asok_core.inspection.hold_warnings import warning
from asok_core.inspection.holds import Hold, HoldState
from asok_core.inspection.phrases import rough_duration
from asok_core.inspection.snapshot import Snapshot
from asok_core.operations.enforcement import Enforcement, enforcement_of


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
    state = "current" if held.is_known else "not known"
    return {
        **hold_document(held.hold or Hold(held.id)),
        "state": "ended" if held.ended else state,
        "in_force": in_force_document(enforcement_of(snapshot, held)),
        "held": held.jobs,
        "queues": dict(held.queues),
        "warning": _warning(held, snapshot) or None,
    }


def in_force(held: HoldState, snapshot: Snapshot) -> str:
    """On how many workers a hold is in force, as ``2 of 3``; empty where it has ended."""
    enforced = enforcement_of(snapshot, held)
    if enforced is None:
        return "" if held.is_known else "not known"
    return enforced.brief


def in_force_document(enforced: Enforcement | None) -> dict[str, Any] | None:
    """Which workers enforce a hold, for programs; None where it has ended, or that is not known."""
    if enforced is None or not enforced.known:
        return None
    return {
        "confirmed_by": list(enforced.confirmed),
        "not_confirmed_by": list(enforced.late),
        "ignored_by": list(enforced.unable),
        "workers_unread": enforced.unread or None,
    }


def state_of(held: HoldState, snapshot: Snapshot) -> str:
    """Whether it has ended, and for how much longer not."""
    now = snapshot.taken_at
    if held.ended:
        return _state_of_ended(held, snapshot)
    if not held.is_known:
        return "not known"
    until = held.hold.until if held.hold else None
    if until is None:
        return "no end"
    return f"ends in {rough_duration(until - now)}" if until > now else "ends now"


def _state_of_ended(held: HoldState, snapshot: Snapshot) -> str:
    if not held.jobs:
        return "ended"
    return "ended, release it" if _warning(held, snapshot) else "ended, returns its jobs"


def _warning(held: HoldState, snapshot: Snapshot) -> str:
    return warning(held, snapshot.taken_at, ends=snapshot.knows_workers)


def queue_state(paused: bool, held: int) -> str:
    """``paused, 3 held``; empty where a queue is neither paused nor has held jobs."""
    return ", ".join([*(["paused"] if paused else []), *([f"{held:,} held"] if held else [])])
