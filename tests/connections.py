"""The connections of a Redis, by which a test knows that it has done all that a killed program sent."""

from __future__ import annotations

from typing import Any

from tests.programs import wait_until


def connections(client: Any) -> set[str]:
    """The ids of all connections that the Redis of ``client`` has."""
    return {each["id"] for each in client.client_list()}


def wait_until_closed(client: Any, *, but: set[str]) -> None:
    """Wait until Redis has closed all connections but these.

    It reads a connection to its end, so it has run by then what a program sent before it was killed.
    """
    wait_until(
        lambda: connections(client) <= but,
        lambda: f"the end of connections: {client.client_list()}",
        interval=0.01,
    )
