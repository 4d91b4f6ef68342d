"""Sets with a million names that a client added: reading them is bounded, and what matters is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.renewal import Renewal
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.members import STEP, members
from asok_core.operations.inspector import open_operator, open_reader
from asok_core.settings.settings import Settings

KEYS = Keys()
MILLION, PART = 1_000_000, 50_000
FILL = """
for first = tonumber(ARGV[1]), tonumber(ARGV[2]), 1000 do
  local names = {}
  for n = first, first + 999 do names[#names + 1] = 'name-' .. n end
  redis.call('SADD', KEYS[1], unpack(names))
end
"""
MOST_BYTES = 1_000_000
"""Of a snapshot. The names alone are eleven times as many."""


@pytest.mark.keeps_keys("asok:renewal")
def test_a_million_names_cost_a_bounded_read(
    redis_client: redis.Redis, redis_url: str, make_settings: Callable[..., Settings]
) -> None:
    for key in (KEYS.queues, KEYS.paused):
        # A part at a time: on a busy machine all at once takes longer than a client waits for a reply.
        for first in range(1, MILLION, PART):
            redis_client.eval(FILL, 1, key, first, first + PART - 1)
    redis_client.sadd(KEYS.paused, "low")
    settings = make_settings()
    reader = open_reader(settings)
    snapshot = reader.snapshot()
    assert (snapshot.cost.reply_bytes or 0) < MOST_BYTES
    paused = {queue.name: queue.paused for queue in snapshot.queues}
    assert (paused["high"], paused["default"], paused["low"]) == (False, False, True)
    assert [each for each in snapshot.unread if "1,000,000 names of queues" in each]
    assert [each for each in snapshot.unread if "1,000,001 names of paused queues" in each]
    reader.close()

    connection = Endpoint(redis_url).connect()
    assert 10_000 <= len(members(connection, KEYS.queues, 10_000)) <= 10_000 + 2 * STEP
    assert Renewal(KEYS, "w").step(connection).lost == 0

    operator = open_operator(settings)
    assert operator.resume("low").applied == 1
    operator.close()
