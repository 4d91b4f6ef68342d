"""What an operator can change in Redis, declared once: each action with its CLI twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding

from asok_console.tui import twins
from asok_console.tui.actions import (
    COPIES,
    EDITING,
    GLOBAL,
    GROUPING,
    LISTS,
    MARKS,
    MOVES,
    NARROWING,
    QUEUE_TURNS,
    STRETCHES,
    Action,
    Danger,
    OperatorAction,
    Reach,
)
from asok_core.backends.roles import CommandResult, Operator
from asok_core.states import Place

if TYPE_CHECKING:
    from asok_console.tui.plan import Plan


def _edit(operator: Operator, plan: Plan) -> CommandResult:
    (key,) = plan.scope.ids or ("",)
    args, kwargs = plan.changes or ([], {})
    return operator.edit(key, args, kwargs)


_UNDO = "It goes to the trash and can be restored for 10 minutes."

OPERATIONS = (
    OperatorAction(
        "requeue", "r", "requeue", "put the dead letter back into its queue, with all its retries",
        "Act", frozenset({"dead", "jobs"}), footer=True,
        perform=lambda op, plan, watch: op.requeue(plan.scope, watch=watch),
        place=Place.DEAD, reach=Reach.CHOSEN, danger=Danger.MILD, done="requeued", word="requeue",
        twin=twins.dead_letters("requeue"),
    ),
    OperatorAction(
        "requeue_all", "R", "requeue all", "put back all dead letters that are shown",
        "Act", frozenset({"dead"}), footer=True,
        perform=lambda op, plan, watch: op.requeue(plan.scope, watch=watch),
        place=Place.DEAD, reach=Reach.MATCHING, danger=Danger.MILD, done="requeued",
        word="requeue", twin=twins.dead_letters("requeue"),
    ),
    OperatorAction(
        "purge", "d,delete", "purge", "move the dead letter to the trash",
        "Act", frozenset({"dead"}), footer=True,
        perform=lambda op, plan, watch: op.purge(plan.scope, watch=watch),
        place=Place.DEAD, reach=Reach.CHOSEN, danger=Danger.GRAVE, done="purged", word="purge",
        twin=twins.dead_letters("purge"), aftermath=_UNDO,
    ),
    OperatorAction(
        "purge_all", "D", "purge all", "move all dead letters that are shown to the trash",
        "Act", frozenset({"dead"}), footer=True,
        perform=lambda op, plan, watch: op.purge(plan.scope, watch=watch),
        place=Place.DEAD, reach=Reach.MATCHING, danger=Danger.GRAVE, done="purged", word="purge",
        twin=twins.dead_letters("purge"), aftermath=_UNDO,
    ),
    OperatorAction(
        "requeue_trusted", "T", "trust and requeue",
        "sign what is unsigned or signed by another key, and requeue it",
        "Act", frozenset({"dead"}), footer=True,
        perform=lambda op, plan, watch: op.requeue(plan.scope, trust=True, watch=watch),
        place=Place.DEAD, reach=Reach.CHOSEN, danger=Danger.GRAVE, done="requeued", word="trust",
        twin=twins.dead_letters("requeue --trust"),
    ),
    OperatorAction(
        "cancel_pending", "d,delete", "cancel", "take the job out of its queue",
        "Act", frozenset({"pending"}), footer=True,
        perform=lambda op, plan, watch: op.cancel(plan.scope, watch=watch),
        place=Place.PENDING, reach=Reach.CHOSEN, danger=Danger.MILD, done="cancelled",
        word="cancel", twin=twins.cancel, aftermath=_UNDO,
    ),
    OperatorAction(
        "cancel_delayed", "d,delete", "cancel", "take the job out before it is due",
        "Act", frozenset({"delayed"}), footer=True,
        perform=lambda op, plan, watch: op.cancel(plan.scope, watch=watch),
        place=Place.DELAYED, reach=Reach.CHOSEN, danger=Danger.MILD, done="cancelled",
        word="cancel", twin=twins.cancel, aftermath=_UNDO,
    ),
    OperatorAction(
        "promote", "r", "run now", "put the job into its queue now",
        "Act", frozenset({"delayed"}), footer=True,
        perform=lambda op, plan, watch: op.promote(plan.scope, watch=watch),
        place=Place.DELAYED, reach=Reach.CHOSEN, danger=Danger.MILD, done="promoted",
        word="promote", twin=twins.promote,
    ),
    OperatorAction(
        "cancel_matching_pending", "D", "cancel all", "take out all jobs that the filter found",
        "Act", frozenset({"pending"}),
        perform=lambda op, plan, watch: op.cancel(plan.scope, watch=watch),
        place=Place.PENDING, reach=Reach.MATCHING, danger=Danger.GRAVE, done="cancelled",
        word="cancel", twin=twins.cancel, aftermath=_UNDO,
    ),
    OperatorAction(
        "cancel_matching_delayed", "D", "cancel all", "take out all delayed jobs that are shown",
        "Act", frozenset({"delayed"}),
        perform=lambda op, plan, watch: op.cancel(plan.scope, watch=watch),
        place=Place.DELAYED, reach=Reach.MATCHING, danger=Danger.GRAVE, done="cancelled",
        word="cancel", twin=twins.cancel, aftermath=_UNDO,
    ),
    OperatorAction(
        "promote_matching", "R", "run all now", "put all delayed jobs that are shown into their queues",
        "Act", frozenset({"delayed"}),
        perform=lambda op, plan, watch: op.promote(plan.scope, watch=watch),
        place=Place.DELAYED, reach=Reach.MATCHING, danger=Danger.MILD, done="promoted",
        word="promote", twin=twins.promote,
    ),
    OperatorAction(
        "pause", "P", "pause", "no worker takes jobs from the queue until it is resumed",
        "Act", frozenset({"overview", "pending"}), footer=True,
        perform=lambda op, plan, _watch: op.pause(plan.scope.queue or ""),
        place=Place.PENDING, reach=Reach.QUEUE, danger=Danger.MILD, done="paused", word="pause",
        twin=twins.queue("pause"),
    ),
    OperatorAction(
        "resume", "P", "resume", "workers take jobs from the queue again",
        "Act", frozenset({"overview", "pending"}), footer=True,
        perform=lambda op, plan, _watch: op.resume(plan.scope.queue or ""),
        place=Place.PENDING, reach=Reach.QUEUE, danger=Danger.MILD, done="resumed", word="resume",
        twin=twins.queue("resume"),
    ),
    OperatorAction(
        "purge_queue", "D", "purge queue", "move all that is pending in the queue to the trash",
        "Act", frozenset({"overview", "pending"}),
        perform=lambda op, plan, watch: op.purge(plan.scope, watch=watch),
        place=Place.PENDING, reach=Reach.QUEUE, danger=Danger.GRAVE, done="purged", word="purge",
        twin=twins.queue("purge"), aftermath=_UNDO,
    ),
    OperatorAction(
        "restore", "z", "undo", "put back what an action moved to the trash",
        "Act", LISTS, footer=True,
        perform=lambda op, plan, watch: op.restore(plan.operation, watch=watch),
        place=Place.TRASH, reach=Reach.OPERATION, danger=Danger.MILD, done="restored",
        word="restore", twin=twins.restore,
    ),
)  # fmt: skip
"""What changes something in Redis."""

EDIT = OperatorAction(
    "edit_requeue", "", "edit and requeue", "requeue the dead letter with other arguments", "Act",
    perform=lambda op, plan, _watch: _edit(op, plan),
    place=Place.DEAD, reach=Reach.CHOSEN, danger=Danger.MILD, done="requeued", word="requeue",
    twin=twins.edit, aftermath="The original goes to the trash and can be restored for 10 minutes.",
)  # fmt: skip
"""Follows the editor, so it has no key of its own."""

BY_NAME: dict[str, OperatorAction] = {action.name: action for action in OPERATIONS}

ALL: tuple[Action, ...] = (
    *GLOBAL, *STRETCHES, *NARROWING, *GROUPING, *MOVES, *MARKS, *QUEUE_TURNS, *COPIES, *EDITING,
    *OPERATIONS,
)  # fmt: skip


def operations_of(view: str) -> list[Binding]:
    """The bindings of the operator's actions of a view; all go through ``action_operate``."""
    return [
        Binding(a.keys, f"operate('{a.name}')", a.label, show=a.footer, tooltip=a.help)
        for a in OPERATIONS
        if view in a.views
    ]
