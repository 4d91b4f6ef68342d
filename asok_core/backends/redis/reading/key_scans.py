"""What only the names of keys show: ids of records, and lists that no name leads to. In small steps."""

from __future__ import annotations

import re
import time

from asok_core.backends.redis import parsing
from asok_core.backends.redis.keys import Keys, glob_escaped
from asok_core.backends.redis.reading.query import maybe
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.inspection.elsewhere import FoundLists

SCANNED = 1500
"""Keys that Redis looks at in one step of a SCAN: one to five milliseconds where there are millions."""


def ids_that_begin(
    round_trips: RoundTrips, keys: Keys, beginning: str, most: int
) -> tuple[str, ...] | None:
    """The ids of records that begin so: at least ``most`` of them, or all.

    It scans all keys of the database in small steps. None for a user who has no right to do that.
    """
    literal = re.sub(r"([*?\[\]\\^-])", r"\\\1", beginning)
    pattern, start = parsing.raw(f"{keys.job(literal)}*"), len(parsing.raw(keys.job("")))
    found, cursor = dict[str, None](), 0
    while len(found) < most:
        reply = round_trips.ask(maybe("SCAN", cursor, "MATCH", pattern, "COUNT", SCANNED))
        if not isinstance(reply, list) or len(reply) != 2:
            return None
        found |= dict.fromkeys(parsing.text(key[start:]) for key in reply[1])
        cursor = int(reply[0])
        if not cursor:
            break
    return tuple(found)


def find_lists(round_trips: RoundTrips, keys: Keys, patience: float) -> FoundLists:
    """The lists of all queues and processes, by a SCAN of all keys for as long as ``patience`` (seconds).

    Without the right to do that there are none.
    """
    until = time.monotonic() + patience
    pattern = parsing.raw(f"{glob_escaped(keys.namespace)}:[qa]*")
    found, cursor, whole = dict[str, None](), 0, False
    while not whole and time.monotonic() <= until:
        reply = round_trips.ask(maybe("SCAN", cursor, "MATCH", pattern, "COUNT", SCANNED))
        if not isinstance(reply, list) or len(reply) != 2:
            break
        found |= dict.fromkeys(map(parsing.text, reply[1]))
        cursor = int(reply[0])
        whole = not cursor
    queues = tuple(name for key in found if (name := keys.queue_name(key)) is not None)
    active = tuple(parts for key in found if (parts := keys.active_parts(key)) is not None)
    return FoundLists(queues, active, whole)
