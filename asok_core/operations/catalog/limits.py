"""Limits: how many jobs run at once, and how many start per unit of time."""

from __future__ import annotations

from dataclasses import dataclass

from asok_core.backends.roles import OperationResult, Scope, Watch
from asok_core.inspection.limits import LimitRule
from asok_core.jobs.states import Location
from asok_core.operations.catalog import summaries
from asok_core.operations.catalog.entry import (
    Access,
    CatalogOperation,
    FollowUp,
    ScopeKind,
    UndoWindow,
)
from asok_core.operations.enforcement import wait_until_limited

_NOTHING = LimitRule()


@dataclass(frozen=True)
class LimitOperation(CatalogOperation):
    """An operation on the limit of what ``rule`` is about."""

    rule: LimitRule = _NOTHING

    location, scopes = Location.HELD, frozenset({ScopeKind.HOLD})
    counts_jobs, guarded = False, True

    def subject(self, scope: Scope) -> str:  # noqa: ARG002
        """The queue, the task or its argument."""
        return self.rule.words

    def short_subject(self, scope: Scope) -> str:  # noqa: ARG002
        """What kind it is: the name of a task may be long."""
        return "queue" if self.rule.queue else "task"


@dataclass(frozen=True)
class LimitJobs(LimitOperation):
    """A limit on what ``rule`` is about, instead of what is in force there."""

    summary = summaries.SET_LIMIT
    verb, done, audited = "limit", "limited", "set limit"
    how = "workers start jobs by it from now on; what runs finishes, and jobs beyond it wait"
    undo = UndoWindow("reset the limit, at any time")

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Set it."""
        return access.operator.set_limit(self.rule)

    def follow_up(self, access: Access, result: OperationResult) -> FollowUp:
        """On which workers it is in force, once all have confirmed it that can."""
        if result.limit is None:
            return FollowUp()
        found = wait_until_limited(access.reader, result.limit, result.generation)
        return FollowUp(found.words, found.whole)

    def suffix(self, scope: Scope) -> str:  # noqa: ARG002
        """The limit; nothing as long as none is chosen."""
        return f" to {self.rule.limit.text}" if self.rule.limit.text else ""

    def changed(self, scope: Scope) -> str:
        """What is limited, and to what."""
        return f"{self.subject(scope)}{self.suffix(scope)}"


@dataclass(frozen=True)
class RemoveLimit(LimitOperation):
    """The end of the limit that operators have set on what ``rule`` is about."""

    summary = summaries.RESET_LIMIT
    verb, done, audited = "remove", "removed", "reset limit"
    how = "the limit that the code declares is in force again; without one there is none"

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Remove it."""
        return access.operator.reset_limit(self.rule)

    def follow_up(self, access: Access, result: OperationResult) -> FollowUp:
        """On which workers it is no longer in force."""
        found = wait_until_limited(access.reader, self.rule, result.generation)
        return FollowUp(found.words, found.whole)

    def subject(self, scope: Scope) -> str:
        """The limit of an operator, and what it is about."""
        return f"the set limit of {super().subject(scope)}"

    def short_subject(self, scope: Scope) -> str:  # noqa: ARG002
        """The same without what it is about."""
        return "the set limit"
