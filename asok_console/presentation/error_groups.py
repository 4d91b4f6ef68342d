"""Figures of an error group: its filter, its trend, its tasks and queues."""

from __future__ import annotations

from collections.abc import Mapping

from asok_core.inspection.error_groups import STEP, ErrorGroup
from asok_core.inspection.filters import Filter, parse, word


def filter_of(group: ErrorGroup) -> Filter:
    """The filter that finds exactly the dead jobs of a group."""
    return parse(word("group", group.error))


def trend(group: ErrorGroup, now: float, span: float, slots: int) -> tuple[float, ...]:
    """Dead jobs per slot over the last ``span`` seconds, the oldest first."""
    counts = [0.0] * slots
    for step, count in group.recent.items():
        since = (step + 0.5) * STEP - now + span
        if since >= 0:
            counts[min(int(since * slots / span), slots - 1)] += count
    return tuple(counts)


def names(counts: Mapping[str, int], shown: int) -> str:
    """The most frequent names, and how many more there are: ``mail.send, mail.check +3``."""
    ranked = by_count(counts)
    more = len(ranked) - shown
    return ", ".join(ranked[:shown]) + (f" +{more}" if more > 0 else "")


def by_count(counts: Mapping[str, int]) -> list[str]:
    """The names, the most frequent first."""
    return sorted(counts, key=lambda name: (-counts[name], name))
