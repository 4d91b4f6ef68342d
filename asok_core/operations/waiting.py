"""Waiting until workers have confirmed what was ordered: they publish it with their heartbeats."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from asok_core.errors import AsokError, Unreachable

LOOK = 0.1
"""Seconds between two looks."""

T = TypeVar("T")


def wait_for(
    look: Callable[[], T],
    may_change: Callable[[T], bool],
    not_known: Callable[[AsokError], T],
    patience: float,
) -> T:
    """Look until what is seen cannot change, for ``patience`` seconds at most; returns what was seen last.

    It has been ordered: where it cannot be read what has become of that, ``not_known`` says so, and
    nothing is raised.
    """
    until = time.monotonic() + patience
    while True:
        try:
            found = look()
            waits = may_change(found)
        except AsokError as error:
            found = not_known(error)
            # Redis may be back in a moment; what it refuses it refuses again.
            waits = isinstance(error, Unreachable)
        if not waits or time.monotonic() >= until:
            return found
        time.sleep(LOOK)
