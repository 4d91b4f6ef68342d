"""The keys of operations: what each key performs, and on which jobs."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

from asok_console.tui.catalog.actions import (
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
    Reach,
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
from asok_core.operations.catalog.notes import EditNote
from asok_core.operations.catalog.running_jobs import StopRunningJobs
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

DEAD, PENDING, DELAYED = frozenset({"dead"}), frozenset({"pending"}), frozenset({"delayed"})
QUEUES, WORKERS, ACTIVITY = (
    frozenset({"overview", "pending"}),
    frozenset({"workers"}),
    frozenset({"activity"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAction(Action):
    """The key of an operation of the catalogue. ``reach``: which jobs it is performed on."""

    operation: type[CatalogOperation]
    reach: Reach
    group: str = "Act"
    footer: bool = True

    @property
    def command(self) -> str:
        """The application's action: what is on the screen says what the operation is about."""
        return f"app.operate('{self.name}')"

    @property
    def location(self) -> Location:
        """Where its jobs are."""
        return self.operation.location

    @property
    def changes(self) -> bool:
        """Whether it changes anything. What does not is allowed in a read-only session."""
        return self.operation.changes


OPERATIONS = (
    OperatorAction("requeue", "r", "requeue",
                   "move the dead job back to its queue, with all its retries",
                   views=DEAD | {"jobs"}, operation=RequeueDead, reach=Reach.CHOSEN),
    OperatorAction("requeue_all", "R", "requeue all",
                   "move back all dead jobs that are shown, or those of the error group",
                   views=DEAD, operation=RequeueDead, reach=Reach.MATCHING),
    OperatorAction("purge", "d,delete", "purge", "move the dead job to the trash",
                   views=DEAD, operation=PurgeDead, reach=Reach.CHOSEN),
    OperatorAction("purge_all", "D", "purge all",
                   "move all dead jobs that are shown, or those of the error group, to the trash",
                   views=DEAD, operation=PurgeDead, reach=Reach.MATCHING),
    OperatorAction("requeue_trusted", "T", "trust and requeue",
                   "sign what is unsigned or signed by another key, and requeue it",
                   views=DEAD, operation=TrustDead, reach=Reach.CHOSEN),
    OperatorAction("canary", "C", "canary",
                   "requeue a few first, and the rest only if they do not fail as before",
                   views=DEAD, operation=CanaryRequeue, reach=Reach.SHOWN),
    OperatorAction("export", "E", "export",
                   "write dead jobs to a file, from which they can be imported",
                   views=DEAD, operation=ExportDead, reach=Reach.SHOWN),
    OperatorAction("cancel_pending", "d,delete", "cancel", "take the job out of its queue",
                   views=PENDING, operation=CancelPending, reach=Reach.CHOSEN),
    OperatorAction("move_front", "f", "to the front",
                   "make the job the next that a worker takes",
                   views=PENDING, operation=MoveToFront, reach=Reach.CHOSEN),
    OperatorAction("move", "M", "move", "put the job into another queue",
                   views=PENDING, operation=MovePending, reach=Reach.CHOSEN),
    OperatorAction("cancel_delayed", "d,delete", "cancel",
                   "take the job out before it is due",
                   views=DELAYED, operation=CancelDelayed, reach=Reach.CHOSEN),
    OperatorAction("cancel_running", "d,delete", "cancel",
                   "ask the running job to stop; its process is ended if it does not",
                   views=frozenset({"jobs", "workers"}), operation=StopRunningJobs, reach=Reach.CHOSEN),
    OperatorAction("promote", "r", "promote", "put the job into its queue now",
                   views=DELAYED, operation=PromoteDelayed, reach=Reach.CHOSEN),
    OperatorAction("cancel_matching_pending", "D", "cancel all",
                   "take out all jobs that the filter found",
                   views=PENDING, operation=CancelPending, reach=Reach.MATCHING, footer=False),
    OperatorAction("cancel_matching_delayed", "D", "cancel all",
                   "take out all delayed jobs that are shown",
                   views=DELAYED, operation=CancelDelayed, reach=Reach.MATCHING, footer=False),
    OperatorAction("promote_matching", "R", "promote all",
                   "put all delayed jobs that are shown into their queues",
                   views=DELAYED, operation=PromoteDelayed, reach=Reach.MATCHING, footer=False),
    OperatorAction("pause", "P", "pause",
                   "no worker takes jobs from the queue until it is resumed, or for a time",
                   views=QUEUES, operation=PauseQueue, reach=Reach.QUEUE),
    OperatorAction("resume", "P", "resume", "workers take jobs from the queue again",
                   views=QUEUES, operation=ResumeQueue, reach=Reach.QUEUE),
    OperatorAction("purge_queue", "D", "purge queue",
                   "move all pending jobs of the queue to the trash",
                   views=QUEUES, operation=PurgeQueue, reach=Reach.QUEUE, footer=False),
    OperatorAction("quiet", "P", "quiet", "the worker takes no new jobs; running jobs finish",
                   views=WORKERS, operation=QuietWorker, reach=Reach.WORKER),
    OperatorAction("resume_worker", "P", "resume", "the quiet worker takes new jobs again",
                   views=WORKERS, operation=ResumeWorker, reach=Reach.WORKER),
    OperatorAction("stop", "S", "stop",
                   "the worker waits up to its stop timeout for running jobs, returns the rest, exits",
                   views=WORKERS, operation=StopWorker, reach=Reach.WORKER),
    OperatorAction("note", "n", "note",
                   "write a note on the job, queue or error group, or change or remove it",
                   views=QUEUES | DEAD | DELAYED | {"jobs"}, operation=EditNote,
                   reach=Reach.SUBJECT, footer=False),
    OperatorAction("restore", "z", "undo", "restore what an operation moved to the trash",
                   views=LISTS, operation=RestoreTrash, reach=Reach.OPERATION),
    OperatorAction("empty", "d,delete", "delete trash",
                   "delete what the operation moved to the trash",
                   views=ACTIVITY, operation=EmptyTrash, reach=Reach.TRASH),
    OperatorAction("empty_all", "D", "empty trash",
                   "delete the trash of all operations that are listed",
                   views=ACTIVITY, operation=EmptyTrash, reach=Reach.LISTED_TRASH),
)  # fmt: skip
"""What has a key, in the order of the footer."""

EDIT = OperatorAction(
    "edit_requeue", "", "edit and requeue", "requeue the dead job with other arguments",
    operation=EditDead, reach=Reach.CHOSEN, footer=False,
)  # fmt: skip
"""Follows the editor, so it has no key of its own."""

BY_NAME: dict[str, OperatorAction] = {action.name: action for action in OPERATIONS}

ALL: tuple[Action, ...] = (
    *GLOBAL, *WHY, *STACK, *REASONS, *PLOT_RANGES, *READS, *MEASURES, *COMPARING, *SORTS, *FINDING,
    *OVERVIEW_FINDING, *NARROWING, *GROUPING, *COMPOSITION, *COMPOSING, *FOLDING, *MOVES, *MARKS,
    *QUEUE_TURNS, *EDITING,
    *PAGE, *COPIES, *OPERATIONS, *RELATED, *TASK_RANGES, *OF_TASK,
    *PENDING_OF_TASK,
)  # fmt: skip


def operations_of(view: str) -> list[Binding]:
    """The bindings of the operations of a view; all go through ``ConsoleApp.action_operate``."""
    return [action.binding for action in OPERATIONS if view in action.views]
