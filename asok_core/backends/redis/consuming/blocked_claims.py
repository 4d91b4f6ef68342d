"""What an idle process waits with: one blocked BLMOVE per queue, each on a connection of its own.

A plain LPUSH by any client wakes the worker in about a millisecond and has claimed the job already when
it does. Nothing polls, and a push wakes one worker, not all. Where a process may not open a file for
each of its queues, it waits on the first ones and polls the others.
"""

from __future__ import annotations

import math
import select
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

import redis

from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.consuming.outcomes import Claim
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reconnecting import end_clients
from asok_core.backends.redis.transport import ReplyTooLarge
from asok_core.errors import AsokError, Refused, Unreachable
from asok_core.runtime.exhaustion import open_files_limit
from asok_core.runtime.logs import safe_logger
from asok_core.settings.settings import LARGEST_ENVELOPE

logger = safe_logger("asok.worker")

BLOCK = 5
"""Seconds a BLMOVE waits on the server before it is sent again."""

REPLY_TIMEOUT = BLOCK + 10.0
UNBLOCK_AGAIN = 0.05
"""Seconds after which a wait that was asked to end, and did not, is asked again."""
SHARE = 2
"""Waits use at most one in this number of the files that a process may open; tasks have the others."""


class BlockedClaims:
    """Blocked claims for one process. For one thread; replies are read when ``files`` are readable.

    ``largest`` is how many bytes of a reply are read at most. ``unread`` is set where there were more: the
    element is in the active list, and its connection is closed.
    """

    def __init__(
        self, endpoint: Endpoint, keys: Keys, process: str, *, largest: int = LARGEST_ENVELOPE
    ) -> None:
        self._largest = largest
        self.unread = False
        self._impossible = self._too_many = False
        self._refused_until = 0.0
        self._refusal_logged = False
        self._endpoint = endpoint
        self._keys = keys
        self._process = process
        self._name = f"asok:{process}:wait"
        self._connections: dict[str, Connection] = {}
        self._client_ids: dict[str, int] = {}
        self._armed: dict[int, str] = {}
        self._requested: tuple[str, ...] = ()
        self._over_at: dict[int, float] = {}
        self._former: set[int] = set()

    @property
    def armed(self) -> bool:
        """Whether any claim is outstanding."""
        return bool(self._armed)

    @property
    def refused(self) -> bool:
        """Whether no wait can begin at present, so that jobs must be polled for.

        For good where this user may not use CLIENT, without which no wait can be ended, and where
        connections have no file to wait on; for a moment where Redis refuses BLMOVE itself (it is full,
        or an ACL) or one more connection, or no file is left. A cycle still claims there.
        """
        return self._impossible or time.monotonic() < self._refused_until

    @property
    def partial(self) -> bool:
        """Whether jobs of some queues must be polled for: of all, or of those that are too many."""
        return self._too_many or self.refused

    @property
    def whole(self) -> bool:
        """Whether each queue that was last to be waited on still is, so that no push is missed."""
        waiting = bool(self._armed) and not self._too_many
        return waiting and {*self._requested} <= {*self._armed.values()}

    def files(self) -> Iterator[int]:
        """File descriptors of the outstanding claims."""
        return iter(self._armed)

    def arm(self, queues: Iterable[str]) -> None:
        """Wait on each of ``queues`` that is not waited on yet; on the first ones if they are many."""
        waiting = set(self._armed.values())
        self._requested = self._allowed(tuple(queues))
        for queue in self._requested:
            if queue in waiting or self.refused:
                continue
            try:
                connection = self._connection(queue)
            except Unreachable as error:
                # The connection that claims is open already: if Redis is away, it will say so. One
                # that accepts no more connections may close them before it is read why.
                self._refuse(error)
                return
            if connection is None:
                return
            file = connection.file
            if file is None:
                self._never("Connections have no file to wait on in this release of redis-py")
                return
            source, target = self._keys.queue(queue), self._keys.active(self._process, queue)
            connection.send("BLMOVE", source, target, "RIGHT", "LEFT", BLOCK)
            self._armed[file] = queue
            self._over_at[file] = time.monotonic() + REPLY_TIMEOUT

    def check(self) -> None:
        """Raise Unreachable when a wait is long over and nothing came: the connection is dead."""
        if min(self._over_at.values(), default=math.inf) < time.monotonic():
            raise Unreachable(f"Redis at {self._endpoint.shown} does not answer in time")

    def read(self, file: int) -> Claim | None:
        """The claim on a readable file descriptor; None when its time ran out, or it was read."""
        queue = self._armed.pop(file, None)
        if queue is None:
            return None
        armed_at = self._over_at.pop(file) - REPLY_TIMEOUT
        try:
            envelope = self._connections[queue].read_up_to(self._largest)
        except ReplyTooLarge:
            self.unread = True
            return None
        except redis.ResponseError:
            # Unblocked with an error (a failover), or the queue is not a list: the next cycle reports it.
            return None
        except Refused as error:
            self._refuse(error)
            return None
        if self._refusal_logged and armed_at >= self._refused_until:
            # It was accepted after the last refusal, and has not only outlived that.
            self._refusal_logged = False
            logger.info("Waiting for jobs again: no longer polling for them")
        return None if envelope is None else Claim(queue, envelope)

    def disarm(self, control: Connection) -> list[Claim]:
        """End every outstanding wait. Late replies are claims like any other and are returned."""
        late: list[Claim | None] = []
        while self._armed:
            # Again until each has answered: what arms a wait may arrive after what ends it.
            self.check()
            control.pipeline(
                [("CLIENT", "UNBLOCK", self._client_ids[queue]) for queue in self._armed.values()]
            )
            late += [self.read(file) for file in self._readable()]
        return [claim for claim in late if claim is not None]

    def end_former(self, control: Connection) -> None:
        """End on the server the waits that were closed here: they could still take a job."""
        end_clients(control, self._former, self._name)
        self._former.clear()

    def close(self) -> None:
        """Close every connection. What a late reply claimed stays in the active list."""
        self._armed.clear()
        self._over_at.clear()
        self._former.update(self._client_ids.values())
        self._client_ids.clear()
        for connection in self._connections.values():
            with suppress(AsokError):
                connection.close()
        self._connections.clear()

    def _allowed(self, queues: tuple[str, ...]) -> tuple[str, ...]:
        limit = open_files_limit()
        most = limit // SHARE
        too_many = len(queues) > most
        if too_many and not self._too_many:
            logger.warning(
                "Limit of open files is %d, and waiting for jobs of %d queues would take %d of them: "
                "waiting on the first %d queues and polling the others ten times a second; raise the "
                "limit (ulimit -n, LimitNOFILE= of systemd) to %d or serve fewer queues",
                limit,
                len(queues),
                len(queues),
                most,
                len(queues) * SHARE,
            )
        self._too_many = too_many
        return queues[:most]

    def _refuse(self, error: Exception) -> None:
        self._refused_until = time.monotonic() + BLOCK
        if not self._refusal_logged:
            self._refusal_logged = True
            logger.warning("%s; polling for jobs ten times a second", error)

    def _never(self, reason: str) -> None:
        self._impossible = True
        logger.warning("%s: polling for jobs ten times a second", reason)

    def _readable(self) -> list[int]:
        poll = select.poll()
        for file in self._armed:
            poll.register(file, select.POLLIN)
        return [file for file, _ in poll.poll(UNBLOCK_AGAIN * 1000)]

    def _connection(self, queue: str) -> Connection | None:
        connection = self._connections.get(queue)
        if connection is None or not connection.open:
            connection = self._endpoint.connect(reply_timeout=REPLY_TIMEOUT, name=self._name)
            replies = connection.pipeline([("CLIENT", "ID"), ("CLIENT", "UNBLOCK", 0)])
            if any(isinstance(reply, redis.ResponseError) for reply in replies):
                connection.close()
                self._never("This user may not use CLIENT (ACL)")
                return None
            self._client_ids[queue] = replies[0]
            self._connections[queue] = connection
        return connection
