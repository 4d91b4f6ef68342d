"""The tasks of the application in these tests, and how it enqueues a thousand of them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from asok_core import background_many, task
from asok_core.jobs.calls import Call


def note(word: str) -> str:
    """Leave a line in the journal: the proof, outside Redis, that the task ran."""
    with Path(os.environ["JOURNAL"]).open("a") as journal:
        journal.write(f"{word}\n")
    return word


@task(queue="high")
def quick(number: int) -> str:
    """Succeed at once."""
    return note(f"quick-{number}")


@task
def steady(number: int) -> str:
    """Succeed after a moment."""
    time.sleep(0.005)
    return note(f"steady-{number}")


@task(retries=1, backoff=1)
def flaky(number: int) -> str:
    """Succeed on the second attempt."""
    seen = Path(os.environ["JOURNAL"]).with_suffix(f".{number}")
    if not seen.exists():
        seen.touch()
        raise ConnectionError(f"flaky-{number}: no answer")
    return note(f"flaky-{number}")


@task(queue="low")
def doomed(number: int) -> None:
    """Fail for good."""
    note(f"doomed-{number}")
    raise ValueError(f"order {number} has no address")


def enqueue_thousand() -> None:
    """A thousand jobs over three queues; 60 of them retry, 40 fail."""
    calls: list[Call] = []
    for number in range(1000):
        if number % 25 == 0:
            calls.append(doomed.call(number))
        elif number % 16 == 1:
            calls.append(flaky.call(number))
        elif number % 2:
            calls.append(quick.call(number))
        else:
            calls.append(steady.call(number))
    background_many(calls)
