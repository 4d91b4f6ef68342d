"""The command line that a confirmation shows is one that the command line takes, and means the same."""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import replace
from typing import Any

import pytest

from asok_console.cli.parser import build_parser, with_default_words
from asok_console.tui.keys import operations
from asok_console.tui.keys.actions import KeyScope
from asok_console.tui.keys.operations import BY_NAME, EDIT, OPERATIONS, OperatorAction
from asok_console.tui.plans.fields import answered, fields_of
from asok_console.tui.plans.limit_subjects import LimitSubject
from asok_console.tui.plans.plan import OperationPlan
from asok_core.backends.roles import Scope
from asok_core.inspection import filters
from asok_core.inspection.holds import Hold
from asok_core.inspection.limits import LimitRule, Limits
from asok_core.inspection.notes import on_error, on_job
from asok_core.operations.catalog.dead_jobs import EditDead
from asok_core.operations.catalog.entry import CatalogOperation
from asok_core.operations.catalog.holds import HoldJobs, ReleaseHold, RemoveHold
from asok_core.operations.catalog.limits import LimitOperation
from asok_core.operations.catalog.notes import EditNote
from asok_core.operations.catalog.switches import PauseQueue, StopWorker, WorkerOperation
from asok_core.operations.catalog.trash import RestoreTrash
from asok_core.operations.catalog.waiting_jobs import CancelPending, MovePending

ODD = ("plain", "with space", "it's", '"quoted"', "-dashed", "--all", "$HOME;`x`", "ünïcode", "a=b")
ANSWERS = {
    "first": "10", "rate": "50", "to": "low", "path": "dead jobs.jsonl", "text": "it's known",
    "reason": "it's down", "lasts": "90m",
    "concurrency": "8", "queues": "high, it's",
    "task": "m:f", "queue": "low", "arguments": "0=7, name=\"a, b\"", "until": "2h",
    "limit": "4 at once", "key": "account_id",
}  # fmt: skip
LIMITED = LimitRule("m.f")
ARGUMENTS: tuple[list[Any], dict[str, Any]] = (["it's", -1], {"--all": None, "k": [1, {"a": "$"}]})


NAMED = (
    KeyScope.QUEUE,
    KeyScope.SUBJECT,
    KeyScope.RULE,
    KeyScope.LIMIT,
    KeyScope.HOLD,
    KeyScope.WORKER,
    KeyScope.LIVE_WORKER,
    KeyScope.OPERATION,
    KeyScope.TRASH,
    KeyScope.LISTED_TRASH,
)


def parsed(line: str) -> argparse.Namespace:
    program, *words = shlex.split(line)
    assert program == "asok"
    return build_parser().parse_args(with_default_words(words))


def plan(action: OperatorAction, **scope: Any) -> OperationPlan:
    if action.key_scope is KeyScope.QUEUE:
        scope.setdefault("queue", "high")
    limit = LimitSubject(LIMITED, Limits()) if action.key_scope is KeyScope.LIMIT else None
    made = OperationPlan(filled(action), Scope(action.location, **scope), 2, limit=limit)
    return answered(made, ANSWERS) if fields_of(made.operation) else made


def filled(action: OperatorAction) -> CatalogOperation:
    if action is EDIT:
        return EditDead(b"", *ARGUMENTS)
    operation = action.operation
    if issubclass(operation, WorkerOperation):
        return operation("web-1")
    if issubclass(operation, ReleaseHold | RemoveHold):
        return operation("4f2a1c")
    if issubclass(operation, LimitOperation):
        return operation(LIMITED)
    return RestoreTrash("4f2a") if operation is RestoreTrash else operation()


def scopes(action: OperatorAction) -> list[dict[str, Any]]:
    queue = {"queue": "high"} if action.operation is CancelPending else {}
    ids = {"ids": frozenset({"a", "b"})}
    if action is EDIT:
        return [{"ids": frozenset({"a"})}]
    if action.key_scope in (
        KeyScope.CHOSEN,
        KeyScope.TRASH,
        KeyScope.LISTED_TRASH,
    ):
        return [ids]
    everything = [queue, {**queue, "words": "error:Timeout queue:high"}]
    return [*everything, ids] if action.key_scope is KeyScope.SHOWN else everything


@pytest.mark.parametrize("action", [*OPERATIONS, EDIT], ids=lambda action: action.name)
def test_every_equivalent_command_is_a_command_line_with_the_same_scope(
    action: OperatorAction,
) -> None:
    for scope in scopes(action):
        args = parsed(plan(action, **scope).equivalent)
        assert callable(args.run)
        if action.key_scope in NAMED:
            continue
        assert set(getattr(args, "id", None) or ()) == scope.get("ids", set())
        assert (getattr(args, "filter", None) or "") == scope.get("words", "")
        everything = not scope.get("ids") and not scope.get("words")
        assert getattr(args, "all", everything) is everything
        if scope.get("queue"):
            assert args.queue == scope["queue"]


