"""Calls about figures by task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asok_core.backends.redis.calls.call import NamespacedCall, script_call


class TaskCount(NamedTuple):
    """What a task did."""

    task: str
    attempts: int
    """How many began or ended: by that tasks are ranked."""
    figures: bytes
    """``packed_figures.py``."""


@script_call
class CountTasks(NamespacedCall[None]):
    """Add what tasks did to their figures of this minute and this hour.

    ``most`` tasks have figures of their own, those with most attempts today; ``others`` has the figures of
    the rest. ``ranked`` names at most are ranked, and one that has figures stays.
    """

    others: str
    most: int
    ranked: int
    counts: Sequence[TaskCount]
