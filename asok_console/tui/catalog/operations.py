"""What an operator can change in Redis, declared once: each action with its CLI twin."""

from __future__ import annotations

from pathlib import Path

from textual.binding import Binding

from asok_console.tui.catalog import equivalents, fields
from asok_console.tui.catalog.actions import (
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
    PAGE,
    PLOT_RANGES,
    QUEUE_TURNS,
    READS,
    RELATED,
    SORTS,
    Action,
    Reach,
)
from asok_console.tui.catalog.plan import OperatorAction, Plan
from asok_core.backends.roles import CommandResult, Watch
from asok_core.inspection.audit import TRASH_KEPT
from asok_core.inspection.review import Reviewed
from asok_core.jobs.states import Location
from asok_core.operations.canary import Canary, CanaryResult
from asok_core.operations.catalog.entry import Access, Danger
from asok_core.operations.export import export_dead_jobs


def _edit(to: Access, plan: Plan) -> CommandResult:
    args, kwargs = plan.changes or ([], {})
    return to.operator.edit(plan.element, args, kwargs)


def _trust(to: Access, plan: Plan, watch: Watch) -> CommandResult:
    trust = plan.review.reviewed if plan.review is not None else Reviewed(())
    return to.operator.requeue(plan.scope, trust=trust, watch=watch)


def _canary(to: Access, plan: Plan, watch: Watch) -> CanaryResult:
    first, rate = int(plan.answers["first"]), float(plan.answers["rate"])
    return Canary(to.reader, to.operator, first=first, rate=rate).run(plan.scope, watch)


def _export(to: Access, plan: Plan, watch: Watch) -> CommandResult:
    path = Path(plan.answers["file"]).expanduser()
    return export_dead_jobs(to.reader, plan.scope, path, watch)


_UNDO = f"It goes to the trash and can be restored for {TRASH_KEPT}."

_NO_UNDO = "None: what is deleted from the trash cannot be restored."

