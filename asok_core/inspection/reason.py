"""A reason why something is as it is, with its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason. ``code`` is stable, for programs; ``text`` is a sentence without times."""

    code: str
    text: str
    since: float | None = None
    evidence: Mapping[str, str | int | float] = field(default_factory=dict)
    """What it is derived from. Names that end with ``_at`` are times, with ``_s`` seconds."""
    remedy: str = ""
    """What would change it; empty where that is not known."""
    blocking: bool = False
    """Whether nothing starts as long as it holds."""


def ranked(reasons: Iterator[Reason]) -> tuple[Reason, ...]:
    """The reasons in the order in which they count: first what lets nothing start."""
    return tuple(sorted(reasons, key=lambda reason: not reason.blocking))
