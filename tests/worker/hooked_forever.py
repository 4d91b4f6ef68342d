"""An application whose hooks and log handlers do not return."""

from __future__ import annotations

import logging
import logging.config
import os
import threading
import time
from pathlib import Path

from asok_core import hooks
from asok_core.jobs.job import Job
from tests.worker.hanging import CATASTROPHIC, TEXT
from tests.worker.jobs import FOLDER, write_line

at_work = threading.Event()
"""Set while a hook waits whose job is settled."""


@hooks.after
def report(job: Job, _result: object) -> None:
    if job.function == "search_after":
        CATASTROPHIC.match(TEXT)
    elif job.function == "wait_after":
        wait_for(FOLDER / "let the hooks return")
    elif job.function == "be_settled_and_wait":
        wait_for(FOLDER / job.id)
        at_work.set()
        wait_for(FOLDER / "let the hooks return")


@hooks.failure
def report_failure(job: Job, _error: BaseException, _will_retry: bool) -> None:
    if job.function == "search_after_failure":
        CATASTROPHIC.match(TEXT)


def search_after() -> None:
    """Its hook holds the interpreter."""
    write_line("run")


def search_after_failure() -> None:
    """The same."""
    write_line("run")
    raise ValueError("no luck")


def wait_after() -> None:
    """Its hook waits, and lets others run."""
    write_line("run")


def be_settled_and_wait() -> None:
    """Its hook waits until the test knows of the outcome, and longer."""


def die_beside_a_hook() -> None:
    """Kill the process while that hook waits."""
    write_line("poison")
    at_work.wait()
    os._exit(9)


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


class HandlerThatWaits(logging.Handler):
    """One that connects to a log server which does not answer."""

    def __init__(self) -> None:
        super().__init__()
        write_line("configuring")
        wait_for(FOLDER / "let the handler begin")


def configure_logging() -> None:
    """Hold the lock of ``logging``, as ``dictConfig`` does until all handlers are made."""
    logging.config.dictConfig(
        {
            "version": 1,
            "handlers": {"server": {"()": HandlerThatWaits}},
            "root": {"handlers": ["server"]},
        }
    )
