"""Errors that differ only in their particulars are one cause."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from asok_core.snapshot import Row

LONGEST = 300
"""Characters of an error that tell causes apart."""

_FOLDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\")>]+", re.IGNORECASE), "<url>"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<address>"),
    (
        re.compile(
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE
        ),
        "<id>",
    ),
    (re.compile(r"(?<!\w)'(?:[^'\\]|\\.)*'"), "'…'"),
    (re.compile(r'(?<!\w)"(?:[^"\\]|\\.)*"'), '"…"'),
    (re.compile(r"(?<![\w<])(?:[A-Za-z]:)?(?:[/\\][\w.@%+~-]+){2,}/?"), "<path>"),
    (re.compile(r"\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,}\b",
                re.IGNORECASE), "<id>"),
    (re.compile(r"(?<![\w.])[+-]?\d+(?:[.,:]\d+)*"), "N"),
    (re.compile(r"\d{2,}"), "N"),
    (re.compile(r"\s+"), " "),
)  # fmt: skip


def cause(error: str) -> str:
    """An error without its particulars: numbers, ids, paths, addresses and quoted values folded.

    ``TimeoutError: order 4711 took 30 s`` is ``TimeoutError: order N took N s``.
    """
    text = error[:LONGEST]
    for pattern, folded in _FOLDS:
        text = pattern.sub(folded, text)
    return text.strip()


def cause_of(row: Row) -> str:
    """The cause of a dead letter; of one that is not trusted, what is wrong with it."""
    return cause(row.payload.error or row.payload.problem or "no error was given")


@dataclass(slots=True)
class Cause:
    """All dead letters of one cause. Times are epoch seconds; None where no letter tells."""

    text: str
    count: int = 0
    first: float | None = None
    last: float | None = None
    tasks: Counter[str] = field(default_factory=Counter)
    queues: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Count one letter in."""
        self.count += 1
        self.tasks[row.payload.job.task if row.payload.job else "(unreadable)"] += 1
        self.queues[row.queue] += 1
        at = row.payload.failed_at
        if at is not None:
            self.first = at if self.first is None else min(self.first, at)
            self.last = at if self.last is None else max(self.last, at)
            self.times.append(at)

    def trend(self, now: float, span: float, slots: int) -> tuple[float, ...]:
        """Letters per slot over the last ``span`` seconds, the oldest first."""
        counts = [0.0] * slots
        for at in self.times:
            slot = int((at - now + span) * slots / span)
            if 0 <= slot < slots:
                counts[slot] += 1
            elif at >= now:
                counts[-1] += 1
        return tuple(counts)


def by_cause(rows: Iterable[Row], causes: dict[str, Cause] | None = None) -> dict[str, Cause]:
    """Group dead letters, adding to ``causes`` when given."""
    causes = {} if causes is None else causes
    for row in rows:
        text = cause_of(row)
        if text not in causes:
            causes[text] = Cause(text)
        causes[text].add(row)
    return causes
