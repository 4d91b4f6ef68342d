"""Calls that run at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from tests.programs import PATIENCE

T = TypeVar("T")


def run_together(*calls: Callable[[], T]) -> list[T]:
    """Call each function in a thread, all at the same time; return their results.

    Raises what one of them raises, and TimeoutError if one does not return.
    """
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        barrier.wait(PATIENCE)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return [each.result(PATIENCE) for each in [threads.submit(run, call) for call in calls]]


def wait_for_end(thread: threading.Thread, what: str) -> None:
    """Wait for the end of a thread; ``what`` names it where it does not come."""
    thread.join(PATIENCE)
    assert not thread.is_alive(), f"{what} does not end"


@contextmanager
def beside(run: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run a function in a thread during the body; it must return once the event is set."""
    done = threading.Event()
    thread = threading.Thread(target=run, args=(done,))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
