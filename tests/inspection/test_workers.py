"""The state of a worker in a word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asok_console.tui.views.shared.worker_table import _STATES
from asok_core.inspection.workers import STALE_AFTER, WorkerInfo

NOW = 1_800_000_000.0
IDLE = WorkerInfo("web-1", concurrency=2, processes=1, beat_at=NOW - 1, lease_until=NOW + 30)
LONG_AGO = NOW - STALE_AFTER - 1


@pytest.mark.parametrize(
    ("worker", "state"),
    [
        (IDLE, "idle"),
        (replace(IDLE, running=1), "busy"),
        (replace(IDLE, command="quiet"), "quieting"),
        (replace(IDLE, quiet=True, running=1), "quiet"),
        (replace(IDLE, able=0), "starting"),
        (replace(IDLE, refusal="wrong key", quiet=True), "not claiming"),
        (replace(IDLE, hanging=1), "hanging"),
        (replace(IDLE, deaths=3), "crash-looping"),
        (replace(IDLE, problem="its key is a list"), "unreadable"),
        (replace(IDLE, stopping=True, deaths=3), "stopping"),
        (replace(IDLE, command="stop"), "stopping"),
        (replace(IDLE, beat_at=LONG_AGO, stopping=True), "stalled"),
        (replace(IDLE, beat_at=LONG_AGO, lease_until=NOW), "offline"),
        # It sends a heartbeat every 100 s.
        (replace(IDLE, beat_at=NOW - 101, lease_until=NOW + 499, lease=600), "idle"),
        (replace(IDLE, beat_at=NOW - 250, lease_until=NOW + 350, lease=600), "stalled"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_it_is_one_word_for_the_console_and_the_command_line(
    worker: WorkerInfo, state: str
) -> None:
    assert worker.state(NOW) == state
    # The console marks each with a glyph, and uses the same word.
    assert _STATES[state][0].partition(" ")[2] == state
