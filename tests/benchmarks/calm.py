"""Waits until a shared machine is idle."""

from __future__ import annotations

import time
from pathlib import Path

IDLE = 0.85
"""The share of CPU time that must be idle,"""
LOOK = 0.5
"""for this many seconds."""


def await_calm(seconds: float) -> None:
    """Wait until the machine is idle, at most ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and _idle(LOOK) < IDLE:
        pass


def _idle(seconds: float) -> float:
    before = _times()
    time.sleep(seconds)
    spent = [after - earlier for after, earlier in zip(_times(), before, strict=True)]
    return (spent[3] + spent[4]) / max(sum(spent), 1)


def _times() -> list[int]:
    first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
    return [int(each) for each in first.split()[1:9]]
