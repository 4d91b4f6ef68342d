"""What an operation would do, worked out before it is confirmed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from asok_console.presentation.calls import call_of
from asok_console.tui.plans import equivalents
from asok_console.tui.plans.limit_subjects import LimitSubject
from asok_console.tui.plans.worker_shapes import ShapeSubject
from asok_core.backends.roles import Scope
from asok_core.inspection.review import Review
from asok_core.inspection.rows import Row
from asok_core.operations.catalog import confirmation
from asok_core.operations.catalog.entry import CatalogOperation

MANY = 100
"""Jobs beyond which an operation without typed confirmation requires a second key."""
EXAMPLES = 3
"""Jobs that a confirmation shows."""


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """An operation with its resolved scope.

    ``count`` is how many jobs it is about, None for a queue or a worker as a whole. ``about`` are lines
    that say what it is about; ``warning`` is what the operator may not see. ``rows`` are its jobs, as far
    as they are loaded: a plan is made for each key at each move of the cursor, and what is shown of its
    jobs only once it is confirmed.
    """

    operation: CatalogOperation
    scope: Scope
    count: int | None
    about: tuple[str, ...] = ()
    warning: str = ""
    review: Review | None = None
    """Of what signs jobs: those that it would sign."""
    diff: tuple[str, ...] = ()
    """Of an edit: the lines that differ, after ``-`` and ``+``, and some around them."""
    choices: tuple[str, ...] = ()
    """The possible answers to what it asks for, where there are only some."""
    offers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What may be answered, by the name of what it asks for: shown while there is no answer."""
    queues: Mapping[str, int] | None = None
    """How many of its jobs belong to which queue, where ``rows`` do not say it."""
    rows: Sequence[Row] = ()
    shape: ShapeSubject | None = None
    """The worker whose concurrency and queues it changes."""
    limit: LimitSubject | None = None
    """What it sets or resets the limit of."""

    @property
    def lines(self) -> tuple[str, ...]:
        """A few of its jobs, and what else it is about."""
        return (*examples(self.rows), *self.about)

    @property
    def queue_counts(self) -> Mapping[str, int] | None:
        """How many of its jobs belong to which queue; None where that is not known."""
        if self.queues is None and self.rows and len(self.rows) == self.count:
            return Counter(row.queue for row in self.rows)
        return self.queues

    @property
    def confirmed(self) -> int | None:
        """How many jobs the confirmation names."""
        return self.count if self.review is None else self.review.requeues

    @property
    def title(self) -> str:
        """The question: ``Requeue 12 dead jobs?``."""
        return confirmation.question(self.operation, self.scope, self.confirmed)

    @property
    def phrase(self) -> str:
        """The same as a statement, for the line that shows its progress."""
        return self.title.removesuffix("?")

    @property
    def button(self) -> str:
        """What the button that confirms it says."""
        return confirmation.button(self.operation, self.scope, self.confirmed)

    @property
    def equivalent(self) -> str:
        """The command line that does the same."""
        return equivalents.command_line(self.operation, self.scope)

    def abridged(self) -> str:
        """The same command line as a person reads it."""
        # A review needs the lines for its calls.
        most = equivalents.SPELLED_OUT if self.review is None else 1
        return equivalents.abridged(self.operation, self.scope, most)

    def word(self, *, protected: bool) -> str | None:
        """What must be typed before it is performed, or None where a yes is enough."""
        operation, scope = self.operation, self.scope
        return confirmation.confirmation_word_for(operation, scope, self.count, protected=protected)

    @property
    def large(self) -> bool:
        """Whether it changes more than ``MANY`` jobs, so that a yes alone could be a slip."""
        return (self.count or 0) > MANY and self.operation.changes


def examples(rows: Sequence[Row]) -> tuple[str, ...]:
    """A few rows as lines of a confirmation."""
    lines = [
        f"{call_of(row.payload, 120)}  {row.payload.id[:8]}"
        if row.payload.job
        else f"(unreadable)  {row.key[:8]}"
        for row in rows[:EXAMPLES]
    ]
    if len(rows) > EXAMPLES:
        lines.append(f"… and {len(rows) - EXAMPLES:,} more")
    return tuple(lines)
