"""The number of live workers, in words."""

from __future__ import annotations

from asok_core.inspection.phrases import counted
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.workers import STATE_NOT_KNOWN


def live_words(snapshot: Snapshot) -> tuple[str, str]:
    """``3 workers`` or ``3 workers (state not known)``, and its tone: red where none lives."""
    words = counted(len(snapshot.live_workers), "worker")
    if not snapshot.knows_workers:
        return f"{words} (state {STATE_NOT_KNOWN})", "warn"
    return words, "" if snapshot.live_workers else "bad"