OPERATIONS = (
    OperatorAction(
        "requeue", "r", "requeue", "put the dead letter back into its queue, with all its retries",
        "Act", frozenset({"dead", "jobs"}), footer=True,
        perform=lambda to, plan, watch: to.operator.requeue(plan.scope, watch=watch),
        location=Location.DEAD, reach=Reach.CHOSEN, danger=Danger.MILD, done="requeued",
        returns=True, word="requeue",
        equivalent=equivalents.dead_jobs("requeue"),
    ),
    OperatorAction(
        "requeue_all", "R", "requeue all", "put back all dead letters that are shown",
        "Act", frozenset({"dead"}), footer=True,
        perform=lambda to, plan, watch: to.operator.requeue(plan.scope, watch=watch),
        location=Location.DEAD, reach=Reach.MATCHING, danger=Danger.MILD, done="requeued",
        returns=True, word="requeue", equivalent=equivalents.dead_jobs("requeue"),
    ),
    OperatorAction(
        "purge", "d,delete", "purge", "move the dead letter to the trash",
        "Act", frozenset({"dead"}), footer=True,
        perform=lambda to, plan, watch: to.operator.purge(plan.scope, watch=watch),
        location=Location.DEAD, reach=Reach.CHOSEN, danger=Danger.GRAVE, done="purged", word="purge",
        equivalent=equivalents.dead_jobs("purge"), aftermath=_UNDO,
    ),
    OperatorAction(
        "purge_all", "D", "purge all", "move all dead letters that are shown to the trash",
        "Act", frozenset({"dead"}), footer=True,
        perform=lambda to, plan, watch: to.operator.purge(plan.scope, watch=watch),
        location=Location.DEAD, reach=Reach.MATCHING, danger=Danger.GRAVE, done="purged", word="purge",
        equivalent=equivalents.dead_jobs("purge"), aftermath=_UNDO,
    ),
    OperatorAction(
        "requeue_trusted", "T", "trust and requeue",
        "sign what is unsigned or signed by another key, and requeue it",
        "Act", frozenset({"dead"}), footer=True,
        perform=_trust,
        location=Location.DEAD, reach=Reach.CHOSEN, danger=Danger.GRAVE, done="requeued",
        returns=True, word="trust", reviews=True, question="Trust and requeue {noun}?",
        equivalent=equivalents.dead_jobs("requeue --trust"),
    ),
    OperatorAction(
        "canary", "C", "canary", "requeue a few first, and the rest only if they do not fail as before",
        "Act", frozenset({"dead"}), footer=True,
        perform=_canary,
        location=Location.DEAD, reach=Reach.SHOWN, danger=Danger.MILD, done="requeued",
        returns=True, word="requeue",
        equivalent=equivalents.canary, asks=fields.CANARY, question="Requeue {noun} with a canary?",
        note="{first} first, then {rate} a second; stops if the same error returns",
    ),
    OperatorAction(
        "export", "E", "export", "write dead letters to a file, from which they can be imported",
        "Act", frozenset({"dead"}), footer=True,
        perform=_export,
        location=Location.DEAD, reach=Reach.SHOWN, danger=Danger.MILD, done="exported",
        word="export", equivalent=equivalents.export, asks=fields.FILE, changes=False,
        outcome="{done} {what} to {file}",
    ),
    OperatorAction(
        "cancel_pending", "d,delete", "cancel", "take the job out of its queue",
        "Act", frozenset({"pending"}), footer=True,
        perform=lambda to, plan, watch: to.operator.cancel(plan.scope, watch=watch),
        location=Location.PENDING, reach=Reach.CHOSEN, danger=Danger.MILD, done="cancelled",
        word="cancel", equivalent=equivalents.cancel, aftermath=_UNDO,
    ),
    OperatorAction(
        "move_front", "f", "to the front", "let the job be the next that a worker takes",
        "Act", frozenset({"pending"}), footer=True,
        perform=lambda to, plan, watch: to.operator.move(plan.scope, front=True, watch=watch),
        location=Location.PENDING, reach=Reach.CHOSEN, danger=Danger.MILD, done="moved",
        guarded=True, word="move",
        equivalent=equivalents.move_front, question="Move {noun} to the front?",
    ),
    OperatorAction(
        "move", "M", "move", "put the job into another queue",
        "Act", frozenset({"pending"}), footer=True,
        perform=lambda to, plan, watch: to.operator.move(
            plan.scope, to=plan.answers["queue"], watch=watch
        ),
        location=Location.PENDING, reach=Reach.CHOSEN, danger=Danger.MILD, done="moved",
        returns=True, guarded=True, word="move", equivalent=equivalents.move, asks=fields.QUEUE,
        question="Move {noun} to queue '{queue}'?", outcome="{done} {what} to queue '{queue}'",
    ),
    OperatorAction(
        "cancel_delayed", "d,delete", "cancel", "take the job out before it is due",
        "Act", frozenset({"delayed"}), footer=True,
        perform=lambda to, plan, watch: to.operator.cancel(plan.scope, watch=watch),
        location=Location.DELAYED, reach=Reach.CHOSEN, danger=Danger.MILD, done="cancelled",
        word="cancel", equivalent=equivalents.cancel, aftermath=_UNDO,
    ),
    OperatorAction(
        "promote", "r", "run now", "put the job into its queue now",
        "Act", frozenset({"delayed"}), footer=True,
        perform=lambda to, plan, watch: to.operator.promote(plan.scope, watch=watch),
        location=Location.DELAYED, reach=Reach.CHOSEN, danger=Danger.MILD, done="promoted",
        returns=True, word="promote", equivalent=equivalents.promote, question="Run {noun} now?",
    ),
    OperatorAction(
        "cancel_matching_pending", "D", "cancel all", "take out all jobs that the filter found",
        "Act", frozenset({"pending"}),
        perform=lambda to, plan, watch: to.operator.cancel(plan.scope, watch=watch),
        location=Location.PENDING, reach=Reach.MATCHING, danger=Danger.GRAVE, done="cancelled",
        word="cancel", equivalent=equivalents.cancel, aftermath=_UNDO,
    ),
    OperatorAction(
        "cancel_matching_delayed", "D", "cancel all", "take out all delayed jobs that are shown",
        "Act", frozenset({"delayed"}),
        perform=lambda to, plan, watch: to.operator.cancel(plan.scope, watch=watch),
        location=Location.DELAYED, reach=Reach.MATCHING, danger=Danger.GRAVE, done="cancelled",
        word="cancel", equivalent=equivalents.cancel, aftermath=_UNDO,
    ),
    OperatorAction(
        "promote_matching", "R", "run all now", "put all delayed jobs that are shown into their queues",
        "Act", frozenset({"delayed"}),
        perform=lambda to, plan, watch: to.operator.promote(plan.scope, watch=watch),
        location=Location.DELAYED, reach=Reach.MATCHING, danger=Danger.MILD, done="promoted",
        returns=True, word="promote", equivalent=equivalents.promote, question="Run {noun} now?",
    ),
    OperatorAction(
        "pause", "P", "pause", "no worker takes jobs from the queue until it is resumed",
        "Act", frozenset({"overview", "pending"}), footer=True,
        perform=lambda to, plan, _watch: to.operator.pause(plan.scope.queue or ""),
        location=Location.PENDING, reach=Reach.QUEUE, danger=Danger.MILD, done="paused",
        guarded=True, word="pause",
        equivalent=equivalents.queue("pause"),
    ),
    OperatorAction(
        "resume", "P", "resume", "workers take jobs from the queue again",
        "Act", frozenset({"overview", "pending"}), footer=True,
        perform=lambda to, plan, _watch: to.operator.resume(plan.scope.queue or ""),
        location=Location.PENDING, reach=Reach.QUEUE, danger=Danger.MILD, done="resumed", word="resume",
        equivalent=equivalents.queue("resume"),
    ),
    OperatorAction(
        "purge_queue", "D", "purge queue", "move all that is pending in the queue to the trash",
        "Act", frozenset({"overview", "pending"}),
        perform=lambda to, plan, watch: to.operator.purge(plan.scope, watch=watch),
        location=Location.PENDING, reach=Reach.QUEUE, danger=Danger.GRAVE, done="purged", word="purge",
        equivalent=equivalents.queue("purge"), aftermath=_UNDO,
    ),
    OperatorAction(
        "quiet", "P", "quiet", "the worker takes no more jobs; what it runs goes on",
        "Act", frozenset({"workers"}), footer=True,
        perform=lambda to, plan, _watch: to.operator.quiet(plan.worker),
        location=Location.ACTIVE, reach=Reach.WORKER, danger=Danger.MILD, done="quieted",
        guarded=True, word="quiet", equivalent=equivalents.worker("quiet"),
        question="Let {noun} take no more jobs?",
        aftermath="P again lets it take jobs again.",
    ),
    OperatorAction(
        "resume_worker", "P", "resume", "the quiet worker takes jobs again",
        "Act", frozenset({"workers"}), footer=True,
        perform=lambda to, plan, _watch: to.operator.resume_worker(plan.worker),
        location=Location.ACTIVE, reach=Reach.WORKER, danger=Danger.MILD, done="resumed",
        word="resume", equivalent=equivalents.worker("resume"), question="Let {noun} take jobs again?",
    ),
    OperatorAction(
        "stop", "S", "stop", "the worker gives back what has not begun, ends what runs, and leaves",
        "Act", frozenset({"workers"}), footer=True,
        perform=lambda to, plan, _watch: to.operator.stop(plan.worker),
        location=Location.ACTIVE, reach=Reach.WORKER, danger=Danger.GRAVE, done="told",
        word="stop", equivalent=equivalents.worker("stop"), outcome="{done} {what} to stop",
        aftermath="None: it must be started again where it ran, if its supervisor does not.",
    ),
    OperatorAction(
        "restore", "z", "undo", "put back what an action moved to the trash",
        "Act", LISTS, footer=True,
        perform=lambda to, plan, watch: to.operator.restore(plan.operation, watch=watch),
        location=Location.TRASH, reach=Reach.OPERATION, danger=Danger.MILD, done="restored",
        returns=True, word="restore", equivalent=equivalents.restore,
    ),
    OperatorAction(
        "empty", "d,delete", "delete trash", "delete what the action moved to the trash",
        "Act", frozenset({"activity"}), footer=True,
        perform=lambda to, plan, watch: to.operator.empty_trash(
            sorted(plan.scope.ids or ()), watch=watch
        ),
        location=Location.TRASH, reach=Reach.TRASH, danger=Danger.GRAVE, done="deleted", word="empty",
        equivalent=equivalents.empty_trash, question="Delete {noun} from the trash for good?",
        outcome="{done} {what} from the trash", aftermath=_NO_UNDO,
    ),
    OperatorAction(
        "empty_all", "D", "empty trash", "delete the trash of all actions that are listed",
        "Act", frozenset({"activity"}), footer=True,
        perform=lambda to, plan, watch: to.operator.empty_trash(
            sorted(plan.scope.ids or ()), watch=watch
        ),
        location=Location.TRASH, reach=Reach.TRASH, danger=Danger.GRAVE, done="deleted", word="empty",
        equivalent=equivalents.empty_trash, question="Delete {noun} from the trash for good?",
        outcome="{done} {what} from the trash", aftermath=_NO_UNDO,
    ),
)  # fmt: skip
"""What changes something in Redis."""

