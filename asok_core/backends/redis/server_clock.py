"""The clock of a Redis server, as this process knows it between two replies."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from asok_core.backends.redis.connection import Connection
from asok_core.clock import steady

RESOLUTION = 0.001
"""Seconds: replies give the server's time in whole milliseconds, or better."""
STEP = 1.0
"""Seconds: a time so much earlier than the last one means that the server's clock was set back."""


def epoch_seconds(time: Sequence[Any]) -> float:
    """The reply of TIME in one number."""
    seconds, micros = time
    return int(seconds) + int(micros) / 1e6


class ServerClock:
    """Epoch seconds by the server's clock, learnt from replies that have the server's time.

    Between them it follows a clock of this machine that is never set, so a wrong or changed local time
    does not matter. It is exact to the round trip of the best reply, and does not go back unless
    the server's clock is set back: what happened later has no earlier time. For any number of
    threads.
    """

    def __init__(self) -> None:
        self._ahead: float | None = None
        self._last = -math.inf
        self.learnt_at = -math.inf
        """When (steady) a reply last had the server's time."""

    @property
    def known(self) -> bool:
        """Whether a reply has had the server's time."""
        return self._ahead is not None

    def learn(self, server_time: float, asked_at: float) -> None:
        """Take the time from a reply that has just come to what was sent at ``asked_at`` (steady)."""
        self.learnt_at = arrived_at = steady()
        # The server read its clock between the two, so a reply is a range and not a point.
        least, most = server_time - arrived_at, server_time + RESOLUTION - asked_at
        middle = (least + most) / 2
        self._ahead = middle if self._ahead is None else min(max(self._ahead, least), most)

    def ask(self, connection: Connection) -> float:
        """The server's time now, by a round trip. Raises Unreachable or Refused."""
        asked_at = steady()
        self.learn(epoch_seconds(connection.call("TIME")), asked_at)
        return self.now()

    def now(self) -> float:
        """Epoch seconds by the server's clock."""
        if self._ahead is None:
            # Before the first reply there is no other clock, and no job that has a time.
            return time.time()
        now, last = steady() + self._ahead, self._last
        if last - STEP < now < last:
            return last
        self._last = now
        return now
