"""Actions of the operator, and plans: what an action would do, worked out before it is confirmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from asok_console.presentation.prose import exact
from asok_console.tui.catalog.actions import Action, Reach
from asok_core.backends.roles import CommandResult, Scope, Watch
from asok_core.inspection.review import Review
from asok_core.jobs.states import Location
from asok_core.operations.canary import CanaryResult
from asok_core.operations.catalog.entry import Access, Danger

MANY = 100
"""Jobs beyond which an action that needs no typed word wants a second key."""


@dataclass(frozen=True, slots=True)
class Field:
    """Something an action wants to know before it is confirmed: a queue's name, a number, a file."""

    name: str
    label: str
    check: Callable[[str, Plan], str]
    """What is wrong with an answer, or an empty string."""
    default: Callable[[], str] = str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAction(Action):
    """An action on what is in Redis.

    ``perform`` does it; ``equivalent`` is the command line that does the same; ``done`` is the past
    participle for the result; ``word`` what must be typed where a typed word is wanted.
    """

    perform: Callable[[Access, Plan, Watch], CommandResult | CanaryResult]
    location: Location
    reach: Reach
    danger: Danger
    done: str
    word: str
    equivalent: Callable[[Plan], str]
    question: str = "{verb} {noun}?"
    """What the confirmation asks; it may name the plan's answers."""
    note: str = ""
    """How it goes about it, where that is not plain; it may name the plan's answers."""
    outcome: str = "{done} {what}"
    """What is said when it is done; ``what`` is the count and the noun, or the queue or worker."""
    aftermath: str = ""
    """What the confirmation says about undoing it."""
    asks: tuple[Field, ...] = ()
    returns: bool = False
    """Whether it puts jobs into queues."""
    reviews: bool = False
    """Whether it signs jobs: all of them are read and listed before it is confirmed."""
    guarded: bool = False
    """Whether a protected session wants a typed word for a single one as well."""
    changes: bool = True
    """Whether it changes anything. What does not is allowed to whoever only reads."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An action with its frozen scope.

    ``count`` is how many jobs it is about, None for a switch of a queue. ``examples`` are a few
    lines that show what is meant; ``warning`` is what the operator may not see.
    """

    action: OperatorAction
    scope: Scope
    count: int | None
    examples: tuple[str, ...] = ()
    warning: str = ""
    changes: tuple[list[Any], dict[str, Any]] | None = None
    """Of an edit: the new arguments."""
    element: bytes = b""
    """Of an edit: the dead job that the operator saw."""
    review: Review | None = None
    """Of what signs jobs: those that it would sign."""
    diff: tuple[str, ...] = ()
    """Of an edit: the lines that differ, after ``-`` and ``+``, and some around them."""
    operation: str = ""
    """Of an undo: the action whose trash is put back."""
    worker: str = ""
    """Of an order: the worker that gets it."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """What was said to the fields that the action asks for."""
    choices: tuple[str, ...] = ()
    """Answers that make sense, where only some do."""
    queues: Mapping[str, int] | None = None
    """How many of its jobs belong to which queue; None where that is not known."""

    @property
    def noun(self) -> str:
        """``1 dead letter``, ``12 jobs``, ``queue 'high'``, ``worker web-1``."""
        if self.worker:
            return f"worker {self.worker}"
        if self.count is None:
            return f"queue '{self.scope.queue}'"
        if self.review is not None:
            return exact(self.review.requeues, "dead job")
        if self.action.location is Location.DEAD:
            return exact(self.count, "dead letter")
        noun = exact(self.count, "job")
        return f"{noun} of queue '{self.scope.queue}'" if self.action.reach is Reach.QUEUE else noun

    @property
    def title(self) -> str:
        """The question: ``Requeue 12 dead letters?``."""
        verb = self.action.label.split()[0].capitalize()
        return self.action.question.format(verb=verb, noun=self.noun, **self.answers)

    @property
    def note(self) -> str:
        """How it goes about it, where that is not plain."""
        return self.action.note.format(**self.answers)

    @property
    def equivalent(self) -> str:
        """The command line that does the same."""
        return self.action.equivalent(self)

    def word(self, *, protected: bool) -> str | None:
        """What must be typed before it is done, or None when a yes is enough."""
        bulk = self.count is not None and self.count > 1
        guarded = bulk or self.action.guarded
        if self.action.danger is Danger.GRAVE or (protected and guarded):
            return self.action.word
        return None

    @property
    def large(self) -> bool:
        """Whether it is about so many jobs that a yes alone could be a slip."""
        return (self.count or 0) > MANY and self.action.changes
