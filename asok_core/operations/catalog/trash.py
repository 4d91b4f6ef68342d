"""Operations on what earlier operations moved to the trash."""

from __future__ import annotations

from dataclasses import dataclass

from asok_core.backends.roles import CommandResult, Scope, Watch
from asok_core.jobs.states import Location
from asok_core.operations.catalog.entry import (
    Access,
    CatalogOperation,
    Danger,
    ScopeKind,
    UndoWindow,
)


@dataclass(frozen=True)
class RestoreTrash(CatalogOperation):
    """Restore what an earlier operation moved to the trash, by the id of that operation."""

    operation: str = ""

    verb, done, location = "restore", "restored", Location.TRASH
    scopes = frozenset({ScopeKind.TRASH})
    enqueues = True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> CommandResult:  # noqa: ARG002
        """Restore it."""
        return access.operator.restore(self.operation, watch=watch)


class EmptyTrash(CatalogOperation):
    """Delete what earlier operations moved to the trash; the ids of the scope are theirs."""

    verb, done, location = "delete", "deleted", Location.TRASH
    scopes = frozenset({ScopeKind.TRASH})
    audited = word = "empty"
    danger = Danger.GRAVE
    undo = UndoWindow("none: what is deleted from the trash cannot be restored")

    def perform(self, access: Access, scope: Scope, watch: Watch) -> CommandResult:
        """Delete it. What comes to the trash from now on stays there."""
        return access.operator.empty_trash(sorted(scope.ids or ()), watch=watch)

    def suffix(self, scope: Scope) -> str:  # noqa: ARG002
        """Name the trash."""
        return " from the trash"
