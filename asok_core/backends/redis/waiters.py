"""The idle wait: one blocked BLMOVE per queue, each on a connection of its own.

A plain LPUSH by anybody wakes the worker in about a millisecond and has claimed the job already when
it does. Nothing polls, and a push wakes one worker, not all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress

import redis

from asok_core.backends.redis.connection import Endpoint, Link
from asok_core.backends.redis.consumer import Claim
from asok_core.backends.redis.keys import Keys
from asok_core.errors import AsokError

logger = logging.getLogger("asok.worker")

BLOCK = 5
"""Seconds a BLMOVE waits on the server before it is sent anew."""

REPLY_TIMEOUT = BLOCK + 10.0


class Waiters:
    """Blocked claims for one process. For one thread; replies are read when ``files`` are readable."""

    def __init__(self, endpoint: Endpoint, keys: Keys, process: str) -> None:
        self.refused = False
        """Whether this user may not use CLIENT, without which no wait can be ended; none is begun."""
        self._endpoint = endpoint
        self._keys = keys
        self._process = process
        self._links: dict[str, Link] = {}
        self._client_ids: dict[str, int] = {}
        self._armed: dict[int, str] = {}

    @property
    def armed(self) -> bool:
        """Whether any claim is outstanding."""
        return bool(self._armed)

    def files(self) -> Iterator[int]:
        """File descriptors of the outstanding claims."""
        return iter(self._armed)

    def arm(self, queues: Iterable[str]) -> None:
        """Wait on each of ``queues`` that is not waited on yet."""
        waiting = set(self._armed.values())
        for queue in queues:
            if queue in waiting or self.refused:
                continue
            link = self._link(queue)
            if link is None:
                return
            source, target = self._keys.queue(queue), self._keys.active(self._process, queue)
            link.send("BLMOVE", source, target, "RIGHT", "LEFT", BLOCK)
            self._armed[link.fileno()] = queue

    def read(self, file: int) -> Claim | None:
        """The claim on a readable file descriptor; None when its time ran out, or it was read."""
        queue = self._armed.pop(file, None)
        if queue is None:
            return None
        try:
            envelope = self._links[queue].read()
        except redis.ResponseError:
            # Unblocked with an error (a failover), or the queue is no list: the next cycle tells.
            return None
        return None if envelope is None else Claim(queue, envelope)

    def disarm(self, control: Link) -> list[Claim]:
        """End every outstanding wait. Late replies are claims like any other and are returned."""
        if not self._armed:
            return []
        control.pipeline(
            [("CLIENT", "UNBLOCK", self._client_ids[queue]) for queue in self._armed.values()]
        )
        late = [self.read(file) for file in list(self._armed)]
        return [claim for claim in late if claim is not None]

    def close(self) -> None:
        """Close every connection. What a late reply claimed stays in the active list."""
        self._armed.clear()
        for link in self._links.values():
            with suppress(AsokError):
                link.close()
        self._links.clear()

    def _link(self, queue: str) -> Link | None:
        link = self._links.get(queue)
        if link is None or not link.open:
            link = self._endpoint.link(
                reply_timeout=REPLY_TIMEOUT, name=f"asok:{self._process}:wait"
            )
            replies = link.pipeline([("CLIENT", "ID"), ("CLIENT", "UNBLOCK", 0)])
            if any(isinstance(reply, redis.ResponseError) for reply in replies):
                link.close()
                self.refused = True
                logger.warning(
                    "This user may not use CLIENT (ACL): jobs are looked for ten times a second"
                )
                return None
            self._client_ids[queue] = replies[0]
            self._links[queue] = link
        return link
