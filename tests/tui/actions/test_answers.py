"""Answers that an operation asks for: a wrong one is refused with its reason before it is confirmed."""

from __future__ import annotations

from pathlib import Path

import pytest

from asok_console.tui.plans.fields import answered, problem_of
from asok_console.tui.plans.plan import OperationPlan
from asok_core.backends.roles import Scope
from asok_core.inspection.notes import on_queue
from asok_core.jobs.states import Location
from asok_core.operations.catalog.dead_jobs import CanaryRequeue, ExportDead
from asok_core.operations.catalog.entry import CatalogOperation
from asok_core.operations.catalog.notes import EditNote
from asok_core.operations.catalog.switches import PauseQueue
from asok_core.operations.catalog.waiting_jobs import MovePending

HERE = Scope(Location.PENDING, "mail")
NO_NUMBER = "'x' is not a number"


def plan(operation: CatalogOperation, scope: Scope = HERE) -> OperationPlan:
    return OperationPlan(operation, scope, 3, choices=("mail", "high"))


@pytest.mark.parametrize(
    ("operation", "answers", "problem"),
    [
        (MovePending(""), {"to": "high"}, ""),
        (MovePending(""), {"to": "mail"}, "they are there already"),
        (MovePending(""), {"to": "low"}, "there is no queue 'low'"),
        (MovePending(""), {"to": ""}, "a queue needs a name"),
        (CanaryRequeue(), {"first": "10", "rate": "2.5"}, ""),
        (CanaryRequeue(), {"first": "10", "rate": "0.5"}, ""),
        (CanaryRequeue(), {"first": "x", "rate": "1"}, NO_NUMBER),
        (CanaryRequeue(), {"first": "1.5", "rate": "1"}, "'1.5' is not a whole number"),
        (CanaryRequeue(), {"first": "1001", "rate": "1"}, "it must be from 1 to 1,000"),
        (CanaryRequeue(), {"first": "10", "rate": "0"}, "it must be above 0 and at most 1,000,000"),
        (ExportDead(Path()), {"path": ""}, "a file needs a name"),
        (ExportDead(Path()), {"path": "-"}, "a file needs a name"),
        (ExportDead(Path()), {"path": "/none/there.jsonl"}, "there is no folder /none"),
        (ExportDead(Path()), {"path": __file__}, "it exists already, and is never overwritten"),
        (EditNote(on_queue("mail"), ""), {"text": ""}, "there is no note to remove"),
        (EditNote(on_queue("mail"), "old"), {"text": ""}, ""),
        (PauseQueue(), {"reason": "", "lasts": ""}, ""),
        (PauseQueue(), {"reason": "x", "lasts": "30m"}, ""),
        (PauseQueue(), {"reason": "", "lasts": "0"}, "a pause lasts longer than 0 s"),
        (
            PauseQueue(),
            {"reason": "", "lasts": "x"},
            "'x' is not a duration such as 90, 90s, 5m, 2h or 7d",
        ),
        (
            PauseQueue(),
            {"reason": "x" * 201, "lasts": ""},
            "the reason has 201 characters; at most 200 are kept",
        ),
    ],
)
def test_what_is_wrong_with_an_answer(
    operation: CatalogOperation, answers: dict[str, str], problem: str
) -> None:
    assert problem_of(plan(operation), answers) == problem


def test_valid_answers_become_fields_of_the_operation(tmp_path: Path) -> None:
    canary = answered(plan(CanaryRequeue()), {"first": "10", "rate": "2.5"}).operation
    assert canary == CanaryRequeue(first=10, rate=2.5)
    export = answered(plan(ExportDead(Path())), {"path": str(tmp_path / "x")}).operation
    assert export == ExportDead(tmp_path / "x")
    pause = answered(plan(PauseQueue()), {"reason": " bank  down ", "lasts": "30m"}).operation
    assert pause == PauseQueue("bank down", 1800.0)
    assert answered(plan(PauseQueue()), {"reason": "", "lasts": ""}).operation == PauseQueue()
