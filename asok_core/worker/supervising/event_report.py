"""What changed in a worker and is not yet in the events of Redis: the next heartbeat reports it."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from asok_core.backends.redis.calls.leases import NewEvent
from asok_core.inspection.events import EventKind

MOST = 200
"""Events that are kept while Redis cannot be reached; the oldest are dropped."""
LONGEST_TEXT = 500
"""Characters of a reason."""


class _Noted(NamedTuple):
    number: int
    kind: EventKind
    at: float
    fields: Mapping[str, str | int]


class EventReport:
    """Collects events of one supervisor. Times are those of ``clock``, which is never set."""

    def __init__(self, worker: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._worker = worker
        self._clock = clock
        self._noted: deque[_Noted] = deque(maxlen=MOST)
        self._last = 0

    def __bool__(self) -> bool:
        return bool(self._noted)

    def note(self, kind: EventKind, **fields: str | int) -> None:
        """Note that something changed now."""
        self._last += 1
        bounded = {
            name: value[:LONGEST_TEXT] if isinstance(value, str) else value
            for name, value in fields.items()
        }
        self._noted.append(_Noted(self._last, kind, self._clock(), bounded))

    def rows(self) -> list[NewEvent]:
        """What a heartbeat reports."""
        now = self._clock()
        return [
            NewEvent(each.number, each.kind, round((now - each.at) * 1000), self._text(each.fields))
            for each in self._noted
        ]

    def reported(self, rows: list[NewEvent]) -> None:
        """Drop what a heartbeat has reported."""
        last = rows[-1].number if rows else 0
        while self._noted and self._noted[0].number <= last:
            self._noted.popleft()

    def _text(self, fields: Mapping[str, str | int]) -> str:
        pairs = {"worker": self._worker, **fields}
        return json.dumps([str(part) for pair in pairs.items() for part in pair])
