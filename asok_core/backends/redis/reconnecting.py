"""A connection that is opened again: for one thread, with an end to what the former one left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from asok_core.backends.redis.calls.call import Arg, R, ScriptCall
from asok_core.backends.redis.connection import REPLY_TIMEOUT, Connection, Endpoint


class ReconnectingConnection:
    """A connection that is opened when it is needed, again after each break. For one thread.

    Before a new connection is used the former one is ended on the server: a request that the network still
    holds must not be carried out after what is asked next.
    """

    def __init__(self, endpoint: Endpoint, name: str) -> None:
        self._endpoint = endpoint
        self._name = name
        self._connection: Connection | None = None
        self._client: int | None = None

    @property
    def connection(self) -> Connection:
        """The connection. Raises Unreachable."""
        if self._connection is None or not self._connection.open:
            connection = self._endpoint.connect(reply_timeout=REPLY_TIMEOUT, name=self._name)
            client = client_id(connection)
            if self._client is not None:
                end_clients(connection, [self._client], self._name)
            self._connection, self._client = connection, client
        return self._connection

    def call(self, *command: Arg) -> Any:
        """Send one command and read its reply. Raises Unreachable or Refused."""
        return self.connection.call(*command)

    def run(self, call: ScriptCall[R], while_waiting: Callable[[], object] | None = None) -> R:
        """Run a script; ``while_waiting`` is called while Redis works. Raises Unreachable or Refused."""
        return self.connection.run(call, while_waiting)

    def pipeline(self, commands: Sequence[Sequence[Arg]]) -> list[Any]:
        """Send many commands at once; replies in order, an error reply as an exception object."""
        return self.connection.pipeline(commands)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()


def client_id(connection: Connection) -> int | None:
    """The server's number of a connection; None where the user may not ask (ACL)."""
    (number,) = connection.pipeline([("CLIENT", "ID")])
    return number if isinstance(number, int) else None


def end_clients(connection: Connection, clients: Collection[int], name: str) -> None:
    """End connections on the server, if they are there still.

    Since a restart of Redis a number may be another client's, so the name has to be right as well.
    """
    if not clients:
        return
    (listed,) = connection.pipeline([("CLIENT", "LIST", "ID", *clients)])
    if not isinstance(listed, bytes):
        return  # not allowed (ACL): what a late request claims is found when the lease ends
    mark = f" name={name} ".encode()
    end_listed(connection, [line for line in listed.splitlines() if mark in line])


def end_listed(connection: Connection, lines: Iterable[bytes]) -> None:
    """End the connections that lines of CLIENT LIST are of.

    For a user who may not do that (ACL), end at least their waits.
    """
    commands: list[tuple[Arg, ...]] = []
    for line in lines:
        number = line.split(b" ", 1)[0].removeprefix(b"id=")
        commands += (("CLIENT", "UNBLOCK", number, "ERROR"), ("CLIENT", "KILL", "ID", number))
    connection.pipeline(commands)
