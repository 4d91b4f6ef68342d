"""Counts and names in sentences: exact, since they state what is to be done, or what is so."""

from __future__ import annotations

from collections.abc import Sequence

NAMED = 3
"""Names in one line; the others are counted."""


def counted(number: int, noun: str) -> str:
    """``1 job``, ``1,204,331 jobs``: never rounded."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def named(names: Sequence[str], noun: str = "") -> str:
    """``queue a``, ``queues a, b, c and 2 more``."""
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    what = f"{noun if len(names) == 1 else noun + 's'} " if noun else ""
    return f"{what}{', '.join(names[:NAMED])}{rest}"


def be(number: int) -> str:
    """``is`` of one, ``are`` of others."""
    return "is" if number == 1 else "are"
