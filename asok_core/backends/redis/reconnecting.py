"""A connection that comes back: one thread's link to Redis, and an end to what the former one left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from asok_core.backends.redis.connection import REPLY_TIMEOUT, Arg, Endpoint, Link
from asok_core.backends.redis.scripts import Script


class StandingLink:
    """A link that is opened when it is needed, again after each break. For one thread.

    Before a new link is used the former one is ended on the server: a request that the network still
    holds must not be carried out after what is asked next.
    """

    def __init__(self, endpoint: Endpoint, name: str) -> None:
        self._endpoint = endpoint
        self._name = name
        self._link: Link | None = None
        self._client: int | None = None

    @property
    def link(self) -> Link:
        """The link. Raises Unreachable."""
        if self._link is None or not self._link.open:
            link = self._endpoint.link(reply_timeout=REPLY_TIMEOUT, name=self._name)
            client = client_id(link)
            if self._client is not None:
                end_clients(link, [self._client], self._name)
            self._link, self._client = link, client
        return self._link

    def call(self, *command: Arg) -> Any:
        """Send one command and read its reply. Raises Unreachable or Refused."""
        return self.link.call(*command)

    def run(
        self,
        script: Script,
        args: Sequence[Arg],
        meanwhile: Callable[[], object] | None = None,
    ) -> Any:
        """Run a script; ``meanwhile`` is called while Redis works. Raises Unreachable or Refused."""
        return self.link.run(script, (), args, meanwhile)

    def pipeline(self, commands: Sequence[Sequence[Arg]]) -> list[Any]:
        """Send many commands at once; replies in order, an error reply as an exception object."""
        return self.link.pipeline(commands)

    def close(self) -> None:
        """Close the link; the next call opens another."""
        if self._link is not None:
            self._link.close()


def client_id(link: Link) -> int | None:
    """The server's number of a connection; None where the user may not ask (ACL)."""
    (number,) = link.pipeline([("CLIENT", "ID")])
    return number if isinstance(number, int) else None


def end_clients(link: Link, clients: Collection[int], name: str) -> None:
    """End connections on the server, if they are there still.

    Since a restart of Redis a number may be another client's, so the name has to be right as well.
    """
    if not clients:
        return
    (listed,) = link.pipeline([("CLIENT", "LIST", "ID", *clients)])
    if not isinstance(listed, bytes):
        return  # not allowed (ACL): what a late request claims is found when the lease ends
    mark = f" name={name} ".encode()
    end_listed(link, [line for line in listed.splitlines() if mark in line])


def end_listed(link: Link, lines: Iterable[bytes]) -> None:
    """End the connections that lines of CLIENT LIST are of.

    For a user who may not do that (ACL), end at least their waits.
    """
    commands: list[tuple[Arg, ...]] = []
    for line in lines:
        number = line.split(b" ", 1)[0].removeprefix(b"id=")
        commands += (("CLIENT", "UNBLOCK", number, "ERROR"), ("CLIENT", "KILL", "ID", number))
    link.pipeline(commands)
