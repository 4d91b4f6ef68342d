"""Notifications for a supervisor between heartbeats: due times, paused and resumed queues, commands."""

from __future__ import annotations

import time
from collections.abc import Iterator

from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.errors import AsokError, Refused, Unreachable
from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.worker")

ANSWER = 4.0
"""Seconds that Redis has to answer a PING."""


class WakeSubscription:
    """A subscription to ``asok:wake``. Without it (an ACL, an outage) heartbeats find the same, later."""

    def __init__(self, endpoint: Endpoint, keys: Keys) -> None:
        self._endpoint = endpoint
        self._channel = keys.wake
        self._connection: Connection | None = None
        self._refused = False
        self._asked_at: float | None = None

    def check(self) -> None:
        """Subscribe if that is not done, or again where no answer comes. Raises Unreachable.

        A connection that the network has dropped on one side stays open on the other forever. So each
        check sends a PING, and a later one ends the subscription if it is not answered in time.
        """
        if self._refused or self._answers():
            return
        self._asked_at = None
        connection = self._endpoint.connect(name="asok:wakes")
        try:
            connection.call("SUBSCRIBE", self._channel)
        except Refused as error:
            self._refused = True
            logger.warning("%s; commands are received at the next heartbeat only", error)
            connection.close()
            return
        self._connection = connection

    def _answers(self) -> bool:
        connection = self._connection
        if connection is None or not connection.open:
            return False
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            try:
                connection.send("PING")
            except Unreachable:
                return False
        elif time.monotonic() - self._asked_at > ANSWER:
            logger.warning("Subscription to wakes does not answer; subscribing again")
            connection.close()
        return connection.open

    def files(self) -> Iterator[int]:
        """The file descriptor to sleep on, when there is one."""
        if self._connection is not None and self._connection.open:
            file = self._connection.file
            if file is not None:
                yield file

    def read(self) -> Iterator[str]:
        """Every message that has come; waits for none."""
        while self._connection is not None and self._connection.open:
            try:
                if not self._connection.readable():
                    return
                kind, *parts = self._connection.read()
            except AsokError:
                return
            self._asked_at = None
            if kind == b"message" and isinstance(parts[-1], bytes):
                yield parts[-1].decode("utf-8", "replace")

    def close(self) -> None:
        """End the subscription."""
        if self._connection is not None:
            self._connection.close()
