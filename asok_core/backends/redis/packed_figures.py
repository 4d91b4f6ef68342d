"""Figures by task as Redis holds them: small, for there are thousands of each task.

Numbers are written in digits of four bits: three bits of the number, the lowest first, and whether another
digit follows. Most counts of a histogram take one digit. An odd last digit is 8.

A *block* holds the figures of a task over an hour by the minute, or over a day by the hour: entries,
oldest first. An entry is the packed figures, the number of its bucket in the block, and the size of the
figures (big end first). So ``count_tasks.lua`` finds the current entry at the end, and adds to it. When it
begins another, it makes the one before dense (``dense_figures.py``): then two bytes follow the figures, of
16 bits: 1, the number of the bucket (6 bits) and the size (9).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from asok_core.backends.redis import dense_figures
from asok_core.backends.redis.dense_figures import Parts
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
_DENSE = b"\x80"
"""Before dense figures, as they are read. Packed ones begin with no number that has a digit too many."""
_MOST = (1 << 48) - 1
"""The largest number: a double of Lua holds the sum of many."""
_MOST_DIGITS = 18
_FEW_DIGITS = 4
"""Digits of numbers that are remembered: most numbers have no more."""


def _piece(digit: int) -> str:
    return f"{digit:x}," if digit < 8 else f"{digit:x}"


_OCTAL = str.maketrans("89abcdef", "01234567")
_PIECE = tuple(_piece(byte >> 4) + _piece(byte & 15) for byte in range(256)).__getitem__
"""The two digits of a byte, with a comma behind each that ends a number."""


def pack(counts: Iterable[int], runs: Mapping[int, int], waits: Mapping[int, int]) -> bytes:
    """Figures as bytes."""
    digits = "".join(map(_digits, (*counts, *_dense(runs), *_dense(waits))))
    return bytes.fromhex(digits if len(digits) % 2 == 0 else f"{digits}8")


def unpack(packed: bytes) -> Figures | None:
    """The figures; None where these are not any."""
    found = _parts(packed)
    if found is None:
        return None
    counts, first_run, runs, first_wait, waits = found
    started, completed, failed, retried, cancelled, run_us, size = counts
    return Figures(
        *(started, completed, failed, retried, cancelled, run_us, size),
        _sparse(first_run, runs),
        _sparse(first_wait, waits),
    )


def unpack_counts(
    packed: bytes, count: int
) -> tuple[Sequence[int], dict[int, int], dict[int, int]] | None:
    """``count`` numbers and two histograms; None where these are not any."""
    found = _plain_parts(packed, count)
    if found is None:
        return None
    counts, first_run, runs, first_wait, waits = found
    return counts, _sparse(first_run, runs), _sparse(first_wait, waits)


class PackedSum:
    """A sum of packed figures. It takes half as long as unpacking each of them."""

    def __init__(self) -> None:
        self._counts = [0] * COUNTS
        self._runs = [0] * BUCKETS
        self._waits = [0] * BUCKETS

    def add(self, packed: bytes) -> int:
        """Add figures. Returns how many attempts ended; of what is not any, 0."""
        return self._change(packed, operator.add)

    def subtract(self, packed: bytes) -> None:
        """Take away figures that were added."""
        self._change(packed, operator.sub)

    def _change(self, packed: bytes, change: Callable[[int, int], int]) -> int:
        found = _parts(packed)
        if found is None:
            return 0
        counts, first_run, runs, first_wait, waits = found
        self._counts[:] = map(change, self._counts, counts)
        for histogram, first, numbers in (
            (self._runs, first_run, runs),
            (self._waits, first_wait, waits),
        ):
            after = first + len(numbers)
            histogram[first:after] = map(change, histogram[first:after], numbers)
        return counts[1] + counts[2] + counts[4]

    @property
    def figures(self) -> Figures:
        """The sum."""
        runs, waits = (
            {bucket: times for bucket, times in enumerate(each) if times}
            for each in (self._runs, self._waits)
        )
        started, completed, failed, retried, cancelled, run_us, size = self._counts
        return Figures(started, completed, failed, retried, cancelled, run_us, size, runs, waits)


class Entry(NamedTuple):
    """The figures of one bucket of a block. ``bucket`` is its number."""

    bucket: int
    packed: bytes


def entries(block: bytes) -> Iterator[Entry]:
    """The entries of a block, newest first, up to the first that is not one."""
    end = len(block)
    while end > TRAILER:
        trailer = int.from_bytes(block[end - 2 : end], "big")
        if dense := trailer >> 15:
            bucket, size, last = trailer >> 9 & 63, trailer & 511, end - 2
        else:
            bucket, size, last = block[end - TRAILER], trailer, end - TRAILER
        start = last - size
        if start < 0 or not size:
            return
        yield Entry(bucket, _DENSE * dense + block[start:last])
        end = start


def _dense(histogram: Mapping[int, int]) -> list[int]:
    """A histogram as its first bucket, the number of buckets, and their counts."""
    if not histogram:
        return [0, 0]
    first, last = min(histogram), max(histogram)
    counts = [histogram.get(bucket, 0) for bucket in range(first, last + 1)]
    return [first, len(counts), *counts]


def _parts(packed: bytes) -> Parts | None:
    if packed[:1] == _DENSE:
        return dense_figures.parts(packed[1:])
    return _plain_parts(packed, COUNTS)


def _plain_parts(packed: bytes, count: int) -> Parts | None:
    numbers = _numbers(packed)
    if len(numbers) < count + 4:
        return None
    runs, after_runs = count + 2, count + 2 + numbers[count + 1]
    if numbers[count] + numbers[count + 1] > BUCKETS or after_runs + 2 > len(numbers):
        return None
    first_wait, size = numbers[after_runs : after_runs + 2]
    if first_wait + size > BUCKETS or after_runs + 2 + size != len(numbers):
        return None
    return (
        *(numbers[:count], numbers[count], numbers[runs:after_runs]),
        *(first_wait, numbers[after_runs + 2 :]),
    )


def _sparse(first: int, numbers: Sequence[int]) -> dict[int, int]:
    """A histogram of these numbers from the bucket ``first``."""
    return {bucket: times for bucket, times in enumerate(numbers, first) if times}


@lru_cache(maxsize=4096)
def _digits(number: int) -> str:
    left, digits = min(max(number, 0), _MOST), ""
    while left > 7:
        digits += f"{left & 7 | 8:x}"
        left >>= 3
    return f"{digits}{left}"


class _Numbers(dict[str, int]):
    """The numbers of digits. Those of a few digits are remembered."""

    def __missing__(self, digits: str) -> int:
        number = _number(digits)
        if len(digits) <= _FEW_DIGITS:
            self[digits] = number
        return number


_NUMBER = _Numbers().__getitem__


def _numbers(packed: bytes) -> list[int]:
    digits = "".join(map(_PIECE, packed)).split(",")
    # Behind the last comma is nothing, or the digit that makes them an even number.
    digits.pop()
    return list(map(_NUMBER, digits))


def _number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        return _MOST
    return int(digits.translate(_OCTAL)[::-1], 8)
