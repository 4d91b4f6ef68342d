"""Orphans that a supervisor inherits as the init process of a container, or as a sub-reaper."""

from __future__ import annotations

import os
from collections.abc import Container


def reap_orphans(own: Container[int | None]) -> None:
    """Reap child processes that have ended, but for ``own``, whose exit codes are read elsewhere.

    An ended process of ``own`` hides the others until it has been reaped: call this again after that.
    """
    if not hasattr(os, "waitid"):  # macOS before Python 3.13, where no container runs
        return
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in own:
            return
        os.waitid(os.P_PID, ended.si_pid, os.WEXITED | os.WNOHANG)
