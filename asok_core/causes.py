"""Dead letters by cause: errors that differ only in numbers, ids, paths, quoted values or case are one.

``Causes`` takes in letters one after another, so a hundred thousand of them are read in windows and
only the groups are kept.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from asok_core.snapshot import Row

MOST_CAUSES = 2000
"""Groups that are kept; what comes after goes to OTHER."""
OTHER = "(other errors)"
UNREADABLE = "(unreadable)"
_LONGEST = 2000
_LONGEST_CAUSE = 300
MOST_NAMES = 50

_FOLDS = (
    # Not within a word: the apostrophes of "can't open it, won't try" quote nothing.
    (re.compile(r"""(?<!\w)b?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`[^`\n]*`)"""), "'…'"),
    # These two begin where nothing of theirs stands before: tried at each letter of a long word, the
    # letters of a hostile producer would take a second each.
    (re.compile(r"(?<![a-z0-9+.-])[0-9+.-]*[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE), "<url>"),
    (re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<mail>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"(?<![\w/])(?:~|\.{1,2}|[A-Za-z]:)?(?:[/\\][\w.@%+~-]+){2,}[/\\]?"), "<path>"),
    (re.compile(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "N"),
    (re.compile(r"\s+"), " "),
)


def cause_of(error: str | None) -> str:
    """The cause that an error's text has in common with others like it.

    Of a traceback its last line counts, which says what was raised.
    """
    text = (error or "").strip()
    if not text:
        return UNREADABLE
    # Both ends, so that neither the name nor what a traceback raised is cut off.
    if len(text) > 2 * _LONGEST:
        text = text[:_LONGEST] + text[-_LONGEST:]
    lines = text.split("\n")
    # A message of several lines begins with the exception's name; a traceback ends with it.
    is_traceback = lines[0].startswith("Traceback ") or (lines[-1][:1].isalpha() and len(lines) > 3)
    cause = lines[-1 if is_traceback else 0]
    for pattern, folded in _FOLDS:
        cause = pattern.sub(folded, cause)
    cause = cause.strip()
    return cause if len(cause) <= _LONGEST_CAUSE else cause[: _LONGEST_CAUSE - 1] + "…"


@dataclass(frozen=True, slots=True)
class Cause:
    """A group of dead letters. Times are epoch seconds; ``tasks`` and ``queues`` count letters."""

    cause: str
    count: int
    first_seen: float | None
    last_seen: float | None
    tasks: Mapping[str, int]
    queues: Mapping[str, int]
    sample: str
    """The key (job id) of the letter that was taken in last."""


@dataclass(slots=True)
class _Group:
    cause: str
    count: int = 0
    first_seen: float | None = None
    last_seen: float | None = None
    tasks: dict[str, int] = field(default_factory=dict)
    queues: dict[str, int] = field(default_factory=dict)
    sample: str = ""

    def add(self, row: Row) -> None:
        self.count += 1
        self.sample = row.key
        at = row.payload.failed_at
        if at is not None:
            self.first_seen = at if self.first_seen is None else min(at, self.first_seen)
            self.last_seen = at if self.last_seen is None else max(at, self.last_seen)
        count_names(self.tasks, self.queues, row)


class Causes:
    """The groups of all letters that were taken in so far."""

    def __init__(self) -> None:
        self.letters = 0
        self._groups: dict[str, _Group] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Take in letters, each once (as ``Reader.scan`` gives them)."""
        for row in rows:
            self.letters += 1
            cause, key = group_of(row, self._groups)
            self._groups.setdefault(key, _Group(cause)).add(row)

    def groups(self) -> tuple[Cause, ...]:
        """The groups, the largest first."""
        found = [
            Cause(
                cause=group.cause,
                count=group.count,
                first_seen=group.first_seen,
                last_seen=group.last_seen,
                tasks=dict(group.tasks),
                queues=dict(group.queues),
                sample=group.sample,
            )
            for group in self._groups.values()
        ]
        return tuple(sorted(found, key=lambda each: (-each.count, each.cause)))


def row_cause(row: Row) -> str:
    """The cause of one dead letter: what a group's action matches rows by."""
    return cause_of(row.payload.error or row.payload.problem)


def group_of(row: Row, known: Collection[str]) -> tuple[str, str]:
    """The cause of a row and the key of its group; ``known`` are the keys of the groups so far."""
    cause = row_cause(row)
    if cause.casefold() not in known and len(known) >= MOST_CAUSES:
        cause = OTHER
    # A filter asks without regard to case: what it finds is one group, never two that look alike.
    return cause, cause.casefold()


def count_names(tasks: dict[str, int], queues: dict[str, int], row: Row) -> None:
    """Count the task and the queue of a row, of at most ``MOST_NAMES`` names each."""
    _count(tasks, row.payload.job.task if row.payload.job else UNREADABLE)
    _count(queues, row.queue or UNREADABLE)


def _count(counts: dict[str, int], name: str) -> None:
    # Names come from Redis: a hostile producer must not make the memory grow.
    if name not in counts and len(counts) >= MOST_NAMES:
        name = OTHER
    counts[name] = counts.get(name, 0) + 1
