"""The keys of operations: what each key performs, and on which jobs."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

from asok_console.tui.keys.actions import (
    COMPARING,
    COMPOSING,
    COMPOSITION,
    COPIES,
    EDITING,
    FINDING,
    FOLDING,
    GLOBAL,
    GROUPING,
    LISTS,
    MARKS,
    MEASURES,
    MOVES,
    NARROWING,
    OF_ENTRY,
    OF_TASK,
    OVERVIEW_FINDING,
    PAGE,
    PENDING_OF_TASK,
    PLOT_RANGES,
    QUEUE_TURNS,
    READS,
    REASONS,
    RELATED,
    SORTS,
    STACK,
    TASK_RANGES,
    WHY,
    Action,
    KeyScope,
)
from asok_core.jobs.states import Location
from asok_core.operations.catalog.dead_jobs import (
    CanaryRequeue,
    EditDead,
    ExportDead,
    PurgeDead,
    RequeueDead,
    TrustDead,
)
from asok_core.operations.catalog.entry import CatalogOperation
from asok_core.operations.catalog.holds import HoldJobs, ReleaseHold, RemoveHold
from asok_core.operations.catalog.limits import LimitJobs, RemoveLimit
from asok_core.operations.catalog.notes import EditNote
from asok_core.operations.catalog.running_jobs import StopRunningJobs
from asok_core.operations.catalog.switches import (
    PauseQueue,
    PurgeQueue,
    QuietWorker,
    ResumeQueue,
    ResumeWorker,
    SetWorkerShape,
    StopWorker,
)
from asok_core.operations.catalog.trash import EmptyTrash, RestoreTrash
from asok_core.operations.catalog.waiting_jobs import (
    CancelDelayed,
    CancelHeld,
    CancelPending,
    MovePending,
    MoveToFront,
    PromoteDelayed,
)

DEAD, PENDING, DELAYED = frozenset({"dead"}), frozenset({"pending"}), frozenset({"delayed"})
RUNNING, QUEUES = frozenset({"jobs", "workers"}), frozenset({"overview", "pending"})
WORKERS, ACTIVITY = frozenset({"workers"}), frozenset({"activity"})
HOLDABLE = QUEUES | DEAD | DELAYED | {"jobs", "tasks"}
NOTED = HOLDABLE - {"tasks"} | {"held"}
HELD = frozenset({"held"})
LIMITABLE = HOLDABLE | HELD


OPERATE = "operate"
"""The method that all operations share; its parameter is the name of the action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAction(Action):
    """The key of an operation of the catalogue. ``key_scope``: which jobs it is performed on."""

    operation: type[CatalogOperation]
    key_scope: KeyScope
    group: str = "Act"
    footer: bool = True

    @property
    def command(self) -> str:
        """The application's action: what is on the screen says what the operation is about."""
        return f"app.{OPERATE}('{self.name}')"

    @property
    def location(self) -> Location:
        """Where its jobs are."""
        return self.operation.location

    @property
    def changes(self) -> bool:
        """Whether it changes anything. What does not is allowed in a read-only session."""
        return self.operation.changes


_OF_GROUP = " (or of the error group)"


def _action(
    name: str,
    keys: str,
    label: str,
    operation: type[CatalogOperation],
    key_scope: KeyScope,
    *,
    views: frozenset[str] = frozenset(),
    footer: bool = True,
    when: str = "",
) -> OperatorAction:
    """The key of an operation: the catalogue explains it, in words for what the key is about.

    ``when``: where it has this meaning, if the key has another beside it.
    """
    summary = operation.summary
    if key_scope is KeyScope.MATCHING:
        of_group = _OF_GROUP if operation.location is Location.DEAD else ""
        text = summary.in_general(f"all {summary.noun}s that are shown{of_group}")
    elif key_scope is KeyScope.LISTED_TRASH:
        text = summary.in_general(f"all {summary.noun}s that are listed")
    elif key_scope in (KeyScope.SHOWN, KeyScope.OPERATION, KeyScope.RULE, KeyScope.LIMIT):
        text = summary.in_general()
    else:
        text = summary.of_one()
    if when:
        text = f"{text} ({when})"
    return OperatorAction(
        name,
        keys,
        label,
        text,
        views=views,
        operation=operation,
        key_scope=key_scope,
        footer=footer,
    )


REQUEUE_ALL = _action("requeue_all", "R", "requeue all", RequeueDead, KeyScope.MATCHING, views=DEAD)
HOLD = _action("hold", "H", "hold", HoldJobs, KeyScope.RULE, views=HOLDABLE)
LIMIT = _action("limit", "U", "limit", LimitJobs, KeyScope.LIMIT, views=LIMITABLE)
PURGE_ALL = _action("purge_all", "D", "purge all", PurgeDead, KeyScope.MATCHING, views=DEAD)

