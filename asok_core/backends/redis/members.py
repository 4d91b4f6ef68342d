"""Sets that others can fill without end: a bounded number of members is read, in bounded steps."""

from __future__ import annotations

from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.explanations import ErrorReply, wrong_type

STEP = 4096
"""Members of one step: a set of at most this size is read in one, in about a millisecond."""
MOST = 100_000
"""Members that are read of any set; beyond that they are not the names of queues in use."""


def members(connection: Connection, key: str, most: int = MOST) -> list[bytes]:
    """Members of a set, each once, ``most`` or a few more; none where the key is of another type.

    Raises Unreachable or Refused.
    """
    found: dict[bytes, None] = {}
    cursor: bytes = b"0"
    while len(found) < most:
        try:
            cursor, some = connection.call("SSCAN", key, cursor, "COUNT", STEP)
        except ErrorReply as error:
            if not wrong_type(error):
                raise
            return []
        found |= dict.fromkeys(some)
        if cursor == b"0":
            break
    return list(found)
