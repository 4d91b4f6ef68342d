"""A review of dead jobs as lines: what would be signed, and what would not although it was chosen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from asok_console.presentation.text import safe
from asok_core.inspection.phrases import counted
from asok_core.inspection.review import Review, ReviewedCall

SIGNED, LEFT = " × ", " ✗ "
"""Separators of number and call. No call has these characters, so none can look like a line of ours."""


class ReviewLine(NamedTuple):
    """A line, of any length, and its tone."""

    text: str
    tone: str = ""


def summary(review: Review) -> str:
    """How much would be signed, in one line."""
    tasks = len({call.task for call in review.calls})
    calls = f"{counted(tasks, 'task')}, {counted(len(review.calls), 'distinct call')}"
    signs = f"to be signed: {counted(review.signs, 'dead job')} ({calls})"
    return f"{signs}; signed already: {review.signed:,}" if review.signed else signs


def refusals(review: Review) -> list[str]:
    """What would not be signed although it was chosen, a line for each reason."""
    return [f"{jobs:,} not signed: {reason}" for reason, jobs in review.refused.items()]


def review_lines(review: Review) -> Iterator[ReviewLine]:
    """Every distinct call that would be signed; then those of the dead jobs that share an id."""
    yield from (ReviewLine(_line(call, SIGNED)) for call in review.calls)
    for shared in review.shared:
        yield ReviewLine(
            f"not signed, several dead jobs have the id {safe(json.dumps(shared.id))}:", "warn"
        )
        yield from (ReviewLine(_line(call, LEFT), "dim") for call in shared.calls)


def _line(call: ReviewedCall, mark: str) -> str:
    return f"{call.jobs:>9,}{mark}{safe(call.text)}"