OPERATIONS = (
    _action("requeue", "r", "requeue", RequeueDead, KeyScope.CHOSEN, views=DEAD | {"jobs"}),
    REQUEUE_ALL,
    _action("purge", "d,delete", "purge", PurgeDead, KeyScope.CHOSEN, views=DEAD),
    PURGE_ALL,
    _action("requeue_trusted", "T", "trust and requeue", TrustDead, KeyScope.CHOSEN, views=DEAD),
    _action("canary", "C", "canary", CanaryRequeue, KeyScope.SHOWN, views=DEAD),
    _action("export", "E", "export", ExportDead, KeyScope.SHOWN, views=DEAD),
    _action("cancel_pending", "d,delete", "cancel", CancelPending, KeyScope.CHOSEN, views=PENDING),
    _action("move_front", "f", "to the front", MoveToFront, KeyScope.CHOSEN, views=PENDING),
    _action("move", "M", "move", MovePending, KeyScope.CHOSEN, views=PENDING),
    _action("cancel_delayed", "d,delete", "cancel", CancelDelayed, KeyScope.CHOSEN, views=DELAYED),
    _action("cancel_held", "d,delete", "cancel", CancelHeld, KeyScope.CHOSEN, views=HELD),
    _action("cancel_running", "d,delete", "cancel", StopRunningJobs, KeyScope.CHOSEN, views=RUNNING),
    _action("promote", "r", "promote", PromoteDelayed, KeyScope.CHOSEN, views=DELAYED),
    _action("cancel_matching_pending", "D", "cancel all", CancelPending, KeyScope.MATCHING, views=PENDING,
            footer=False, when="with a filter"),
    _action("cancel_matching_delayed", "D", "cancel all", CancelDelayed, KeyScope.MATCHING, views=DELAYED,
            footer=False),
    _action("promote_matching", "R", "promote all", PromoteDelayed, KeyScope.MATCHING, views=DELAYED,
            footer=False),
    _action("pause", "P", "pause", PauseQueue, KeyScope.QUEUE, views=QUEUES),
    _action("resume", "P", "resume", ResumeQueue, KeyScope.QUEUE, views=QUEUES),
    _action("purge_queue", "D", "purge queue", PurgeQueue, KeyScope.QUEUE, views=QUEUES, footer=False,
            when="in Pending: without a filter"),
    _action("quiet", "P", "quiet", QuietWorker, KeyScope.WORKER, views=WORKERS),
    _action("resume_worker", "P", "resume", ResumeWorker, KeyScope.WORKER, views=WORKERS),
    _action("stop", "S", "stop", StopWorker, KeyScope.WORKER, views=WORKERS),
    _action("set_worker", "e", "edit", SetWorkerShape, KeyScope.LIVE_WORKER, views=WORKERS),
    HOLD,
    LIMIT,
    _action("release", "r", "release", ReleaseHold, KeyScope.HOLD, views=HELD),
    _action("remove_hold", "d,delete", "remove", RemoveHold, KeyScope.HOLD, views=HELD),
    _action("note", "n", "note", EditNote, KeyScope.SUBJECT, views=NOTED, footer=False),
    _action("restore", "z", "undo", RestoreTrash, KeyScope.OPERATION, views=LISTS),
    _action("empty", "d,delete", "delete trash", EmptyTrash, KeyScope.TRASH, views=ACTIVITY),
    _action("empty_all", "D", "empty trash", EmptyTrash, KeyScope.LISTED_TRASH, views=ACTIVITY),
)  # fmt: skip
"""What has a key, in the order of the footer."""

EDIT = _action("edit_requeue", "", "edit and requeue", EditDead, KeyScope.CHOSEN, footer=False)
"""Follows the editor, so it has no key of its own."""
RESET_LIMIT = _action("reset_limit", "", "reset limit", RemoveLimit, KeyScope.LIMIT, footer=False)
"""An empty limit in the form of ``LIMIT``."""

BY_NAME: dict[str, OperatorAction] = {action.name: action for action in OPERATIONS}

ALL: tuple[Action, ...] = (
    *GLOBAL, *WHY, *QUEUE_TURNS, *STACK, *REASONS, *PLOT_RANGES, *READS, *MEASURES, *COMPARING, *SORTS,
    *FINDING, *OVERVIEW_FINDING, *NARROWING, *GROUPING, *COMPOSITION, *COMPOSING, *FOLDING, *MOVES, *MARKS,
    *EDITING, *PAGE, *COPIES, *OF_ENTRY, *OPERATIONS, *RELATED, *TASK_RANGES, *OF_TASK, *PENDING_OF_TASK,
)  # fmt: skip


def operations_of(view: str) -> list[Binding]:
    """The bindings of the operations of a view; all go through ``ConsoleApp.action_operate``."""
    return [action.binding for action in OPERATIONS if view in action.views]
