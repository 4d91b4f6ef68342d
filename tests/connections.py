"""Waits until Redis has executed everything that a killed program sent."""

from __future__ import annotations

from typing import Any

from tests.programs import wait_until


def connections(client: Any) -> set[str]:
    """The ids of all connections to the Redis of ``client``."""
    return {each["id"] for each in client.client_list()}


def wait_until_closed(client: Any, *, but: set[str]) -> None:
    """Wait until Redis has closed all connections except ``but``.

    Redis reads a connection to its end, so it has then executed all commands of a killed program.
    """
    wait_until(
        lambda: connections(client) <= but,
        lambda: f"the end of connections: {client.client_list()}",
        interval=0.01,
    )
