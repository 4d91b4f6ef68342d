"""What Python does now and then that a key would have to wait for, made short or rare."""

from __future__ import annotations

import gc
import sys

TURN = 0.0005
"""Seconds that a thread holds Python while another waits, instead of five milliseconds: from a key to
the paint it changes hands several times, and the poller may be reading."""

RARELY = (5_000, 10, 10)
"""Thresholds of the garbage collector. A picture is drawn of thousands of small objects, and nearly
none of them is in a cycle."""

NOW_AND_THEN = 30.0
"""Seconds between two times at which cached lines are dropped."""


def collect_rarely() -> None:
    """Call this before the modules of the console are imported.

    They and the first picture are made of hundreds of thousands of objects that all stay: looking
    through them again and again takes a twentieth of the start.
    """
    gc.set_threshold(*RARELY)


def sharpen() -> None:
    """Set up this process for a console that is on the screen, with all that it will need.

    What is there by now stays as long as the console, so the collector need not look through it: that
    takes a tenth of a second.
    """
    sys.setswitchinterval(TURN)
    gc.freeze()
