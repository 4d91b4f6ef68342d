"""Tasks that decide about their retries, by what they raise and by what they declare."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asok_core import (
    Fail,
    Job,
    JobCancelled,
    JobTimeout,
    Retry,
    cancelled,
    current_job,
    hooks,
    task,
)
from tests.conformance.tasks import LONGEST, note

SOON = 0.05
"""Seconds."""


def _calls(path: str) -> int:
    note(path)
    return len(Path(path).read_text().splitlines())


def _raise_one(error: Exception) -> None:
    raise error


@task(retries=3, backoff=0)
def ask(path: str, times: int, options: dict[str, Any]) -> int:
    """Ask ``times`` times for a retry, then return how often it was called."""
    called = _calls(path)
    if called <= times:
        raise Retry(**options)
    return called


@task(retries=3, backoff=1000)
def ask_for_a_moment(path: str, days: float) -> int:
    """Ask for a retry ``days`` and a moment from now, then return how often it was called."""
    called = _calls(path)
    if called == 1:
        raise Retry(at=datetime.now(UTC) + timedelta(days=days, seconds=SOON))
    return called


@task(retries=3, backoff=0)
def ask_without_a_zone(path: str) -> int:
    """Ask for a retry at a time of no zone, then return how often it was called."""
    called = _calls(path)
    if called == 1:
        raise Retry(at=datetime(2026, 1, 1))  # noqa: DTZ001 - it is refused
    return called


@task(retries=3, backoff=0)
def ask_from(path: str, reason: str) -> None:
    """Ask for a retry because of an error."""
    note(path)
    try:
        _raise_one(ConnectionError("HTTP 429"))
    except ConnectionError as error:
        raise Retry(reason, after=0) from error


@task(retries=3, backoff=0)
def give_up(path: str, reason: str) -> None:
    """Fail for good."""
    note(path)
    raise Fail(reason)


@task(retries=3, backoff=0)
def give_up_from(path: str, reason: str) -> None:
    """Fail for good because of an error."""
    note(path)
    try:
        _raise_one(ValueError("card expired"))
    except ValueError as error:
        raise Fail(reason) from error


KINDS: dict[str, type[BaseException]] = {
    "ValueError": ValueError,
    "UnicodeError": UnicodeError,
    "ConnectionError": ConnectionError,
    "ConnectionResetError": ConnectionResetError,
    "KeyError": KeyError,
    "SystemExit": SystemExit,
}


def _raise(path: str, kinds: list[str]) -> None:
    note(path)
    errors = [KINDS[kind]("no luck") for kind in kinds]
    if len(errors) > 1:
        raise BaseExceptionGroup("several", [BaseExceptionGroup("inner", errors[:1]), *errors[1:]])
    raise errors[0]


@task(retries=2, backoff=0, no_retry=(ValueError, SystemExit))
def picky(path: str, *kinds: str) -> None:
    """Fail with these; a ValueError and SystemExit are not retried."""
    _raise(path, list(kinds))


@task(retries=2, backoff=0, retry_on=(ConnectionError,))
def patient(path: str, *kinds: str) -> None:
    """Fail with these; only a ConnectionError is retried."""
    _raise(path, list(kinds))


@task(retries=2, backoff=0, retry_on=(OSError,), no_retry=(ConnectionResetError,))
def both(path: str, *kinds: str) -> None:
    """Fail with these; of OSErrors all but a ConnectionResetError are retried."""
    _raise(path, list(kinds))


@task(retries=2, backoff=0, no_retry=(Exception,))
def ask_in_spite_of(path: str) -> int:
    """Ask for a retry once, though no exception is retried."""
    called = _calls(path)
    if called == 1:
        raise Retry(after=0)
    return called


@task(retries=2, backoff=0)
async def ask_in_a_group(path: str, ask_also: bool, fail_also: bool) -> int:
    """Raise a group of requests, from the tasks of a TaskGroup."""
    called = _calls(path)
    if called > 1:
        return called

    async def one(error: Exception) -> None:
        await asyncio.sleep(0)
        raise error

    async with asyncio.TaskGroup() as group:
        group.create_task(one(ValueError("no luck")))
        if ask_also:
            group.create_task(one(Retry(after=SOON)))
        if fail_also:
            group.create_task(one(Fail("enough")))
    return called


@task(retries=2, backoff=0, timeout=0.1, no_retry=(JobTimeout,))
def slow(path: str) -> None:
    """Run into its time limit, after which it is not retried."""
    note(path)
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        time.sleep(0.01)


@task(retries=2, no_retry=(JobTimeout,))
def stuck(path: str) -> None:
    """Run past every limit, deaf to JobTimeout."""
    note(path)
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        try:
            time.sleep(0.01)
        except JobTimeout:
            continue


@task(retries=3, backoff=0)
def ask_with(path: str, token: str) -> None:
    """Ask for a retry because of an error whose text has an argument in it."""
    note(path)
    try:
        _raise_one(ConnectionError(f"HTTP 401 for {token}"))
    except ConnectionError as error:
        raise Retry(after=0) from error


@task(retries=5, backoff=0)
def fill_the_disk(path: str) -> None:
    """Run out of disk space."""
    note(path)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@task(retries=2, backoff=1000, max_delay=0.02, jitter=1)
def soon(path: str) -> int:
    """Fail once, and be retried within a moment."""
    called = _calls(path)
    if called == 1:
        raise ConnectionError("again")
    return called


@task(retries=3, backoff=0)
def ask_when_cancelled(folder: str) -> None:
    """Show that it runs, and ask for a retry when it is cancelled."""
    note(str(Path(folder, "calls")))
    Path(folder, "started").touch()
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        if cancelled():
            raise Retry(after=0)
        time.sleep(0.01)


@task(retries=1, backoff=0)
def fail_when_cancelled(folder: str) -> bool:
    """Show that it runs, and fail when it is cancelled. Its retry returns whether that is."""
    if _calls(str(Path(folder, "calls"))) > 1:
        return cancelled()
    Path(folder, "started").touch()
    end = time.monotonic() + LONGEST
    while not cancelled() and time.monotonic() < end:
        time.sleep(0.01)
    raise ValueError("no luck")


async def _stop(errors: list[Exception]) -> None:
    async with asyncio.TaskGroup() as group:
        for error in errors:
            group.create_task(_raise_later(error))


async def _raise_later(error: Exception) -> None:
    await asyncio.sleep(0)
    raise error


STOPS: dict[str, list[Exception]] = {
    "retry": [Retry(after=0)],
    "uncounted": [Retry(after=0, counted=False)],
    "stopped": [JobCancelled("stopped")],
    "both": [ValueError("no luck"), Retry(after=0)],
    "fail": [Retry(after=0), Fail("enough")],
}


@task(retries=3, backoff=0)
async def stop_in_a_group(folder: str, how: str) -> None:
    """Show that it runs, and raise a group of exceptions when it is cancelled."""
    note(f"{folder}/calls")
    note(f"{folder}/started")
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        if cancelled():
            await _stop(STOPS[how])
        await asyncio.sleep(0.01)


@task(retries=1, backoff=0)
def watched(folder: str) -> None:
    """Ask for an uncounted and a counted retry, then fail."""
    called = _calls(str(Path(folder, "calls")))
    if called < 3:
        raise Retry(after=0, counted=called == 2)
    raise Fail(f"attempt {current_job().attempt}")


@hooks.failure
def _failure(job: Job, error: BaseException, will_retry: bool) -> None:
    if job.function == "watched":
        line = f"{type(error).__name__} {job.attempt}/{job.attempts} {will_retry}"
        note(str(Path(job.args[0], "journal")), line)
