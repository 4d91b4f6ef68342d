"""Ctrl+C of a user, among the exceptions of tasks."""

from __future__ import annotations

import threading


def is_ctrl_c(error: BaseException) -> bool:
    """Whether an exception is a user's Ctrl+C, which Python raises only in the main thread."""
    return (
        type(error) is KeyboardInterrupt and threading.current_thread() is threading.main_thread()
    )
