"""A sample of a list or sorted set: windows at random positions of equal parts, at a bounded cost.

A command that reads a list walks to its index, on Redis 6.2 from the beginning: 10 to 20 ns for each 8 kB.
So a sample is few windows of neighbours instead of many single jobs, fewer the more memory the list takes.
"""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import NamedTuple

from asok_core.backends.redis.reading.queries import Order, Window
from asok_core.backends.redis.reading.query import by_key, named, server_time
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.inspection.partial_payload import Item

EXACT = 2_000
"""Jobs up to which all are read, and how many are read of more."""
STEP = 250
"""Jobs of a window where all are read."""
FEWEST, MOST = 10, 100
"""Windows of a sample."""
WALK, NODE, WALKING = 2e-8, 8192, 0.025
"""Seconds that a walk takes for each ``NODE`` bytes of a list, and those that all walks may take."""
BATCH = 10
"""Windows of one round trip; other clients are served in between."""
ENOUGH = 16 << 20
"""Bytes of jobs after which no more windows are read."""
AT_ENDS = 20
SMALL, LARGEST_STEP = 8_192, 64
"""Bytes of a job up to which a whole window is read at once, and the jobs of a window."""


class ListPart(NamedTuple):
    """A part of a list, and the items that were read in it."""

    length: int
    items: tuple[Item, ...]


class SampledList(NamedTuple):
    """The parts that were read of a list; ``total`` is None where its key is of another type."""

    total: int | None
    parts: tuple[ListPart, ...]
    taken_at: float


class _Ends(NamedTuple):
    first: Window
    last: Window
    now: float


class _Plan(NamedTuple):
    """Where a window starts, how many jobs it has, and how many its part of the list has."""

    start: int
    jobs: int
    length: int


def sample_list(
    round_trips: RoundTrips, key: str, order: Order, chance: random.Random
) -> SampledList:
    """Read all of a short list, or a sample of a long one."""
    window = round_trips.queries.window
    other: Order = {"left": "right", "right": "left"}.get(order, order)  # type: ignore[assignment]
    ends = round_trips.ask(
        named(
            _Ends,
            first=window(key, order, 0, AT_ENDS),
            last=window(key, other, 0, AT_ENDS),
            now=server_time(),
        )
    )
    total = ends.first.total
    if not total:
        return SampledList(total, (), ends.now)
    sizes = [item.size for item in (*ends.first.items, *ends.last.items)] or [0]
    plans = _plans(total, sum(sizes) / len(sizes), order, chance)
    at_once = 1 if max(sizes) > SMALL else LARGEST_STEP
    parts, read = [], 0
    for first in range(0, len(plans), BATCH):
        batch = {
            plan: window(key, order, plan.start, plan.jobs, at_once=at_once)
            for plan in plans[first : first + BATCH]
        }
        for plan, found in round_trips.ask(by_key(batch)).items():
            if found.items:
                parts.append((plan.start, ListPart(plan.length, found.items)))
                read += sum(item.size for item in found.items)
        if read > ENOUGH:
            break
    parts.sort(key=lambda each: each[0])
    return SampledList(total, tuple(part for _, part in parts), ends.now)


def _plans(total: int, size: float, order: Order, chance: random.Random) -> list[_Plan]:
    if total <= EXACT:
        starts = range(0, total, STEP)
        return [_Plan(at, min(STEP, total - at), min(STEP, total - at)) for at in starts]
    nodes = 0.0 if order == "score" else total * min(size / NODE, 1.0)
    cost = max(nodes / 2 * WALK, 1e-9)
    windows = max(min(int(WALKING / cost), MOST), FEWEST)
    count = min(math.ceil(EXACT / windows), LARGEST_STEP)
    edges = [at * total // windows for at in range(windows + 1)]
    plans = []
    for begin, end in pairwise(edges):
        each = min(count, end - begin)
        plans.append(_Plan(begin + chance.randrange(end - begin - each + 1), each, end - begin))
    # In a random order: where reading ends early, those left out are any.
    chance.shuffle(plans)
    return plans