@pytest.mark.parametrize(
    ("name", "command", "reported"),
    [
        ("requeue", "dlq.requeue", {"trust": False, "canary": None}),
        ("requeue_trusted", "dlq.requeue", {"trust": True}),
        ("canary", "dlq.requeue", {"canary": "10", "rate": "50"}),
        ("export", "dlq.export", {"file": "dead jobs.jsonl", "format": "jsonl"}),
        ("purge_all", "dlq.purge", {}),
        ("cancel_pending", "job.cancel", {"state": "pending"}),
        ("cancel_matching_delayed", "job.cancel", {"state": "delayed"}),
        ("promote_matching", "job.promote", {}),
        ("move", "job.move", {"to": "low", "front": False}),
        ("move_front", "job.move", {"to": None, "front": True}),
        ("pause", "queue.pause", {"queue": "high", "reason": "it's down", "lasts": "90m"}),
        ("resume", "queue.resume", {"queue": "high"}),
        ("purge_queue", "queue.purge", {"queue": "high"}),
        ("quiet", "worker.quiet", {"worker": "web-1"}),
        ("resume_worker", "worker.resume", {"worker": "web-1"}),
        ("stop", "worker.stop", {"worker": "web-1"}),
        (
            "set_worker",
            "worker.set",
            {"worker": "web-1", "concurrency": "8", "queues": "high,it's", "reset": False},
        ),
        (
            "hold",
            "hold.add",
            {
                "task": "m.f",
                "queue": "low",
                "arg": ["0=7", 'name="a, b"'],
                "lasts": "2h",
                "reason": "it's down",
            },
        ),
        (
            "limit",
            "limit.set",
            {
                "task": "m.f",
                "queue": "",
                "key": "account_id",
                "limit": ["4 at once"],
                "reason": "it's down",
            },
        ),
        ("release", "hold.release", {"hold": ["4f2a1c"], "rate": "50", "all": False}),
        ("remove_hold", "hold.remove", {"hold": ["4f2a1c"], "all": False}),
        ("note", "note.write", {"queue": "default", "text": "it's known", "job": None}),
        ("restore", "trash.restore", {"operation": "4f2a"}),
        ("empty", "trash.empty", {"operation": ["a", "b"], "all": False}),
        ("empty_all", "trash.empty", {"operation": ["a", "b"], "all": False}),
    ],
)
def test_an_equivalent_command_runs_the_same_verb(
    name: str, command: str, reported: dict[str, Any]
) -> None:
    action = BY_NAME[name]
    args = parsed(plan(action, **scopes(action)[0]).equivalent)
    assert args.run.__module__ == f"asok_console.commands.{command}"
    assert {key: getattr(args, key) for key in reported} == reported


@pytest.mark.parametrize("odd", ODD)
def test_odd_names_ids_and_words_come_through(odd: str) -> None:
    ids = {"ids": frozenset({odd})}
    assert parsed(plan(BY_NAME["purge"], **ids).equivalent).id == [odd]
    assert parsed(plan(BY_NAME["promote"], **ids).equivalent).id == [odd]
    assert parsed(plan(BY_NAME["export"], **ids).equivalent).id == [odd]
    assert parsed(plan(BY_NAME["requeue_all"], words=odd).equivalent).filter == odd
    assert parsed(plan(BY_NAME["pause"], queue=odd).equivalent).queue == odd
    pause = replace(plan(BY_NAME["pause"]), operation=PauseQueue(odd, 0.25))
    assert (parsed(pause.equivalent).reason, parsed(pause.equivalent).lasts) == (odd, "0.25s")
    pause = replace(pause, operation=PauseQueue("", None, 1_700_000_000.5))
    assert parsed(pause.equivalent).until == "2023-11-14T22:13:20.500Z"
    assert (
        parsed(replace(plan(BY_NAME["stop"]), operation=StopWorker(odd)).equivalent).worker == odd
    )
    hold = replace(pause, operation=HoldJobs(Hold("", odd, odd, release=odd, reason=odd)))
    args = parsed(hold.equivalent)
    assert {args.task, args.queue, args.release, args.reason} == {odd}
    note = replace(plan(BY_NAME["note"]), operation=EditNote(on_job(odd), odd))
    assert (parsed(note.equivalent).job, parsed(note.equivalent).text) == (odd, odd)
    removed = replace(note, operation=EditNote(on_error(odd), ""))
    assert (parsed(removed.equivalent).error, parsed(removed.equivalent).text) == (odd, "")
    moved = replace(plan(BY_NAME["move"], **ids), operation=MovePending(odd))
    assert parsed(moved.equivalent).to == odd
    assert parsed(replace(moved, scope=replace(moved.scope, queue=odd)).equivalent).id == [odd]


def test_edited_arguments_are_the_same_json() -> None:
    args = parsed(plan(EDIT, ids=frozenset({"a"})).equivalent)
    assert (json.loads(args.args), json.loads(args.kwargs)) == ARGUMENTS


def test_many_ids_are_all_in_the_equivalent_command_and_abridged_for_the_eye() -> None:
    ids = frozenset(f"id-{n:03}" for n in range(100))
    purge = plan(BY_NAME["purge"], ids=ids)
    assert set(parsed(purge.equivalent).id) == ids
    assert purge.abridged() == ("asok dlq purge --id id-000 --id id-001 --id id-002  … and 97 more")


@pytest.mark.parametrize("error", ["KeyError: '…'", 'a "b" \\ c', "plain", "N of N: <path>"])
def test_an_error_group_is_a_filter_that_the_command_line_reads_back(error: str) -> None:
    words = filters.word("group", error)
    args = parsed(plan(BY_NAME["requeue_all"], words=words).equivalent)
    (found,) = filters.parse(args.filter).words
    assert (found.field, found.value) == ("group", error)


def test_no_action_is_without_a_way_to_be_shown() -> None:
    assert {action.name for action in OPERATIONS} == set(operations.BY_NAME)
    assert all(action.views and action.keys for action in OPERATIONS)
