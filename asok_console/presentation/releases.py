"""A task before a release and since, in one line."""

from __future__ import annotations

import math

from asok_console.presentation.numbers import UNKNOWN, age, duration, milliseconds, share
from asok_core.inspection import release_comparison
from asok_core.inspection.release_comparison import Comparison, ReleaseChange
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.task_figures import FEW


def since(change: ReleaseChange, now: float) -> str:
    """``since 4f2a1c (12 min)``. Not safe for a terminal yet."""
    return f"since {change.release} ({age(change.at, now)})"


def marked_since(change: ReleaseChange, snapshot: Snapshot | None, now: float) -> str:
    """The same, and whether the figures since then are of other releases as well.

    Figures are divided by time: while workers run several releases they are of all of these.
    """
    mixed = release_comparison.mixture(snapshot.live_workers, change) if snapshot else ""
    return ", ".join(filter(None, (since(change, now), mixed)))


def comparison_line(comparison: Comparison) -> str:
    """``since 4f2a1c (12 min): p95 310 ms -> 2.1 s, failures 0.4 % -> 7 %``.

    Not safe for a terminal yet.
    """
    before, after = comparison.before, comparison.after
    head = since(comparison.change, comparison.taken_at)
    if not after.ended:
        return f"{head}: no attempt has ended in a whole minute since then"
    if not before.ended:
        return f"{head}: nothing before it to compare with"
    run = f"{milliseconds(before.run_ms(0.95))} -> {milliseconds(after.run_ms(0.95))}"
    failures = f"{percent(before.failure_rate)} -> {percent(after.failure_rate)}"
    return f"{head}: p95 {run}, failures {failures}"


def finding(comparison: Comparison) -> str:
    """What the figures of both sides show."""
    found = [
        word
        for word, holds in (("slower", comparison.is_slower), ("fails more", comparison.fails_more))
        if holds
    ]
    if found:
        return " and ".join(found)
    if not comparison.is_enough:
        return f"fewer than {FEW} attempts on a side: nothing follows from this"
    return "no more than chance explains"


def basis(comparison: Comparison) -> str:
    """What the comparison is made of."""
    length = duration(comparison.change.minute - comparison.change.first)
    before, after = comparison.before.ended, comparison.after.ended
    return f"{before:,} attempts in the {length} before, {after:,} since, in whole minutes"


def mixture(others: int, live: int) -> str:
    """How many live workers do not run the release, whose attempts are counted too; '' where all do."""
    if not others:
        return ""
    runs = "runs" if others == 1 else "run"
    return f"{others} of {live} live workers {runs} another release or one that is not known"


def percent(fraction: float | None) -> str:
    """``7 %``; below ten with a tenth: ``0.4 %``."""
    if fraction is None or not math.isfinite(fraction):
        return UNKNOWN
    if 0.0005 <= fraction < 0.0995:
        return f"{fraction * 100:.1f} %".replace(".0 %", " %")
    return share(fraction)
