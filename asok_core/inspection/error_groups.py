"""Dead jobs by error: errors that differ only in numbers, ids, paths, quoted values or case are one.

``ErrorGroups`` takes in dead jobs one after another, so a hundred thousand of them are read in windows and
only the groups are kept. The console and the command line group with it alike.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from asok_core.inspection.rows import Row

MOST_GROUPS = 2000
"""Groups that are kept; what comes after goes to OTHER."""
OTHER = "(other errors)"
OTHER_NAMES = "(others)"
"""What counts the tasks or queues of a group beyond ``MOST_NAMES``."""
_REST = " "
"""The key of that group: no error has it, since none is blank or begins with a space."""
UNREADABLE = "(unreadable)"
_LONGEST = 2000
_LONGEST_ERROR = 300
MOST_NAMES = 50
STEP, MOST_STEPS = 10.0, 450
"""Seconds in which recent dead jobs of a group are counted together, and how many such steps are kept."""

# Not within a word: the apostrophes of "can't open it, won't try" quote nothing.
_QUOTED = re.compile(r"""(?<!\w)b?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`[^`\n]*`)""")
# Neither matches in the middle of itself: tried at each character of a long word, each dead job of a
# hostile producer would take a second.
_URL = re.compile(r"(?<![a-z0-9+.-])[0-9+.-]*[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_ID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)
_0X = re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w/])(?:~|\.{1,2}|[A-Za-z]:)?(?:[/\\][\w.@%+~-]+){2,}[/\\]?")
_HEX = re.compile(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_ONE_DIGIT = str.maketrans("0123456789", "1" * 10)


def _folded(text: str) -> str:
    """The text with its variable parts replaced: equal for errors that are of one group.

    Trying a pattern costs more than looking for a character that it requires, and there may be hundreds
    of thousands of dead jobs.
    """
    if "'" in text or '"' in text or "`" in text:
        text = _QUOTED.sub("'…'", text)
    if "://" in text:
        text = _URL.sub("<url>", text)
    if "@" in text:
        text = _MAIL.sub("<mail>", text)
    if "-" in text:
        text = _ID.sub("<id>", text)
    if "0x" in text or "0X" in text:
        text = _0X.sub("<hex>", text)
    if "/" in text or "\\" in text:
        text = _PATH.sub("<path>", text)
    numbered, digits = _NUMBER.subn("N", text)
    if digits:
        text = _NUMBER.sub("N", _HEX.sub("<hex>", text)) if _HEX.search(text) else numbered
    return " ".join(text.split())


_folded_once = lru_cache(maxsize=1024)(_folded)


def normalised_error(error: str | None) -> str:
    """What an error's text has in common with others like it.

    Of a traceback its last line counts, which says what was raised.
    """
    text = (error or "").strip()
    if not text:
        return UNREADABLE
    # Both ends, so that neither the name nor what a traceback raised is cut off.
    if len(text) > 2 * _LONGEST:
        text = text[:_LONGEST] + text[-_LONGEST:]
    line = text
    if "\n" in text:
        lines = text.split("\n")
        # A message of several lines begins with the exception's name; a traceback ends with it.
        is_traceback = lines[0].startswith("Traceback ") or (
            lines[-1][:1].isalpha() and len(lines) > 3
        )
        line = lines[-1 if is_traceback else 0]
    if "/" in line and len(line) < _LONGEST_ERROR and "0x" not in line and "0X" not in line:
        # Paths and addresses take longest, and mostly differ in nothing but numbers. Which digit it is
        # matters only for the 0 of 0x.
        error = _folded_once(line.translate(_ONE_DIGIT))
    else:
        error = _folded(line)
    return error if len(error) <= _LONGEST_ERROR else error[: _LONGEST_ERROR - 1] + "…"


@dataclass(slots=True)
class ErrorGroup:
    """A group of dead jobs. Times are epoch seconds; ``tasks`` and ``queues`` count jobs."""

    error: str
    """Normalised: without what differs from job to job."""
    count: int = 0
    first_seen: float | None = None
    last_seen: float | None = None
    tasks: dict[str, int] = field(default_factory=dict)
    queues: dict[str, int] = field(default_factory=dict)
    sample: str = ""
    """The key (job id) of the dead job that was added last."""
    recent: dict[int, int] = field(default_factory=dict)
    """Dead jobs in each ``STEP`` seconds since ``ErrorGroups.recent_from``, by the number of the step."""
    is_rest: bool = False
    """Whether it counts the dead jobs without a group of their own, which no filter finds.

    Its words do not show it: an error may have the same."""
    noted: bool = False
    """Whether an operator wrote a note on it; set where the groups are listed."""

    @property
    def key(self) -> str:
        """What no other group of the same dead jobs has."""
        return _REST if self.is_rest else self.error

    def add(self, row: Row, recent_from: float) -> None:
        """Count one dead job."""
        self.count += 1
        self.sample = row.key
        job, at = row.payload.job, row.payload.failed_at
        if at is not None:
            if self.first_seen is None or self.last_seen is None:
                self.first_seen = self.last_seen = at
            elif at < self.first_seen:
                self.first_seen = at
            elif at > self.last_seen:
                self.last_seen = at
            if at >= recent_from:
                # A clock that was wrong, or a hostile producer, may have written any time to come.
                step = int(min(at, recent_from + MOST_STEPS * STEP) // STEP)
                self.recent[step] = self.recent.get(step, 0) + 1
        _count(self.tasks, f"{job.module}.{job.function}" if job else UNREADABLE)
        _count(self.queues, row.queue or UNREADABLE)


class ErrorGroups:
    """The groups of all dead jobs that were added so far, at most ``MOST_GROUPS`` and the rest.

    ``group_of`` names the group of a job: its error, or anything else that there is of it.
    ``recent_from`` is the time (epoch seconds) from which ``ErrorGroup.recent`` counts.
    """

    def __init__(
        self,
        recent_from: float = math.inf,
        group_of: Callable[[Row], str] | None = None,
    ) -> None:
        self.dead_jobs = 0
        self.recent_from = recent_from
        self._group_of = group_of or error_group_of
        self._groups: dict[str, ErrorGroup] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def add(self, rows: Iterable[Row]) -> None:
        """Take in dead jobs, each once (as ``Reader.scan`` gives them)."""
        groups, dead_jobs = self._groups, 0
        for row in rows:
            dead_jobs += 1
            error = self._group_of(row)
            # A filter ignores case: what it finds is one group, never two that look alike.
            key = error.casefold()
            group = groups.get(key)
            if group is None:
                if len(groups) >= MOST_GROUPS:
                    error, key = OTHER, _REST
                is_rest = key == _REST
                group = groups.get(key) or groups.setdefault(
                    key, ErrorGroup(error, is_rest=is_rest)
                )
            group.add(row, self.recent_from)
        self.dead_jobs += dead_jobs

    def groups(self) -> tuple[ErrorGroup, ...]:
        """The groups, the largest first."""
        return tuple(sorted(self._groups.values(), key=lambda each: (-each.count, each.error)))


def error_group_of(row: Row) -> str:
    """The error group of one dead job: its normalised error, by which a filter finds the others."""
    return normalised_error(row.payload.error or row.payload.problem)


def _count(counts: dict[str, int], name: str) -> None:
    found = counts.get(name)
    if found is None:
        # Names come from Redis: a hostile producer must not make the memory grow.
        if len(counts) >= MOST_NAMES:
            name = OTHER_NAMES
        found = counts.get(name, 0)
    counts[name] = found + 1
