"""Tasks that change the configuration of logging, or take what time limits need."""

from __future__ import annotations

import logging
import logging.config
import sys
import threading

from asok_core.runtime.deadline import raise_in
from tests.worker.jobs import write_line

HUGE = 1 << 50
"""Bytes of stack that no thread can get."""


def silence(how: str) -> None:
    """Silence all logging of the process, as an application may by mistake."""
    root = logging.getLogger()
    if how == "dictConfig":
        logging.config.dictConfig({"version": 1, "root": {"handlers": []}})
    elif how == "disable":
        logging.disable(logging.CRITICAL)
    elif how == "handlers":
        root.handlers.clear()
    elif how == "null":
        root.handlers[:] = [logging.NullHandler()]
    elif how == "level":
        root.setLevel(logging.CRITICAL + 1)
    elif how == "stderr":
        sys.stderr.close()
    elif how == "factory":
        logging.setLogRecordFactory(_no_record)


def _no_record(*_args: object, **_named: object) -> logging.LogRecord:
    raise ValueError("no record for you")


def refuse_threads() -> None:
    """Let no thread of this process start from now on, and end the one that watches time limits."""
    threading.stack_size(HUGE)
    for thread in threading.enumerate():
        if thread.name == "asok-deadlines" and thread.ident is not None:
            raise_in(thread.ident, SystemExit)
    write_line("refused")


def fail_to_start_a_thread() -> None:
    """Fail to start a thread, as where the system has none to give, and carry on."""
    before = threading.stack_size(HUGE)
    try:
        threading.Thread(target=print).start()
    except RuntimeError as error:
        write_line(str(error))
    finally:
        threading.stack_size(before)


def talk() -> None:
    """Write more to standard output and error than a pipe holds that is not read."""
    log = logging.getLogger("shop")
    for number in range(300):
        log.warning("line-%d %s", number, "x" * 10_000)
    for _ in range(300):
        sys.stdout.write("y" * 10_000 + "\n")
        sys.stderr.write("z" * 10_000 + "\n")
        print("w" * 10_000, file=sys.__stderr__)
