"""What is oversized in queues from which no worker claims: paused ones, and those without a worker.

Each snapshot of a console that includes such an entry blocks Redis. The slow walk of ``renewal.py`` reads
every queue to its end, but begins once an hour; this checks the next jobs of each, which are those shown.
"""

from __future__ import annotations

from collections.abc import Iterator

from asok_core.backends.redis import parsing
from asok_core.backends.redis.calls.walks import SetAsideUnclaimed
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.consuming.oversized import OversizedEntry, set_aside
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.members import members

QUEUES_AT_ONCE = 20
NEXT_JOBS = 100
"""Jobs of a queue that are checked, if it holds more bytes than one envelope may have."""


class UnclaimedCheck:
    """Checks a few queues with each call, in turn. For one thread of a supervisor."""

    def __init__(self, keys: Keys, *, largest: int) -> None:
        self._keys = keys
        self._largest = largest
        self._names: Iterator[bytes] = iter(())

    def set_aside_oversized(self, connection: Connection) -> list[OversizedEntry]:
        """Set aside what is oversized, and return it. Raises Unreachable or Refused."""
        found: list[OversizedEntry] = []
        for _ in range(QUEUES_AT_ONCE):
            name = next(self._names, None)
            if name is None:
                self._names = iter(sorted({b"default", *members(connection, self._keys.queues)}))
                break
            reply = connection.run(
                SetAsideUnclaimed(
                    ns=self._keys.namespace,
                    queue=name,
                    passed=0,
                    count=NEXT_JOBS,
                    largest=self._largest,
                )
            )
            found += set_aside(reply, (parsing.text(name),))
        return found
