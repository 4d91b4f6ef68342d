"""Which queues there are, so that a mistyped name is reported and creates no queue."""

from __future__ import annotations

from asok_console.presentation.prose import listed
from asok_console.presentation.text import safe
from asok_core.backends.roles import Reader
from asok_core.errors import UsageError

NAMED = 10


def known(reader: Reader, queue: str) -> str:
    """``queue``, if it exists. Raises UsageError that names those that do."""
    names = [each.name for each in reader.snapshot().queues]
    if queue in names:
        return queue
    some = listed([safe(name, 60) for name in names], NAMED)
    raise UsageError(f"there is no queue {safe(repr(queue), 200)}; there are {some}")
