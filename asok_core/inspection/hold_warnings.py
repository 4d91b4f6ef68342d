"""Warnings about holds whose jobs may stay held unnoticed."""

from __future__ import annotations

from collections.abc import Iterator

from asok_core.clock import DAY
from asok_core.inspection.command_lines import operands
from asok_core.inspection.holds import CUT_OFF, Hold, HoldState
from asok_core.inspection.phrases import counted, rough_duration
from asok_core.inspection.snapshot import Snapshot

WARNED_AFTER = 1.0 * DAY
"""Seconds after which a hold that keeps jobs is a warning."""


def hold_warnings(snapshot: Snapshot) -> Iterator[str]:
    """A line for each hold with a warning. The texts may come from Redis."""
    for each in snapshot.holds:
        if each.jobs and (line := warning(each, snapshot.taken_at, ends=snapshot.knows_workers)):
            yield line


def warning(state: HoldState, now: float, *, ends: bool = True) -> str:
    """Why the jobs of a hold may stay held, or ''.

    ``ends``: whether the snapshot shows that no worker has carried out its end; a replica may lag.
    """
    hold, jobs = state.hold, counted(state.jobs, "job")
    if not state.jobs:
        return ""
    if hold is None:
        text = f"hold {state.id}, of which nothing else is known, keeps {jobs}: {release_command(state)}"
        return text if state.ended else ""
    if hold.until is not None and ends and now - hold.until >= CUT_OFF:
        return f"no worker has returned the {jobs} of hold {state.id}, whose end has passed"
    if state.ended:
        return _of_ended(state, hold, now)
    if state.since is None or now - state.since < WARNED_AFTER:
        return ""
    since = rough_duration(now - state.since)
    return f"hold {state.id} keeps {jobs} and was made {since} ago{hold.about(now)}"


def _of_ended(state: HoldState, hold: Hold, now: float) -> str:
    jobs = counted(state.jobs, "job")
    if hold.until is not None:
        return ""
    if hold.released is None:
        return (
            f"the release of hold {state.id} was stopped with {jobs} left: {release_command(state)}"
        )
    if not hold.is_cut_off(now):
        return ""
    rate = f" --rate {hold.rate:g}" if hold.rate else ""
    passed = now - hold.released
    # A moment to come is of before the clock was set back.
    ago = f" {rough_duration(passed)} ago" if passed >= 0 else ""
    stopped = f"was cut off{ago} with {jobs} left"
    return f"the release of hold {state.id} {stopped}: {release_command(state)}{rate}"


def release_command(state: HoldState) -> str:
    """The command line that releases a hold."""
    return f"asok hold release {operands(state.id)}"
