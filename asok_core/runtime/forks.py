"""Ends a process that a task has forked when its copy of the task ends, on every backend.

``os.fork`` copies the thread that runs the task and all resources of the process: connections,
claimed jobs, descriptors. If the copy returned from the task, it would run and settle the jobs of
its parent process.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

RETURNED = 70
"""Exit code of a forked process whose copy of the task returned."""

generation = 0
"""A counter that each fork increases. A job that ends in another generation was forked."""

_clean_ups: list[Callable[[], None]] = []


def after_fork(clean_up: Callable[[], None]) -> None:
    """Call ``clean_up`` in every process that is forked from now on. Exceptions are ignored."""
    _clean_ups.append(clean_up)


def end_if_forked(since: int, task: object, error: BaseException | None = None) -> None:
    """Call ``end_process`` if the process was forked since ``generation`` was ``since``."""
    if generation != since:
        end_process(task, error)


def end_process(task: object, error: BaseException | None = None) -> NoReturn:
    """End this forked process, whose copy of ``task`` has returned or raised ``error``.

    As in any Python program the exit code is that of SystemExit, or 1 after any other exception,
    whose traceback is written to standard error. If the task returned, it is ``RETURNED``.
    """
    code = RETURNED
    with suppress(BaseException):  # of a standard stream or the text of the error
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
        f"asok: process {os.getpid()} was forked in a job of {name} and did not exit; it is ended "
        f"with exit code {RETURNED} (end a forked process with os._exit, or use multiprocessing)\n"
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
