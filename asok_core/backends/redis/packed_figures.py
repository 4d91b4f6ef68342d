"""Figures by task as Redis holds them: small, for there are thousands of each task.

Numbers are written in digits of four bits: three bits of the number, the lowest first, and whether another
digit follows. Most counts of a histogram take one digit. An odd last digit is 8.

A *block* holds the figures of a task over an hour by the minute, or over a day by the hour: entries,
oldest first. An entry is the packed figures, the number of its bucket in the block, and the size of the
figures (big end first). So ``count_tasks.lua`` finds the current entry at the end, and adds to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from asok_core.inspection.histograms import BUCKETS
from asok_core.inspection.task_figures import Figures

BUSIEST = 500
"""Tasks that have figures of their own."""
RANKED = 1_000
"""Tasks that are ranked, so that one that becomes busy is found."""
COUNTS = 7
"""Numbers before the two histograms."""
TRAILER = 3
"""Bytes of an entry behind its figures."""
MOST_BYTES = 131_072
"""Bytes of a block that are read: one of sixty entries has a few thousand."""
_MOST = (1 << 48) - 1
"""The largest number: a double of Lua holds the sum of many."""
_MOST_DIGITS = 18
_WRITTEN = re.compile("[89a-f]*[0-7]")


def pack(counts: Iterable[int], runs: Mapping[int, int], waits: Mapping[int, int]) -> bytes:
    """Figures as bytes."""
    digits = "".join(map(_digits, (*counts, *_dense(runs), *_dense(waits))))
    return bytes.fromhex(digits if len(digits) % 2 == 0 else f"{digits}8")


def unpack(packed: bytes) -> Figures | None:
    """The figures; None where these are not any."""
    found = unpack_counts(packed, COUNTS)
    if found is None:
        return None
    (started, completed, failed, retried, cancelled, run_us, size), runs, waits = found
    return Figures(started, completed, failed, retried, cancelled, run_us, size, runs, waits)


def unpack_counts(
    packed: bytes, count: int
) -> tuple[Sequence[int], dict[int, int], dict[int, int]] | None:
    """``count`` numbers and two histograms; None where these are not any."""
    numbers = list(map(_number, _WRITTEN.findall(packed.hex())))
    if len(numbers) < count + 4:
        return None
    runs, after = _sparse(numbers, count)
    waits, end = _sparse(numbers, after)
    if end != len(numbers):
        return None
    return numbers[:count], runs, waits


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


def _sparse(numbers: Sequence[int], at: int) -> tuple[dict[int, int], int]:
    """The histogram that begins at ``at``, and where the next begins; that is -1 for none."""
    if at < 0 or at + 1 >= len(numbers):
        return {}, -1
    first, count = numbers[at : at + 2]
    after = at + 2 + count
    if first + count > BUCKETS or after > len(numbers):
        return {}, -1
    counts = numbers[at + 2 : after]
    return {first + n: times for n, times in enumerate(counts) if times}, after


@lru_cache(maxsize=4096)
def _digits(number: int) -> str:
    left, digits = min(max(number, 0), _MOST), ""
    while left > 7:
        digits += f"{left & 7 | 8:x}"
        left >>= 3
    return f"{digits}{left}"


@lru_cache(maxsize=4096)
def _number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        return _MOST
    return sum((int(digit, 16) & 7) << 3 * at for at, digit in enumerate(digits))
