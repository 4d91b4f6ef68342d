"""What was set aside because it is too large to be an envelope (see ``set_aside.lua``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple


class OversizedEntry(NamedTuple):
    """An element that was set aside: where it was found, its bytes and their SHA-1."""

    queue: str
    size: int
    sha1: str


def set_aside(reply: Sequence[Any], queues: Sequence[str]) -> Iterator[OversizedEntry]:
    """Parse what a script has set aside, as ``queue index, size, SHA-1, ...``."""
    for at, size, sha1 in zip(reply[::3], reply[1::3], reply[2::3], strict=True):
        yield OversizedEntry(queues[at - 1], size, sha1.decode())
