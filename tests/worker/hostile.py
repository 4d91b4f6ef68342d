"""Tasks whose failures, log handlers and hooks do what they should not."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from typing import NoReturn

from asok_core import hooks
from asok_core.jobs.job import Job
from tests.samples.hostile_errors import throw, throw_from
from tests.samples.hostile_logging import spoil
from tests.worker.jobs import write_line

__all__ = ["spoil", "throw", "throw_from"]


def spoil_hooks(kind: str) -> None:
    """Register hooks that raise, exit or hang after each job but this one."""

    def act(*_: object) -> None:
        write_line(f"hook {kind}")
        if kind == "hangs":
            time.sleep(600)
        if kind == "exits":
            sys.exit(3)
        raise ValueError("no hook for you")

    class Nameless:
        """Not even its name can be had."""

        def __getattribute__(self, name: str) -> NoReturn:
            raise SystemExit(4)

        def __repr__(self) -> NoReturn:
            raise SystemExit(4)

        def __call__(self, _job: Job, _error: BaseException, _will_retry: bool) -> None:
            act()

    hooks.failure(Nameless())
    hooks.before(lambda _: act() if kind != "hangs" else None)
    hooks.after(lambda job, _: act() if job.function != "spoil_hooks" else None)


def strike_own_thread() -> None:
    """Let SystemExit strike the thread that runs this, once the task is over."""
    thread = threading.get_ident()

    def strike() -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread), ctypes.py_object(SystemExit)
        )

    threading.Timer(0.5, strike).start()
