"""The passage of time for the keys of a Redis."""

from __future__ import annotations

from typing import Any

HOUR = 3600
DAY = 24 * HOUR


def let_pass(client: Any, seconds: float) -> None:
    """Reduce the TTL of every key by ``seconds``; keys with a shorter TTL expire."""
    for key in list(client.scan_iter(count=1000)):
        left = client.pttl(key)
        if left >= 0:
            rest = int(left - seconds * 1000)
            client.pexpire(key, rest) if rest > 0 else client.delete(key)
