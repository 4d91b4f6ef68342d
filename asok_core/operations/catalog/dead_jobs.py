"""Operations on dead jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asok_core.backends.roles import OperationResult, Scope, Watch
from asok_core.inspection.audit import EDIT, TRASH_KEPT
from asok_core.inspection.review import ReviewedEntries
from asok_core.jobs.states import Location
from asok_core.operations.canary import FIRST, RATE, Canary, CanaryResult
from asok_core.operations.catalog import summaries
from asok_core.operations.catalog.entry import (
    TO_TRASH,
    Access,
    CatalogOperation,
    Danger,
    ScopeKind,
    UndoWindow,
)
from asok_core.operations.export import export_dead_jobs


@dataclass(frozen=True)
class RequeueDead(CatalogOperation):
    """Requeue of dead jobs. ``rate``: at most this number a second."""

    rate: float | None = None

    summary = summaries.REQUEUE_DEAD
    verb, done, noun, location = "requeue", "requeued", "dead job", Location.DEAD
    enqueues = signs = True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:
        """Requeue them."""
        return access.operator.requeue(scope, watch=watch, rate=self.rate)


@dataclass(frozen=True)
class TrustDead(CatalogOperation):
    """Requeue of the dead jobs that were reviewed; no other is signed."""

    trust: ReviewedEntries = field(default_factory=lambda: ReviewedEntries(()))
    rate: float | None = None

    summary = summaries.TRUST_DEAD
    verb, done, noun, location = "trust and requeue", "requeued", "dead job", Location.DEAD
    audited, word, danger = "requeue", "trust", Danger.GRAVE
    enqueues = signs = reviews = True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:
        """Sign and requeue exactly those that were reviewed."""
        return access.operator.requeue(scope, trust=self.trust, watch=watch, rate=self.rate)


@dataclass(frozen=True)
class CanaryRequeue(CatalogOperation):
    """Requeue of dead jobs that sends a sample first."""

    first: int = FIRST
    rate: float = RATE

    summary = summaries.CANARY_REQUEUE
    verb, done, noun, location = "requeue", "requeued", "dead job", Location.DEAD
    enqueues = signs = True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> CanaryResult:
        """Send the first, wait for them, then send the rest."""
        canary = Canary(access.reader, access.operator, first=self.first, rate=self.rate)
        return canary.run(scope, watch)

    def suffix(self, scope: Scope) -> str:  # noqa: ARG002
        """Name the canary."""
        return " with a canary"

    def explanation(self) -> str:
        """How many go first, and how fast the rest follows."""
        return f"{self.first} first, then {self.rate:g} a second; stops if the same error returns"


@dataclass(frozen=True)
class EditDead(CatalogOperation):
    """Requeue of one dead job with other arguments. ``raw`` is its element as the operator saw it."""

    raw: bytes = b""
    args: Sequence[Any] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    call: str = ""
    """The changed call, for the preview."""

    summary = summaries.EDIT_DEAD
    verb, done, noun, location = "requeue", "requeued", "dead job", Location.DEAD
    scopes, audited = frozenset({ScopeKind.IDS}), EDIT
    undo = UndoWindow(
        f"restore the original from the trash within {TRASH_KEPT}, while the edited job is pending",
        to_trash=True,
    )
    enqueues = signs = True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Requeue it by its bytes: another job may have its id by now."""
        return access.operator.edit(self.raw, self.args, self.kwargs)

    def suffix(self, scope: Scope) -> str:  # noqa: ARG002
        """Name the change."""
        return " with changed arguments"

    def details(self) -> tuple[str, ...]:
        """The changed call."""
        return (f"with changed arguments: {self.call}",) if self.call else ()


class PurgeDead(CatalogOperation):
    """Purge of dead jobs."""

    summary = summaries.PURGE_DEAD
    verb, done, noun, location = "purge", "purged", "dead job", Location.DEAD
    danger, undo = Danger.GRAVE, TO_TRASH

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:
        """Purge them."""
        return access.operator.purge(scope, watch=watch)


@dataclass(frozen=True)
class ExportDead(CatalogOperation):
    """Export of dead jobs to a new file."""

    path: Path | None = None
    """None: the command line writes to standard output."""

    summary = summaries.EXPORT_DEAD
    verb, done, noun, location = "export", "exported", "dead job", Location.DEAD
    changes = False

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:
        """Write the file. Redis is not changed."""
        path = (self.path or Path("-")).expanduser()
        return export_dead_jobs(access.reader, scope, path, watch)

    def suffix(self, scope: Scope) -> str:  # noqa: ARG002
        """Name the file."""
        return f" to {self.path}" if self.path else ""


@dataclass(frozen=True)
class ImportDead(CatalogOperation):
    """Import of an export. ``trust``: also jobs with a bad signature."""

    dead_jobs: Sequence[bytes] = ()
    trust: bool = False

    summary = summaries.IMPORT_DEAD
    verb, done, noun, location = "import", "imported", "dead job", Location.DEAD
    scopes = frozenset({ScopeKind.FILE})

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Import them byte for byte."""
        return access.operator.import_dead(self.dead_jobs, trust=self.trust, watch=watch)
