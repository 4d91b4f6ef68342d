"""Dense figures: those of a bucket that is complete, a fifth smaller than packed ones.

They are bits, of each number the highest first: how many bits the run time has (6 bits) and how many the
size (6); the first bucket of the run times and how many more there are (7 each); the same of the waits.
The other counts and the two histograms follow, each number plus one and without its highest bit: first how
many bits each has more than the number before it, in unary (neighbours in a histogram are about equal),
then the bits of all. The run time and the size are last. The counts are differences that are mostly 0.

``packed_figures.lua`` writes them, when another entry of a block begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeAlias

from asok_core.inspection.histograms import BUCKETS

Parts: TypeAlias = tuple[Sequence[int], int, Sequence[int], int, Sequence[int]]
"""Counts, and of the run times and of the waits the first bucket and the numbers from there."""

_HEAD = 40
_COUNTS = 5
_MOST_BITS = 48
_FEW_BITS = 12
"""Bits of numbers that are remembered: most numbers have no more."""


def _signed(number: int) -> int:
    return -(number + 1) // 2 if number % 2 else number // 2


_STEPS = {"1" * number: _signed(number) for number in range(2 * _MOST_BITS + 1)}
"""How many bits a number has more than the one before it, by its unary number."""
_NUMBERS: dict[str, int] = {}
"""Numbers by their bits without the highest."""


def parts(dense: bytes) -> Parts | None:
    """The figures; None where these are not any."""
    bits = bin(int.from_bytes(b"\1" + dense, "big"))[3:]
    if len(bits) < _HEAD:
        return None
    head = int(bits[:_HEAD], 2)
    waits_at = _COUNTS + (head >> 14 & 127) + 1
    count = waits_at + (head & 127) + 1
    first_run, first_wait = head >> 21 & 127, head >> 7 & 127
    if max(first_run + waits_at - _COUNTS, first_wait + count - waits_at) > BUCKETS:
        return None
    *steps, rest = bits[_HEAD:].split("0", count)
    lengths = _lengths(steps)
    if len(lengths) < count or min(lengths) < 0:
        return None
    start = 0
    try:
        numbers = [_NUMBERS[rest[start : (start := start + each)]] for each in lengths]
    except KeyError:
        if sum(lengths) > len(rest) or max(lengths) > _MOST_BITS:
            return None
        ends = list(accumulate(lengths, initial=0))
        numbers = [_number(rest[at:end]) for at, end in pairwise(ends)]
        start = ends[-1]
    middle = start + (head >> 34)
    end = middle + (head >> 28 & 63)
    begun, missing, cancelled, given_up, failed = numbers[:_COUNTS]
    runs = numbers[_COUNTS:waits_at]
    started = ended = sum(runs) + (_signed(missing) if missing else 0)
    if begun:
        started += _signed(begun)
    completed, retried = ended - failed - cancelled, failed
    if given_up:
        retried -= _signed(given_up)
    if len(rest) < end or started < 0 or completed < 0 or retried < 0:
        return None
    run_us, size = int(f"0{rest[start:middle]}", 2), int(f"0{rest[middle:end]}", 2)
    counts = (started, completed, failed, retried, cancelled, run_us, size)
    return counts, first_run, runs, first_wait, numbers[waits_at:]


def _lengths(steps: Sequence[str]) -> list[int]:
    """How many bits each number has; none where these are not steps."""
    try:
        return list(accumulate([_STEPS[each] for each in steps]))
    except KeyError:
        return []


def _number(bits: str) -> int:
    number = int(f"1{bits}", 2) - 1
    if len(bits) <= _FEW_BITS:
        _NUMBERS[bits] = number
    return number
