"""Operations on jobs that have not started: pending and delayed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asok_core.backends.roles import CommandResult, Scope, Watch
from asok_core.jobs.states import Location
from asok_core.operations.catalog.entry import (
    TO_TRASH,
    Access,
    CatalogOperation,
    Danger,
    ScopeKind,
)


class CancelPending(CatalogOperation):
    """Move pending jobs to the trash."""

    verb, done, location = "cancel", "cancelled", Location.PENDING
    danger, undo, ends_lost = Danger.BROAD, TO_TRASH, True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> CommandResult:
        """Cancel them."""
        return access.operator.cancel(scope, watch=watch)


class CancelDelayed(CancelPending):
    """Move delayed jobs to the trash."""

    location = Location.DELAYED


class PromoteDelayed(CatalogOperation):
    """Put delayed jobs into their queues now."""

    verb, done, location = "promote", "promoted", Location.DELAYED
    how = "to their queues now, without waiting until they are due"
    enqueues = True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> CommandResult:
        """Promote them."""
        return access.operator.promote(scope, watch=watch)


@dataclass(frozen=True)
class MovePending(CatalogOperation):
    """Put pending jobs into another queue."""

    to: str = ""

    verb, done, location = "move", "moved", Location.PENDING
    enqueues = signs = guarded = True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> CommandResult:
        """Move them."""
        return access.operator.move(scope, to=self.to, watch=watch)

    def suffix(self, scope: Scope) -> str:  # noqa: ARG002
        """Name the queue."""
        return f" to queue '{self.to}'" if self.to else ""

    def destinations(self, queues: Mapping[str, int]) -> Mapping[str, int]:
        """All go to one queue."""
        return {self.to: sum(queues.values())}


class MoveToFront(CatalogOperation):
    """Make pending jobs the next that workers take from their queue."""

    verb, done, location = "move", "moved", Location.PENDING
    scopes, guarded = frozenset({ScopeKind.IDS}), True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> CommandResult:
        """Move them to the front."""
        return access.operator.move(scope, front=True, watch=watch)

    def suffix(self, scope: Scope) -> str:  # noqa: ARG002
        """Name the front."""
        return " to the front"
