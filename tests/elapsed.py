"""Hours and days, as far as the keys of a Redis are concerned: what expires in them is gone."""

from __future__ import annotations

from typing import Any

HOUR = 3600
DAY = 24 * HOUR


def let_pass(client: Any, seconds: float) -> None:
    """Take ``seconds`` off the TTL of every key; keys that have less expire."""
    for key in list(client.scan_iter(count=1000)):
        left = client.pttl(key)
        if left >= 0:
            rest = int(left - seconds * 1000)
            client.pexpire(key, rest) if rest > 0 else client.delete(key)
