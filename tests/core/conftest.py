"""What every test of the core leaves behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from asok_core.runtime import bounded
from tests.core import hostile_errors
from tests.programs import wait_until


@pytest.fixture(autouse=True)
def no_thread_hangs_on() -> Iterator[None]:
    """A process starts no more threads for what may hang after ``MOST_ABANDONED`` of them."""
    yield
    hanging = [*bounded._abandoned]
    hostile_errors.LET_GO.set()
    wait_until(lambda: not any(each.is_alive() for each in hanging), "the end of what hung")
    hostile_errors.LET_GO.clear()
