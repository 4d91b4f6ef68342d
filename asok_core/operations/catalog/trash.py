"""Operations on what earlier operations moved to the trash."""

from __future__ import annotations

from dataclasses import dataclass

from asok_core.backends.roles import OperationResult, Scope, Watch
from asok_core.jobs.states import Location
from asok_core.operations.catalog import summaries
from asok_core.operations.catalog.entry import (
    Access,
    CatalogOperation,
    Danger,
    ScopeKind,
    UndoWindow,
)


@dataclass(frozen=True)
class RestoreTrash(CatalogOperation):
    """Restore of the trash of one operation, by its id."""

    operation: str = ""

    summary = summaries.RESTORE_TRASH
    verb, done, location = "restore", "restored", Location.TRASH
    scopes = frozenset({ScopeKind.TRASH})
    enqueues = True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Restore it."""
        return access.operator.restore(self.operation, watch=watch)


class EmptyTrash(CatalogOperation):
    """Deletion of the trash of operations; the ids of the scope are theirs."""

    summary = summaries.EMPTY_TRASH
    verb, done, location = "delete", "deleted", Location.TRASH
    scopes = frozenset({ScopeKind.TRASH})
    audited = word = "empty"
    danger = Danger.GRAVE
    undo = UndoWindow("none: what is deleted from the trash cannot be restored")

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:
        """Delete it. What comes to the trash from now on stays there."""
        return access.operator.empty_trash(sorted(scope.ids or ()), watch=watch)

    def suffix(self, scope: Scope) -> str:  # noqa: ARG002
        """Name the trash."""
        return " from the trash"
