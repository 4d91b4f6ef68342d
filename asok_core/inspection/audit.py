"""What operators did: the audit, and how long it can still be undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from asok_core.errors import Refused
from asok_core.inspection.notes import NOTED, noted_in
from asok_core.inspection.pauses import QueuePause, pause_words

TRASH_TTL = 86_400
"""Seconds for which the trash is kept, and every undo is offered."""

TRASH_KEPT = f"{TRASH_TTL // 3600} hours"
"""The same as people read it."""


def not_in_trash(operation: str) -> str:
    """Why nothing of an operation can be restored, or deleted for good."""
    return (
        f"nothing of {operation} is in the trash: it was restored or emptied already, "
        f"or {TRASH_KEPT} have passed"
    )


PAUSE, RESUME = "pause", "resume"
SWITCHES = (PAUSE, RESUME)
"""Actions on a queue that concern none of its jobs."""
EDIT = "edit"
"""The action that requeues a dead job with other arguments."""
COMMANDS = ("quiet", "resume", "stop")
"""Commands to a worker, each of which ends the one before."""


@dataclass(frozen=True, slots=True)
class Activity:
    """One action of an operator. Times are epoch seconds of the Redis server's clock.

    ``state`` is ``done``, ``cancelled`` (stopped by the operator), ``failed`` or ``running``, which
    it stays when the operator's process died: the counts are still true.
    """

    operation: str
    at: float | None
    who: str
    where: str
    action: str
    location: str = ""
    queue: str = ""
    words: str = ""
    """The scope as it was given: a filter, ids, or everything."""
    note: str = ""
    """The note that was written; of other actions, and of a removed note, empty."""
    reason: str = ""
    """Of a pause: why."""
    until: float | None = None
    """Of a pause: when it ends by itself."""
    changed: bool = False
    """Of a pause: whether the queue was paused already, and got this pause in place of the other."""
    state: str = "done"
    applied: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    in_trash: int = 0
    """How many jobs a restore would return now."""
    trash_until: float | None = None
    """When the trash is emptied; None when there is none."""
    trash_problem: str = ""
    """Why it is not known what its trash holds: the key is of another type."""
    has_ended: bool = False
    """Of an edit: whether the edited job has ended, so that the original cannot take its place."""

    @property
    def commanded(self) -> str:
        """The worker that it commanded, with an effect; '' where it did not."""
        kind, _, name = self.words.partition(":")
        return name if kind == "worker" and self.applied and self.action in COMMANDS else ""

    @property
    def target(self) -> str:
        """What the action was about, by its name: a queue, a worker, or which jobs where."""
        kind, _, name = self.words.partition(":")
        if self.action == NOTED:
            return (
                f"{noted_in(self.words)}: {self.note or ('removed' if self.applied else 'no note')}"
            )
        if self.action in SWITCHES:
            pause = QueuePause(until=self.until, reason=self.reason)
            changed = ", changed:" if self.changed else ""
            return f"queue {self.queue}{changed}{pause_words(pause, self.at or 0.0)}"
        if kind == "worker" and not self.location:
            return f"worker {name}"
        where = " ".join(part for part in (self.location, self.queue) if part)
        return ": ".join(part for part in (where, self.words) if part)

    def undo_left(self, now: float) -> float:
        """Seconds for which it can be undone; 0 where it cannot, or the trash holds nothing of it."""
        if not self.in_trash or self.has_ended:
            return 0.0
        # A trash without an end was given none by this program; it still exists.
        return TRASH_TTL if self.trash_until is None else max(0.0, self.trash_until - now)


class Trash(dict[str, int]):
    """How many jobs the trash of each operation holds, the oldest operation first."""

    problems: tuple[str, ...] = ()
    """Lines about keys of the trash that are of another type."""


class Activities(tuple[Activity, ...]):  # noqa: SLOT001 - a tuple takes no slots
    """Actions, newest first."""

    problem: str = ""
    """Why there are none although there may be: the key is of another type."""

    def readable(self) -> Self:
        """The same. Raises Refused where the audit could not be read, which is not the same as empty."""
        if self.problem:
            raise Refused(self.problem)
        return self
