"""Calls that run at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
