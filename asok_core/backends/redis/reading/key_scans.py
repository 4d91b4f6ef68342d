"""What only the names of keys show: ids of records, and lists that no name leads to. In small steps."""

from __future__ import annotations

import time

from asok_core.backends.redis import parsing
from asok_core.backends.redis.keys import Keys, glob_escaped
from asok_core.backends.redis.reading.round_trips import RoundTrips, scan
from asok_core.inspection.elsewhere import FoundLists

SCANNED = 1500
"""Keys that Redis looks at in one step of a SCAN: one to five milliseconds where there are millions."""


def ids_that_begin(
    round_trips: RoundTrips, keys: Keys, beginning: str, most: int
) -> tuple[str, ...] | None:
    """The ids of records that begin so: at least ``most`` of them, or all.

    It scans all keys of the database in small steps. None for a user who has no right to do that.
    """
    pattern, start = f"{keys.job(glob_escaped(beginning))}*", len(parsing.raw(keys.job("")))
    found = dict[str, None]()
    for step in scan(round_trips, pattern, SCANNED):
        if step is None:
            return None
        found |= dict.fromkeys(parsing.text(key[start:]) for key in step.keys)
        if len(found) >= most:
            break
    return tuple(found)


def find_lists(round_trips: RoundTrips, keys: Keys, patience: float) -> FoundLists:
    """The lists of all queues and processes, by a SCAN of all keys for as long as ``patience`` (seconds).

    Without the right to do that there are none.
    """
    until = time.monotonic() + patience
    found, whole = dict[str, None](), False
    for step in scan(round_trips, f"{glob_escaped(keys.namespace)}:[qa]*", SCANNED):
        if step is None:
            break
        found |= dict.fromkeys(map(parsing.text, step.keys))
        whole = step.ends
        if time.monotonic() > until:
            break
    queues = tuple(name for key in found if (name := keys.queue_name(key)) is not None)
    active = tuple(parts for key in found if (parts := keys.active_parts(key)) is not None)
    return FoundLists(queues, active, whole)
