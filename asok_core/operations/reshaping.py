"""Whether a worker has the shape that was ordered: it publishes the one in force with its heartbeats."""

from __future__ import annotations

from typing import NamedTuple

from asok_core.backends.roles import Reader
from asok_core.inspection.shape_words import in_force_words, ordered_words
from asok_core.inspection.workers import WorkerInfo
from asok_core.operations.waiting import wait_for

PATIENCE = 15.0
"""Seconds that a worker has to start the processes of another shape."""


class Reshaping(NamedTuple):
    """What is known of an order. The words may hold text from Redis."""

    words: str
    confirmed: bool = False


def wait_until_reshaped(reader: Reader, worker: str, patience: float = PATIENCE) -> Reshaping:
    """Wait until the worker has confirmed its order, for ``patience`` seconds at most.

    It is ordered: where the worker cannot be read, that is stated, not raised.
    """
    return wait_for(
        lambda: _seen(reader, worker),
        lambda found: not found.confirmed,
        lambda error: Reshaping(f"whether the worker has confirmed it is not known: {error}"),
        patience,
    )


def _seen(reader: Reader, worker: str) -> Reshaping:
    snapshot = reader.snapshot(rates=False, jobs=False)
    known: WorkerInfo | None = next((w for w in snapshot.workers if w.id == worker), None)
    if known is None:
        return Reshaping("ordered, not confirmed yet: the worker is not among those that were read")
    if known.is_reshaping:
        return Reshaping(ordered_words(known))
    return Reshaping(f"confirmed by its heartbeat: {in_force_words(known)}", confirmed=True)
