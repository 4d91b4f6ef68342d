"""Proof by the kernel that no process of a worker lives, long before its lease ends.

A supervisor takes a name of the kernel's, an abstract unix socket, and each child inherits the file
descriptor: the name is free again when the last process of the worker is gone, however it went. Whoever
can take the name has proved that death. The proof is good at the same *place* only: one boot of one
kernel, and one network namespace of it. Elsewhere, and where there are no such names (macOS), or when
a task left a forked process behind that has the descriptor, the lease decides.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path


class Presence:
    """Says that a worker is there, until the last process that has ``files`` ends.

    ``place`` is where that can be seen, '' if nowhere; ``files`` are descriptors for the children.
    """

    def __init__(self, worker: str) -> None:
        self._name = _taken(worker) if (place := _here()) else None
        self.place = place if self._name else ""
        self.files: tuple[int, ...] = (self._name.fileno(),) if self._name else ()

    def close(self) -> None:
        """Let go of the name; children that live still hold it."""
        if self._name is not None:
            self._name.close()


def keep_from_tasks(files: list[int]) -> None:
    """In a child: let the programs that tasks start not inherit ``files`` in their turn."""
    for file in files:
        os.set_inheritable(file, False)


def is_gone(worker: str) -> bool:
    """Whether no process lives of a worker that was at this place."""
    name = _taken(worker)
    if name is None:
        return False
    name.close()
    return True


def _taken(worker: str) -> socket.socket | None:
    """The name of a worker; None when it is in use, or cannot be had, which proves nothing."""
    try:
        name = socket.socket(socket.AF_UNIX)
    except OSError:
        return None
    try:
        name.bind(f"\0asok:{worker}")
    except OSError:
        name.close()
        return None
    return name


def _here() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # Unique among all namespaces that live; of one that is gone, every process is gone too.
        network = Path("/proc/self/ns/net").stat().st_ino
    except (OSError, UnicodeDecodeError):
        return ""
    return f"{boot}:{network}" if boot else ""
