"""Where a job waits whose record does not show it: deleted, or written by another program."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from itertools import chain

from asok_core.backends.redis import parsing
from asok_core.backends.redis.calls.call import Arg
from asok_core.backends.redis.calls.reading import Find
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.explanations import ErrorReply
from asok_core.backends.redis.keys import Keys, glob_escaped
from asok_core.backends.redis.members import members
from asok_core.backends.redis.search_position import SearchPosition
from asok_core.backends.roles import Scope
from asok_core.jobs.envelope import peek
from asok_core.jobs.states import Location
from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.background")

LONGEST = 5.0
"""Seconds that one search may take in all; enough for half a million jobs on a busy machine."""
STEP = 300
"""Jobs that one script looks through: Redis serves no other client for the one to three milliseconds."""


def homes(
    connection: Connection, keys: Keys, queues: Sequence[str], job_id: str
) -> Iterator[Scope]:
    """Where the job waits, as the scope of an operation: in the delayed set, or in a queue.

    Looks through the delayed set, then ``queues`` and those that workers know by name, then those that
    only a SCAN finds; of each the oldest jobs first. Raises Unreachable or Refused.
    """
    until = time.monotonic() + LONGEST
    ids, words = frozenset((job_id,)), f"id:{job_id}"
    if holds(connection, keys.delayed, "score", job_id, until):
        yield Scope(Location.DELAYED, ids=ids, words=words)
    seen: set[str] = set()
    # What was delayed may be in a queue by now, and so may what was in another.
    for queue in chain(queues, _known(connection, keys), _found(connection, keys, until)):
        if queue not in seen:
            seen.add(queue)
            if holds(connection, keys.queue(queue), "right", job_id, until):
                yield Scope(Location.PENDING, queue=queue, ids=ids, words=words)
    if time.monotonic() > until:
        logger.warning(
            "Search for a job given up after %g s: it has no record, and the queues are long",
            LONGEST,
            extra={"job_id": job_id},
        )


def _known(connection: Connection, keys: Keys) -> Iterator[str]:
    yield from sorted(map(parsing.text, members(connection, keys.queues)))


def _found(connection: Connection, keys: Keys, until: float) -> Iterator[str]:
    pattern = f"{glob_escaped(keys.namespace)}:queue:*"
    for names in scan_names(connection, pattern, STEP, until):
        for name in names:
            queue = keys.queue_name(parsing.text(name))
            if queue is not None:
                yield queue


def scan_names(
    connection: Connection, pattern: str, count: int, until: float = math.inf
) -> Iterator[Sequence[bytes]]:
    """The names of the keys that match, in steps, until a monotonic time.

    ``count``: keys that Redis looks at in a step. Raises Unreachable or Refused.
    """
    cursor: Arg = b"0"
    while time.monotonic() <= until:
        cursor, names = connection.call("SCAN", cursor, "MATCH", pattern, "COUNT", count)
        yield names
        if cursor == b"0":
            return


def holds(connection: Connection, key: str, order: str, job_id: str, until: float) -> bool:
    """Whether a job is in a list (``left``: newest first, ``right``: oldest) or a ``score`` set."""
    # As it is in the JSON text of a job, which is a string in the JSON text of its envelope.
    text, at = json.dumps(json.dumps(job_id)[1:-1])[1:-1], SearchPosition()
    while time.monotonic() <= until:
        try:
            found = connection.run(Find.after(at, parsing.raw(key), order, STEP, text))
        except ErrorReply:
            # A key of another type holds no job.
            return False
        if found.position >= 0 and peek(found.item).id == job_id:
            return True
        if found.start >= 0 and found.looked == 0:
            return False
        # Else the id may be in another job's arguments.
        at.note(found.start, found.start + found.looked, found.last, found.at_once)
    return False
