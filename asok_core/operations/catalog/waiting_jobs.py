"""Operations on jobs that have not started: pending and delayed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asok_core.backends.roles import OperationResult, Scope, Watch
from asok_core.errors import AsokError
from asok_core.inspection.row_texts import LOCATION_TEXTS
from asok_core.jobs.states import Location
from asok_core.operations.catalog import summaries
from asok_core.operations.catalog.entry import (
    TO_TRASH,
    Access,
    CatalogOperation,
    Danger,
    FollowUp,
    ScopeKind,
)

PATIENCE = 2.0
"""Seconds for which a job is looked for that is not where it was."""


class CancelPending(CatalogOperation):
    """Cancellation of pending jobs."""

    summary = summaries.CANCEL_PENDING
    verb, done, location = "cancel", "cancelled", Location.PENDING
    danger, undo, ends_lost = Danger.BROAD, TO_TRASH, True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:
        """Cancel them."""
        return access.operator.cancel(scope, watch=watch)

    def follow_up(self, access: Access, result: OperationResult) -> FollowUp:
        """Where a job is that was not there: it has started, or was held or released."""
        if len(result.missing) != 1:
            return FollowUp()
        (job_id,) = result.missing
        try:
            found = access.reader.job(job_id, patience=PATIENCE)
        except AsokError:
            # What was done is known without it.
            return FollowUp()
        if found is None or found.location is None:
            return FollowUp()
        return FollowUp(f"the job {LOCATION_TEXTS[found.location]} now", whole=False)


class CancelDelayed(CancelPending):
    """Cancellation of delayed jobs."""

    summary = summaries.CANCEL_DELAYED
    location = Location.DELAYED


class CancelHeld(CancelPending):
    """Cancellation of jobs that a hold keeps of a queue. A restore returns them to the queue."""

    summary = summaries.CANCEL_HELD
    location, scopes = Location.HELD, frozenset({ScopeKind.IDS})


class PromoteDelayed(CatalogOperation):
    """Promotion of delayed jobs."""

    summary = summaries.PROMOTE_DELAYED
    verb, done, location = "promote", "promoted", Location.DELAYED
    how = "to their queues now, without waiting until they are due"
    enqueues = True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:
        """Promote them."""
        return access.operator.promote(scope, watch=watch)


@dataclass(frozen=True)
class MovePending(CatalogOperation):
    """Move of pending jobs to the queue ``to``."""

    to: str = ""

    summary = summaries.MOVE_PENDING
    verb, done, location = "move", "moved", Location.PENDING
    enqueues = signs = guarded = True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:
        """Move them."""
        return access.operator.move(scope, to=self.to, watch=watch)

    def suffix(self, scope: Scope) -> str:  # noqa: ARG002
        """Name the queue."""
        return f" to queue '{self.to}'" if self.to else ""

    def destinations(self, queues: Mapping[str, int]) -> Mapping[str, int]:
        """All go to one queue."""
        return {self.to: sum(queues.values())}


class MoveToFront(CatalogOperation):
    """Move of pending jobs to the front of their queues."""

    summary = summaries.MOVE_TO_FRONT
    verb, done, location = "move", "moved", Location.PENDING
    scopes, guarded = frozenset({ScopeKind.IDS}), True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:
        """Move them to the front."""
        return access.operator.move(scope, front=True, watch=watch)

    def suffix(self, scope: Scope) -> str:  # noqa: ARG002
        """Name the front."""
        return " to the front"
