"""The tasks of the suite, which each backend runs in this process or in a worker."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from asok_core import (
    JobCancelled,
    background,
    cancelled,
    current_job,
    current_request,
    hooks,
    resumable,
    task,
)
from asok_core.execution.current_job import CurrentJob
from asok_core.jobs.job import Job

LONGEST = 50.0
"""Seconds after which a task that waits for a file gives up."""


tenant: ContextVar[str | None] = ContextVar("tenant", default=None)


def returned(*args: Any, **kwargs: Any) -> list[Any]:
    """Return the arguments."""
    return [list(args), kwargs, list(kwargs)]


async def awaited(number: int) -> int:
    """A coroutine."""
    await asyncio.sleep(0)
    return number + 1


@task(queue="low", retries=2, backoff=0)
def declared(number: int) -> int:
    """A task with declared options."""
    return number * 2


def where() -> list[int]:
    """Return the ids of the process and the thread that run it."""
    return [os.getpid(), threading.get_ident()]


def note(path: str, line: str = "ran") -> None:
    """Append a line to a file."""
    with Path(path).open("a") as file:
        file.write(f"{line}\n")


def fail(message: str) -> None:
    """Fail with a ValueError."""
    raise ValueError(message)


def fail_first(path: str, times: int) -> int:
    """Fail ``times`` times, then return how often it was called."""
    note(path)
    called = len(Path(path).read_text().splitlines())
    if called <= times:
        raise ConnectionError(f"attempt {called}")
    return called


def leave(code: int) -> None:
    """Raise SystemExit."""
    raise SystemExit(code)


def sleep(seconds: float) -> None:
    """Sleep in short steps, so that a time limit is raised in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)


def hold(folder: str) -> str:
    """Create a file that shows that it runs, and wait until it may return."""
    Path(folder, "started").touch()
    return _wait_for(Path(folder, "end"))


def hold_until_cancelled(folder: str) -> None:
    """Create a file that shows that it runs, and stop when it is cancelled."""
    Path(folder, "started").touch()
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        if cancelled():
            raise JobCancelled("asked to stop")
        time.sleep(0.01)


def _wait_for(path: Path) -> str:
    end = time.monotonic() + LONGEST
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(f"{path} was not created")
        time.sleep(0.01)
    return "held"


def request_path() -> str | None:
    """The path of the request during which it was enqueued."""
    return current_request.path if current_request else None


def enqueue_request_path() -> str | None:
    """The path of the request in a job that this one enqueues."""
    path: str | None = background(request_path, _queue="high").result(LONGEST)
    return path


def request_attributes() -> dict[str, Any]:
    """The type and the attributes of the current request."""
    request = current_request.get()
    return {"type": type(request).__name__, "names": sorted(vars(request))}


def tenant_name() -> str | None:
    """A context variable of the caller."""
    return tenant.get()


def same(value: Any) -> Any:
    """Return its argument."""
    return value


def unstorable() -> object:
    """Return a value that cannot be stored in a record."""
    return object()


def large(size: int) -> str:
    """Return a text of ``size`` characters."""
    return "x" * size


def change(values: list[int], path: str) -> list[int]:
    """Change the argument, fail once, and return the argument of the second attempt."""
    values.append(0)
    fail_first(path, 1)
    return values


def watch(folder: str, failures: int = 0) -> int:
    """A task whose hooks write a journal in the folder."""
    return fail_first(str(Path(folder, "calls")), failures)


def _journal(job: Job, line: str) -> None:
    if job.function == "watch":
        note(str(Path(job.args[0], "journal")), line)


@hooks.before
def _before(job: Job) -> None:
    _journal(job, f"before {job.attempt}/{job.attempts}")


@hooks.after
def _after(job: Job, result: Any) -> None:
    _journal(job, f"after {job.attempt}: {result}")


@hooks.failure
def _failure(job: Job, error: BaseException, will_retry: bool) -> None:
    _journal(job, f"failure {job.attempt}: {type(error).__name__}, retry {will_retry}")


def which_job(path: str) -> list[Any]:
    """What the second attempt knows of its job."""
    fail_first(path, 1)
    job = current_job()
    return [job.id, job.attempt, job.queue]


