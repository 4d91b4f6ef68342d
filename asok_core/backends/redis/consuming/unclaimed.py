"""What is oversized in queues from which no worker claims: paused ones, and those that nobody serves.

Each look of a console at such an entry holds Redis up. The slow walk of ``renewal.py`` goes to the end of
every queue, but begins once an hour; this looks at the next jobs of each, which are those that are shown.
"""

from __future__ import annotations

from collections.abc import Iterator

from asok_core.backends.redis import parsing
from asok_core.backends.redis.connection import Link
from asok_core.backends.redis.consuming.oversized import Oversized, set_aside
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.members import members
from asok_core.backends.redis.scripts import script

QUEUES_AT_ONCE = 20
NEXT_JOBS = 100
"""Jobs of a queue that are looked at, where it holds more bytes than one envelope may have."""


class Unclaimed:
    """Looks at a few queues each time, one after the other. For one thread of a supervisor."""

    def __init__(self, keys: Keys, *, largest: int) -> None:
        self._keys = keys
        self._largest = largest
        self._names: Iterator[bytes] = iter(())

    def look(self, link: Link) -> list[Oversized]:
        """Set aside what is oversized; what that was. Raises Unreachable or Refused."""
        found: list[Oversized] = []
        for _ in range(QUEUES_AT_ONCE):
            name = next(self._names, None)
            if name is None:
                self._names = iter(sorted({b"default", *members(link, self._keys.queues)}))
                break
            args = (self._keys.namespace, name, 0, NEXT_JOBS, self._largest)
            found += set_aside(link.run(script("expel"), (), args), (parsing.text(name),))
        return found
