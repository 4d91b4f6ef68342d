"""What a supervisor hears between its beats: new due times, paused and resumed queues, orders."""

from __future__ import annotations

from collections.abc import Iterator

from asok_core.backends.redis.connection import Endpoint, Link
from asok_core.backends.redis.keys import Keys
from asok_core.errors import AsokError, Refused
from asok_core.logs import safe_logger

logger = safe_logger("asok.worker")


class Wakes:
    """A subscription to ``asok:wake``. Without it (an ACL, an outage) the beats find the same, later."""

    def __init__(self, endpoint: Endpoint, keys: Keys) -> None:
        self._endpoint = endpoint
        self._channel = keys.wake
        self._link: Link | None = None
        self._refused = False

    def connect(self) -> None:
        """Subscribe, if that is not done. Raises Unreachable."""
        if self._refused or (self._link is not None and self._link.open):
            return
        link = self._endpoint.link(name="asok:wakes")
        try:
            link.call("SUBSCRIBE", self._channel)
        except Refused as error:
            self._refused = True
            logger.warning("%s; orders are heard at the next beat only", error)
            link.close()
            return
        self._link = link

    def files(self) -> Iterator[int]:
        """The file descriptor to sleep on, when there is one."""
        if self._link is not None and self._link.open:
            yield self._link.fileno()

    def read(self) -> Iterator[str]:
        """Every message that has come; waits for none."""
        while self._link is not None and self._link.open:
            try:
                if not self._link.readable():
                    return
                kind, _channel, words = self._link.read()
            except AsokError:
                return
            if kind == b"message" and isinstance(words, bytes):
                yield words.decode("utf-8", "replace")

    def close(self) -> None:
        """End the subscription."""
        if self._link is not None:
            self._link.close()
