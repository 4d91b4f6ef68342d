"""A sample of a list or sorted set: windows at random positions of equal parts, at a bounded cost.

A command that reads a list walks to its index, on Redis 6.2 from the beginning: a few milliseconds in a
list of a million. So a sample is windows of neighbours instead of single jobs, and ends when they took
Redis as long as they may. Whenever that is, the parts that were read divide the list evenly.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from asok_core.backends.redis.reading.queries import ListWindow, Order, WindowOptions
from asok_core.backends.redis.reading.query import by_key, maybe, named, server_time
from asok_core.backends.redis.reading.round_trips import RoundTrips
from asok_core.inspection.partial_payload import ListElement

EXACT = 2_000
"""Jobs up to which all are read, and about how many are read of more."""
STEP = 250
"""Jobs of a window where all are read."""
BITS = 6
PARTS = 1 << BITS
"""Parts of a long list. Each is read by one window, if there is time for all."""
FEWEST = 8
"""Windows that are read however long they take: the differences of fewer show no error."""
SECONDS = 0.04
"""Seconds that windows may take Redis in all."""
SECONDS_AT_ONCE, MOST_AT_ONCE = 0.004, 16
"""Seconds and windows of one round trip; other clients are served in between."""
UNTIMED = 0.002
"""Seconds that a window counts for a user who may not ask for the time (ACL)."""
ENOUGH = 16 << 20
"""Bytes of jobs after which no more windows are read."""
OVERLAP, TRIES = 8, 3
"""Jobs that windows of a short list have in common, and how often it is tried to read it."""
AT_ENDS = 20
SMALL, LARGEST_STEP = 8_192, 64
"""Bytes of a job up to which a whole window is read at once, and the jobs of a window."""


class ListPart(NamedTuple):
    """A part of a list, and the items that were read in it."""

    length: int
    items: tuple[ListElement, ...]


class SampledList(NamedTuple):
    """The parts of a list; ``total`` is None where its key is of another type."""

    total: int | None
    parts: tuple[ListPart, ...]
    taken_at: float


class _Ends(NamedTuple):
    first: ListWindow
    last: ListWindow
    now: float


class _Part(NamedTuple):
    """The jobs of a list from ``begin`` to before ``end``."""

    begin: int
    end: int


class _Timed(NamedTuple):
    """Windows that were read between two questions for the time of Redis."""

    began: Sequence[bytes] | None
    windows: dict[_Part, ListWindow]
    ended: Sequence[bytes] | None

    @property
    def seconds(self) -> float:
        """How long they took Redis."""
        if not self.began or not self.ended:
            return UNTIMED * len(self.windows)
        (since, since_us), (now, now_us) = map(int, self.began), map(int, self.ended)
        return max(now - since + (now_us - since_us) / 1e6, 0.0)


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
    at_once = 1 if max(sizes) > SMALL else LARGEST_STEP
    is_short = total <= EXACT
    if is_short and (items := _read_short(round_trips, key, order, total, at_once)) is not None:
        return SampledList(len(items), (ListPart(len(items), items),) if items else (), ends.now)
    left = _parts(total) if is_short else _in_turn(_parts(total), chance)
    read: dict[_Part, tuple[ListElement, ...]] = {}
    done, taken, size, seconds = 0, 0, 0, 0.0
    while left and taken < EXACT and size <= ENOUGH:
        number = MOST_AT_ONCE if is_short else windows_of_next(done, seconds)
        if not number:
            break
        jobs = STEP if is_short else _jobs(windows_of_all(done, seconds))
        batch, left = left[:number], left[number:]
        queries = {
            part: window(
                key,
                order,
                _start(part, jobs, chance),
                min(jobs, part.end - part.begin),
                WindowOptions(at_once),
            )
            for part in batch
        }
        timed = round_trips.ask(
            named(_Timed, began=maybe("TIME"), windows=by_key(queries), ended=maybe("TIME"))
        )
        done, seconds = done + len(batch), seconds + timed.seconds
        for part, found in timed.windows.items():
            if found.items:
                read[part] = found.items
                taken += len(found.items)
                size += sum(item.size for item in found.items)
    return SampledList(total, tuple(_whole(total, read)), ends.now)


def _read_short(
    round_trips: RoundTrips, key: str, order: Order, total: int, at_once: int
) -> tuple[ListElement, ...] | None:
    """All of a short list; None where its jobs are too large, or change too fast, to be read at once."""
    starts = [max(0, part.begin - OVERLAP) for part in _parts(total)]
    ends = [part.end for part in _parts(total)]
    options = WindowOptions(at_once)
    for _ in range(TRIES):
        queries = {
            start: round_trips.queries.window(key, order, start, end - start, options)
            for start, end in zip(starts, ends, strict=True)
        }
        windows = round_trips.ask(by_key(queries))
        if (items := joined(windows, ends)) is not None:
            return items
    return None


def joined(
    windows: Mapping[int, ListWindow], ends: Sequence[int]
) -> tuple[ListElement, ...] | None:
    """The items of windows by where they begin, each of which overlaps with the one before.

    Others take and push jobs between two commands of a round trip, so positions alone do not show what a
    window follows. None: one has ended before its end, or follows none.
    """
    items: list[ListElement] = []
    for (start, window), end in zip(windows.items(), ends, strict=True):
        if start + window.taken < min(end, window.total or 0):
            return None
        if items and items[-1] in window.items:
            items += window.items[window.items.index(items[-1]) + 1 :]
        elif items and window.items:
            return None
        elif not items:
            items += window.items
    return tuple(items)


def windows_of_all(done: int, seconds: float) -> int:
    """How many windows a sample has, if all take as long as the ``done`` ones, which took ``seconds``."""
    if not done or seconds <= 0:
        return PARTS
    return max(min(round(SECONDS * done / seconds), PARTS), FEWEST)


def windows_of_next(done: int, seconds: float) -> int:
    """How many of them are read next, in one round trip."""
    if not done:
        # On Redis 6.2 one of two that are half the list apart takes long if the other does not.
        return 2
    at_once = round(SECONDS_AT_ONCE * done / seconds) if seconds > 0 else MOST_AT_ONCE
    return max(min(windows_of_all(done, seconds) - done, max(at_once, 1), MOST_AT_ONCE), 0)


def _parts(total: int) -> list[_Part]:
    number = -(-total // STEP) if total <= EXACT else PARTS
    return [_Part(*edges) for edges in pairwise(at * total // number for at in range(number + 1))]


def _in_turn(parts: Sequence[_Part], chance: random.Random) -> list[_Part]:
    """Parts in an order of which any beginning is spread evenly over all, from any of them on."""
    first = chance.randrange(PARTS)
    return [parts[(int(f"{n:0{BITS}b}"[::-1], 2) + first) % PARTS] for n in range(PARTS)]


def _jobs(windows: int) -> int:
    return min(math.ceil(EXACT / windows), LARGEST_STEP)


def _start(part: _Part, jobs: int, chance: random.Random) -> int:
    return part.begin + chance.randrange(max(part.end - part.begin - jobs, 0) + 1)


def _whole(total: int, read: dict[_Part, tuple[ListElement, ...]]) -> Iterable[ListPart]:
    """All of a list by the parts that were read: those on both sides share what lies between."""
    parts = sorted(read)
    edges = [0, *((one.end + next_one.begin) // 2 for one, next_one in pairwise(parts)), total]
    for part, (begin, end) in zip(parts, pairwise(edges), strict=True):
        yield ListPart(end - begin, read[part])
