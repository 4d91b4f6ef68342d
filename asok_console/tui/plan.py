"""What an action would do, worked out before anyone is asked to confirm it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asok_console.tui.actions import Danger, OperatorAction, Reach
from asok_core.backends.roles import CommandResult, Scope
from asok_core.states import Place


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
    operation: str = ""
    """Of an undo: the action whose trash is put back."""

    @property
    def noun(self) -> str:
        """``1 dead letter``, ``12 jobs``, ``queue 'high'``."""
        if self.count is None:
            return f"queue '{self.scope.queue}'"
        if self.action.place is Place.DEAD:
            return exact(self.count, "dead letter")
        noun = exact(self.count, "job")
        return f"{noun} of queue '{self.scope.queue}'" if self.action.reach is Reach.QUEUE else noun

    @property
    def title(self) -> str:
        """The question: ``Requeue 12 dead letters?``."""
        verb = self.action.label.split()[0].capitalize()
        if self.action.label.endswith("now"):
            return f"Run {self.noun} now?"
        return f"{verb} {self.noun}?"

    @property
    def twin(self) -> str:
        """The command line that does the same."""
        return self.action.twin(self)

    def word(self, *, protected: bool) -> str | None:
        """What must be typed before it is done, or None when a yes is enough."""
        bulk = self.count is not None and self.count > 1
        if self.action.danger is Danger.GRAVE or (protected and bulk):
            return self.action.word
        return None


def exact(number: int, noun: str) -> str:
    """``1 job``, ``1,204,331 jobs``: a confirmation never rounds."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def told(plan: Plan, result: CommandResult) -> str:
    """What came of it, in one line: ``Requeued 11 dead letters · 1 skipped (gone)``."""
    done = plan.action.done
    if plan.count is None:
        return f"{done.capitalize()} {plan.noun}"
    noun = "dead letter" if plan.action.place is Place.DEAD else "job"
    parts = [f"{done.capitalize()} {exact(result.applied, noun)}"]
    for word, reasons in (("skipped", result.skipped), ("refused", result.refused)):
        parts += [f"{number:,} {word} ({reason})" for reason, number in reasons.items() if number]
    if result.cancelled:
        parts.append("stopped before the rest")
    return " · ".join(parts)