EDIT = OperatorAction(
    "edit_requeue", "", "edit and requeue", "requeue the dead letter with other arguments", "Act",
    perform=lambda to, plan, _watch: _edit(to, plan),
    location=Location.DEAD, reach=Reach.CHOSEN, danger=Danger.MILD, done="requeued",
    returns=True, word="requeue",
    equivalent=equivalents.edit,
    aftermath=f"The original goes to the trash, and can take the place of the edited job for {TRASH_KEPT} "
    "as long as that is pending.",
)  # fmt: skip
"""Follows the editor, so it has no key of its own."""

BY_NAME: dict[str, OperatorAction] = {action.name: action for action in OPERATIONS}

ALL: tuple[Action, ...] = (
    *GLOBAL, *PLOT_RANGES, *READS, *MEASURES, *SORTS, *FINDING, *NARROWING, *GROUPING, *FOLDING,
    *MOVES, *MARKS, *QUEUE_TURNS, *EDITING, *PAGE, *COPIES, *OPERATIONS, *RELATED,
)  # fmt: skip


def operations_of(view: str) -> list[Binding]:
    """The bindings of the operator's actions of a view; all go through ``action_operate``."""
    return [
        Binding(a.keys, f"operate('{a.name}')", a.label, show=a.footer, tooltip=a.help)
        for a in OPERATIONS
        if view in a.views
    ]
