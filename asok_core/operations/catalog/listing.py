"""All operations that there are."""

from __future__ import annotations

from asok_core.operations.catalog.dead_jobs import (
    CanaryRequeue,
    EditDead,
    ExportDead,
    ImportDead,
    PurgeDead,
    RequeueDead,
    TrustDead,
)
from asok_core.operations.catalog.entry import CatalogOperation
from asok_core.operations.catalog.switches import (
    PauseQueue,
    PurgeQueue,
    QuietWorker,
    ResumeQueue,
    ResumeWorker,
    StopWorker,
)
from asok_core.operations.catalog.trash import EmptyTrash, RestoreTrash
from asok_core.operations.catalog.waiting_jobs import (
    CancelDelayed,
    CancelPending,
    MovePending,
    MoveToFront,
    PromoteDelayed,
)

CATALOG: tuple[type[CatalogOperation], ...] = (
    *(RequeueDead, TrustDead, CanaryRequeue, EditDead, PurgeDead, ExportDead, ImportDead),
    *(CancelPending, CancelDelayed, PromoteDelayed, MovePending, MoveToFront),
    *(PauseQueue, ResumeQueue, PurgeQueue),
    *(QuietWorker, ResumeWorker, StopWorker),
    *(RestoreTrash, EmptyTrash),
)
