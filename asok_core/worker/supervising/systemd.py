"""Notifications to systemd of a worker that it started with ``Type=notify``; none anywhere else."""

from __future__ import annotations

import os
import socket

from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.worker")

READY = "READY=1"
ALIVE = "WATCHDOG=1"
STOPPING = "STOPPING=1"

PATIENCE = 1.0
"""Seconds to wait for systemd to take a notification. It must not hold up the heartbeat."""


def notify(state: str) -> None:
    """Send a state to the datagram socket of NOTIFY_SOCKET, where that is set."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(PATIENCE)
            sender.sendto(state.encode(), address)
    except OSError as error:
        logger.debug("systemd not notified: state=%s error=%s", state, error)