def report_and_hold(folder: str, reports: list[list[Any]]) -> str:
    """Report progress, and wait until it may return."""
    for report in reports:
        values: list[Any] = [10**5000 if each == "10**5000" else each for each in report]
        current_job().progress(*values)
    return hold(folder)


def report_and_fail(done: float, total: float, text: str) -> None:
    """Report progress, and fail."""
    current_job().progress(done, total, text)
    raise ValueError(f"{text} is missing")


def report_at_the_first_attempt(path: str) -> int:
    """Report progress and fail, and succeed at the second attempt without a report."""
    note(path)
    if current_job().attempt == 1:
        current_job().progress(1, 2)
        raise ConnectionError("again")
    return current_job().attempt


EARLIER: list[CurrentJob] = []
"""The attempts that ``report_for_the_earlier_attempt`` made before."""


def report_for_the_earlier_attempt(path: str) -> int:
    """Fail, and report progress at the second attempt as the first one."""
    note(path)
    EARLIER.append(current_job())
    if current_job().attempt == 1:
        raise ConnectionError("again")
    for each in EARLIER[:-1]:
        each.progress(1, 2)
    return current_job().attempt


def work_through(path: str, items: list[Any], fails_at: list[Any], key: str | None = None) -> int:
    """Note each item that no earlier attempt has done; attempts fail at those of ``fails_at``."""
    for item in resumable(items, key):
        attempt = current_job().attempt
        if attempt <= len(fails_at) and item == fails_at[attempt - 1]:
            raise ConnectionError(f"{item} is missing")
        note(path, str(item))
    return current_job().attempt


def keep_and_fail(path: str, cursor: Any) -> list[Any]:
    """Keep a cursor and fail; the next attempt returns it."""
    found = current_job().cursor
    note(path)
    if current_job().attempt == 1:
        current_job().checkpoint(0)
        current_job().checkpoint(cursor)
        raise ConnectionError("page 3 is missing")
    return [found, current_job().cursor]


def exceed_limit(path: str, cursors: list[Any]) -> list[Any]:
    """Keep the next cursor and run past the time limit; at the end, return what each attempt got."""
    note(path, str(current_job().cursor))
    run = len(Path(path).read_text().splitlines())
    if run > len(cursors):
        return Path(path).read_text().splitlines()
    current_job().checkpoint(cursors[run - 1])
    sleep(LONGEST)
    return []


def exceed_limit_unasked(path: str) -> None:
    """Keep a cursor without having asked for it, and run past the time limit."""
    note(path)
    current_job().checkpoint(1)
    sleep(LONGEST)


def keep(cursor: Any) -> None:
    """Keep a cursor."""
    current_job().checkpoint(cursor)


def hold_in_loop(folder: str, items: list[int], pause: float) -> list[int]:
    """Stay at each item until the file ``end`` is there; return what all attempts have done."""
    for item in resumable(items):
        note(f"{folder}/process", str(os.getpid()))
        hold(folder)
        note(f"{folder}/items", str(item))
        if len(set(Path(folder, "process").read_text().split())) == 1:
            # The first process is ordered to end, which takes a moment.
            time.sleep(pause)
    return [int(each) for each in Path(folder, "items").read_text().split()]


def keep_set() -> None:
    """Keep what is not JSON."""
    current_job().checkpoint({"ids": {1, 2}})


def iterate_twice(second: str) -> None:
    """Make checkpoints beside those of ``resumable``."""
    for _ in resumable([1, 2]):
        if second == "loop":
            resumable([3])
        current_job().checkpoint(3)


FIRST: dict[str, CurrentJob] = {}
"""The first attempts of ``keep_for_the_earlier_attempt``, by its argument."""


def keep_for_the_earlier_attempt(path: str) -> Any:
    """Fail, then keep a cursor as the first attempt and fail; return what the third gets."""
    if current_job().attempt == 1:
        current_job().checkpoint("first")
        FIRST[path] = current_job()
    if current_job().attempt == 2:
        FIRST.pop(path).checkpoint("by the first, in the second")
    note(path)
    if current_job().attempt < 3:
        raise ConnectionError("no luck")
    return current_job().cursor
