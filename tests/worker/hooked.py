"""An application with a failure hook. Each call of it is one line of the journal."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from asok_core import current_request, hooks
from asok_core.jobs.job import Job
from tests.worker.jobs import FOLDER, hold, write_line

DIE_ONCE = "die in the hook"
DIE_AFTER = "die in the after hook"


@hooks.failure
def report(job: Job, error: BaseException, will_retry: bool) -> None:
    if DIE_ONCE in job.args and not (FOLDER / "died").exists():
        (FOLDER / "died").touch()
        os._exit(7)
    where = f" at {current_request.path}" if current_request else ""
    again = ", again later" if will_retry else ""
    if job.function == "change":
        again += f", called with {job.args} {dict(job.kwargs)}"
    write_line(f"{job.queue}: {job.function or '?'} {type(error).__name__}: {error}{where}{again}")


@hooks.after
def done(job: Job, result: object) -> None:
    if DIE_AFTER in job.args:
        os._exit(7)
    if job.function == "change":
        write_line(f"after: {job.args} {dict(job.kwargs)} {result}")


def change(first: list[int], again: dict[str, int], fail: bool) -> list[int]:
    """Changes what it was given."""
    first.append(2)
    again["b"] = 2
    if fail:
        raise ValueError(f"{first} {again}")
    return first


def hold_and_fail(word: str) -> None:
    hold(word)
    raise ValueError(word)


def say(word: str) -> None:
    write_line(word)


def die(*_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleep_forever() -> None:
    while True:
        try:
            time.sleep(3600)
        except BaseException:  # noqa: BLE001 - a task that heeds no soft limit
            continue


def good() -> str:
    return str(Path.cwd())
