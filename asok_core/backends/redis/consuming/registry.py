"""Workers by their leases: heartbeats, orders, deaths."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from asok_core.backends.redis.calls.call import Arg
from asok_core.backends.redis.calls.leases import (
    AnswerStack,
    CheckLeases,
    Deregister,
    EndLease,
    NewEvent,
    PublishedField,
    SendHeartbeat,
)
from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.constants import EVENTS_AGE, EVENTS_LENGTH, WORKER_TTL
from asok_core.backends.redis.consuming.leases import (
    LONGEST_LEASE,
    ExpiredLease,
    Heartbeat,
    LeaseSnapshot,
    ShapeOrder,
)
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reconnecting import ReconnectingConnection, end_listed
from asok_core.backends.redis.server_clock import ServerClock
from asok_core.clock import steady
from asok_core.inspection.holds import generation_of
from asok_core.jobs.numbers import score


class Registry:
    """Leases, for one thread of a supervisor.

    ``lease`` is how many seconds of the server's clock a worker keeps what it holds after a heartbeat.
    ``events_max`` and ``events_age`` (seconds) are the bounds of the events.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        keys: Keys,
        *,
        lease: float = 30.0,
        events_max: int = EVENTS_LENGTH,
        events_age: float = EVENTS_AGE,
        name: str = "asok:supervisor",
    ) -> None:
        self.endpoint = endpoint
        self.keys = keys
        self._lease = lease
        self._events_bounds = events_max, max(1, int(events_age))
        self._answered: set[str] = set()
        self._asked_on: Connection | None = None
        self._server, self._last_seen = "", 0
        self._reconnecting = ReconnectingConnection(endpoint, name)
        self.clock = ServerClock()
        self.between: Callable[[], object] = lambda: None
        """Called between two batches of a long recovery, for heartbeats."""

    @property
    def connection(self) -> Connection:
        """The connection, opened when first needed. Raises Unreachable."""
        return self._reconnecting.connection

    def now(self) -> float:
        """Epoch seconds by the server's clock. Before the first heartbeat: raises Unreachable, Refused."""
        return self.clock.now() if self.clock.known else self.clock.ask(self.connection)

    def heartbeat(
        self,
        worker: str,
        queues: Sequence[str],
        fields: Mapping[str, Arg],
        *,
        machine: str = "",
        events: Sequence[NewEvent] = (),
    ) -> Heartbeat:
        """Take or renew the lease of ``worker``, publish ``fields`` about it and report ``events``.

        ``machine`` is where others can prove its death, '' where they cannot.
        """
        connection, asked_at = self.connection, steady()
        events_max, events_age = self._events_bounds
        call = SendHeartbeat(
            ns=self.keys.namespace,
            worker=worker,
            lease=int(self._lease * 1000),
            ttl=WORKER_TTL,
            machine=machine,
            first=worker not in self._answered,
            # Neither a restart nor a failover leaves a connection open.
            ask_server=connection is not self._asked_on,
            known_server=self._server,
            last_seen=self._last_seen,
            events_max=events_max,
            events_age=events_age,
            queues=queues,
            fields=[PublishedField(name, value) for name, value in fields.items()],
            events=events,
        )
        reply = connection.run(call)
        self._answered.add(worker)
        self._asked_on = connection
        self._server, self._last_seen = reply.server.decode(), reply.server_time
        now = reply.server_time / 1000
        self.clock.learn(now, asked_at)
        cancelled = [each.decode("utf-8", "replace") for each in reply.cancels]
        requested = reply.requested.decode("utf-8", "replace")
        asked = [each.decode("utf-8", "replace") for each in reply.asked]
        ends = {
            name.decode("utf-8", "replace"): score(until)
            for name, until in zip(reply.ends[::2], reply.ends[1::2], strict=True)
        }
        by = reply.requested_by.decode("utf-8", "replace")
        holds = generation_of(reply.holds)
        shape = ShapeOrder(
            reply.concurrency.decode("utf-8", "surrogateescape"),
            reply.queues.decode("utf-8", "surrogateescape"),
            reply.shaped_by.decode("utf-8", "replace"),
        )
        return Heartbeat(reply.whole == 1, now, requested, by, cancelled, asked, ends, holds, shape)

    def remove_cancels(self, worker: str, job_ids: Collection[str]) -> None:
        """Remove what ``worker`` was asked to stop and no longer runs."""
        if job_ids:
            self.connection.call("SREM", self.keys.cancels(worker), *job_ids)

    def answer(self, token: str, text: str) -> None:
        """Answer a request for a stack."""
        self.connection.run(AnswerStack(ns=self.keys.namespace, token=token, answer=text))

    def check_leases(self, worker: str, *, machine: str = "") -> LeaseSnapshot:
        """Check the leases of all workers for ``worker``, which is at ``machine``."""
        reply = self.connection.run(
            CheckLeases(
                ns=self.keys.namespace,
                worker=worker,
                lease=int(self._lease * 1000),
                unknown_lease=int(LONGEST_LEASE * 1000),
                machine=machine,
            )
        )
        found = []
        parts: list[Any] = reply.expired
        for name, until, length in zip(*(parts[n::3] for n in range(3)), strict=True):
            try:
                found.append(ExpiredLease(name.decode(), score(until) / 1000, length / 1000))
            except UnicodeDecodeError:
                # No worker has such a name, and leases that cannot be ended would hide the real ones.
                self.connection.call("ZREM", self.keys.workers, name)
        neighbours = [each.decode() for each in reply.neighbours if each.isascii()]
        return LeaseSnapshot(reply.server_time / 1000, reply.leased == 1, found, neighbours)

    def leave(
        self,
        worker: str,
        lists: Sequence[str],
        *,
        only_if_expired: bool = False,
        by: str = "",
        reason: str = "",
    ) -> bool:
        """Give up a lease under which nothing is active. False if something still is.

        The worker stops for ``reason``; ``only_if_expired``: worker ``by`` has recovered it.
        """
        call = Deregister(
            ns=self.keys.namespace,
            worker=worker,
            only_if_expired=only_if_expired,
            by=by,
            reason=reason,
            lists=lists,
        )
        return self.connection.run(call) == 1

    def end_lease(self, worker: str) -> bool:
        """End the lease of a worker that is dead: whether this call did it, not another worker."""
        return self.connection.run(EndLease(ns=self.keys.namespace, worker=worker)) == 1

    def kill_waiters(self, *processes: str) -> None:
        """Cut the connections of dead processes: a blocked claim of one could still take a job."""
        marks = [f"name=asok:{process}:".encode() for process in processes]
        # Not allowed to list: the slow scan finds what a late claim took.
        lines = [line for line in self._clients() or () if any(mark in line for mark in marks)]
        end_listed(self.connection, lines)

    def connected(self, worker: str) -> bool:
        """Whether Redis has a connection of a worker, or does not show it."""
        marks = [f"name=asok:{worker}{end}".encode() for end in ":."]
        clients = self._clients()
        return clients is None or any(mark in line for mark in marks for line in clients)

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._reconnecting.close()

    def _clients(self) -> list[bytes] | None:
        clients = self.connection.pipeline([("CLIENT", "LIST", "TYPE", "normal")])[0]
        return clients.splitlines() if isinstance(clients, bytes) else None
