"""A process that a task forks ends where its task ends, on every backend.

``os.fork`` copies the thread that runs the task and everything the process holds: connections, claimed
jobs, descriptors. A copy that returned from the task would run and settle its parent's jobs.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

RETURNED = 70
"""Exit code of a forked process that returned from its task."""

generation = 0
"""Changes in each forked child. A job that ends in another generation than it began in was forked."""

_clean_ups: list[Callable[[], None]] = []


def after_fork(clean_up: Callable[[], None]) -> None:
    """Call ``clean_up`` in every child forked from here on. Exceptions are ignored."""
    _clean_ups.append(clean_up)


def end_if_forked(since: int, task: object, error: BaseException | None = None) -> None:
    """Do not return in a process that was forked since ``generation`` was ``since``: ``end_process``."""
    if generation != since:
        end_process(task, error)


def end_process(task: object, error: BaseException | None = None) -> NoReturn:
    """End this process: it was forked in a job of ``task``, which has returned or raised ``error``.

    As in any Python program the exit code is that of SystemExit, or 1 after any other exception,
    whose traceback goes to standard error. A child that returned ends with ``RETURNED``.
    """
    code = RETURNED
    with suppress(BaseException):  # whatever a standard stream or an error's text does
        code = 1 if error is not None else RETURNED
        code = _report(task, error)
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):
            stream.flush()
    os._exit(code)


def _report(task: object, error: BaseException | None) -> int:
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 0xFF
        sys.stderr.write(f"{error.code}\n")
        return 1
    if error is not None:
        traceback.print_exception(error)
        return 1
    name = task
    if not isinstance(task, str):
        name = f"{getattr(task, '__module__', '')}.{getattr(task, '__qualname__', task)}"
    sys.stderr.write(
        f"asok: process {os.getpid()} was forked in a job of {name} and outlived it; it ends here with "
        f"exit code {RETURNED} (end a forked process with os._exit, or use multiprocessing)\n"
    )
    return RETURNED


def _begin_child() -> None:
    global generation  # noqa: PLW0603 - read as forks.generation
    generation += 1
    for clean_up in _clean_ups:
        with suppress(Exception):
            clean_up()
    _clean_ups.clear()


os.register_at_fork(after_in_child=_begin_child)
