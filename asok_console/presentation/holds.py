"""Holds as documents and in a few words."""

from __future__ import annotations

from typing import Any

from asok_core.clock import iso
from asok_core.inspection.hold_warnings import warning
from asok_core.inspection.holds import Hold, HoldState
from asok_core.inspection.phrases import rough_duration


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


def held_document(held: HoldState, now: float) -> dict[str, Any]:
    """A hold and what it keeps, for programs."""
    return {
        **hold_document(held.hold or Hold(held.id)),
        "state": "ended" if held.ended else "current",
        "held": held.jobs,
        "queues": dict(held.queues),
        "warning": warning(held, now) or None,
    }


def state_of(held: HoldState, now: float) -> str:
    """Whether it has ended, and for how much longer not."""
    if held.ended:
        return "ended, release it" if held.jobs else "ended"
    until = held.hold.until if held.hold else None
    if until is None:
        return "no end"
    return f"ends in {rough_duration(until - now)}" if until > now else "ends now"


def queue_state(paused: bool, held: int) -> str:
    """``paused, 3 held``; empty where a queue is neither paused nor has held jobs."""
    return ", ".join([*(["paused"] if paused else []), *([f"{held:,} held"] if held else [])])
