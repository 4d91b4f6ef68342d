"""Figures by task as Redis holds them: numbers of one to seven bytes, for there are many.

A *block* holds the figures of a task over an hour by the minute, or over a day by the hour: entries,
oldest first. An entry is the packed figures, the number of its bucket in the block, and the size of the
figures (big end first). So ``count_tasks.lua`` finds the current entry at the end, and adds to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from asok_core.inspection.histograms import BUCKETS
from asok_core.inspection.task_figures import Figures

COUNTS = 7
"""Numbers before the two histograms."""
TRAILER = 3
"""Bytes of an entry behind its figures."""
MOST_BYTES = 131_072
"""Bytes of a block that are read: one of sixty entries has a few thousand."""
_MOST = (1 << 49) - 1
"""A number of seven bytes, which a double of Lua holds."""


def pack(counts: Iterable[int], runs: Mapping[int, int], waits: Mapping[int, int]) -> bytes:
    """Figures as bytes."""
    numbers = [*counts, *_dense(runs), *_dense(waits)]
    try:
        packed = bytes(numbers)
    except ValueError:
        return b"".join(map(_varint, numbers))
    return packed if packed.isascii() else b"".join(map(_varint, numbers))


def unpack(packed: bytes) -> Figures | None:
    """The figures; None where these are not any."""
    numbers = list(packed) if packed.isascii() else _numbers(packed)
    if len(numbers) < COUNTS + 4:
        return None
    runs, after = _sparse(numbers, COUNTS)
    waits, end = _sparse(numbers, after)
    if end != len(numbers):
        return None
    started, completed, failed, retried, cancelled, run_us, size = numbers[:COUNTS]
    return Figures(started, completed, failed, retried, cancelled, run_us, size, runs, waits)


class Entry(NamedTuple):
    """The figures of one bucket of a block. ``bucket`` is its number."""

    bucket: int
    packed: bytes


def entries(block: bytes) -> Iterator[Entry]:
    """The entries of a block, newest first, up to the first that is not one."""
    end = len(block)
    while end > TRAILER:
        size = int.from_bytes(block[end - 2 : end], "big")
        start = end - TRAILER - size
        if start < 0 or not size:
            return
        yield Entry(block[end - TRAILER], block[start : end - TRAILER])
        end = start


def _dense(histogram: Mapping[int, int]) -> list[int]:
    """A histogram as its first bucket, the number of buckets, and their counts."""
    if not histogram:
        return [0, 0]
    first, last = min(histogram), max(histogram)
    counts = [histogram.get(bucket, 0) for bucket in range(first, last + 1)]
    return [first, len(counts), *counts]


def _sparse(numbers: list[int], at: int) -> tuple[dict[int, int], int]:
    """The histogram that begins at ``at``, and where the next begins; that is -1 for none."""
    if at < 0 or at + 1 >= len(numbers):
        return {}, -1
    first, count = numbers[at : at + 2]
    after = at + 2 + count
    if first + count > BUCKETS or after > len(numbers):
        return {}, -1
    counts = numbers[at + 2 : after]
    return {first + n: times for n, times in enumerate(counts) if times}, after


def _varint(number: int) -> bytes:
    left, packed = min(max(number, 0), _MOST), bytearray()
    while left > 127:
        packed.append(left & 127 | 128)
        left >>= 7
    packed.append(left)
    return bytes(packed)


def _numbers(packed: bytes) -> list[int]:
    found, value, shift = [], 0, 0
    for byte in packed:
        if byte > 127:
            value |= (byte & 127) << shift
            shift += 7
            if shift > 49:
                return []
        else:
            found.append(value | byte << shift)
            value = shift = 0
    return found
