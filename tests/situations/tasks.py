"""Tasks that get into the situations."""

from __future__ import annotations

import threading

from tests.worker.jobs import write_line

_LEFT, _RIGHT = threading.Lock(), threading.Lock()
_BOTH = threading.Barrier(2)


def left_then_right() -> None:
    """Hold one lock and wait for the other, which ``right_then_left`` holds."""
    with _LEFT:
        _BOTH.wait()
        write_line("left")
        with _RIGHT:
            write_line("never")


def right_then_left() -> None:
    """The same in the other order."""
    with _RIGHT:
        _BOTH.wait()
        write_line("right")
        with _LEFT:
            write_line("never")


def call_dependency(seconds: float, gate: str) -> None:
    """A call of something that was fast before a deploy and is slow since."""
    write_line("slow" if seconds else "fast")
    if seconds:
        from tests.worker.jobs import hold

        hold(gate)
