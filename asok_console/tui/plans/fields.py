"""What operations ask for before they are confirmed, and which answers are valid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asok_console.presentation.text import safe
from asok_console.tui.plans import limit_subjects, worker_shapes
from asok_console.tui.plans.checks import (
    duration_problem,
    error_of,
    file_name,
    new_file_problem,
    number_problem,
)
from asok_console.tui.plans.plan import OperationPlan
from asok_core.inspection.hold_conditions import parse_conditions, typed_conditions
from asok_core.inspection.holds import Hold
from asok_core.inspection.holds import cleaned_reason as hold_reason
from asok_core.inspection.holds import length_problem as hold_length_problem
from asok_core.inspection.holds import problem_of as hold_problem
from asok_core.inspection.moments import PASSED, read_moment_to_come
from asok_core.inspection.notes import cleaned
from asok_core.inspection.pauses import cleaned_reason
from asok_core.operations.canary import FIRST, RATE
from asok_core.operations.catalog.dead_jobs import CanaryRequeue, ExportDead
from asok_core.operations.catalog.entry import CatalogOperation
from asok_core.operations.catalog.holds import HoldJobs, ReleaseHold
from asok_core.operations.catalog.limits import LimitJobs
from asok_core.operations.catalog.notes import EditNote
from asok_core.operations.catalog.switches import PauseQueue, SetWorkerShape
from asok_core.operations.catalog.waiting_jobs import MovePending
from asok_core.settings.durations import parse_duration

MOST_FIRST = 1000
FASTEST = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Field:
    """One answer that an operation needs: a queue's name, a number, a file.

    ``name`` is the operation's own field, ``parse`` makes its value of a valid answer.
    """

    name: str
    label: str
    check: Callable[[str, OperationPlan], str]
    """Why an answer is not valid, or an empty string."""
    parse: Callable[[str], Any] = str
    default: Callable[[OperationPlan], str] = lambda _plan: ""
    hint: str | Callable[[OperationPlan], str] = ""
    """What no answer means, shown in its place."""

    def hint_in(self, plan: OperationPlan) -> str:
        """The hint of a plan."""
        return self.hint if isinstance(self.hint, str) else self.hint(plan)


def fields_of(operation: CatalogOperation) -> tuple[Field, ...]:
    """What an operation asks for."""
    found = _FIELDS.get(type(operation), ())
    if isinstance(operation, LimitJobs) and operation.rule.queue:
        # The jobs of a queue have no argument in common.
        return tuple(each for each in found if each is not _ARGUMENT)
    return found


def problem_of(plan: OperationPlan, answers: Mapping[str, str]) -> str:
    """Why the answers are not valid, or an empty string."""
    return first_problem(plan, answers)[1]


def first_problem(plan: OperationPlan, answers: Mapping[str, str]) -> tuple[str, str]:
    """The name of the first answer that is not valid, and why; empty strings if all are.

    Without a name, what is wrong is not one answer but all of them together.
    """
    checked = (
        (each.name, each.check(answers[each.name], plan)) for each in fields_of(plan.operation)
    )
    found = next((found for found in checked if found[1]), ("", ""))
    if not found[1] and isinstance(plan.operation, HoldJobs):
        # Each may be empty, and not all of them.
        return "", hold_problem(_held(plan, answers).hold)
    if not found[1] and plan.shape is not None:
        return "", plan.shape.problem_of(answers)
    if not found[1] and plan.limit is not None:
        return "", plan.limit.problem_of(answers)
    return found


def answered(plan: OperationPlan, answers: Mapping[str, str]) -> OperationPlan:
    """The plan with valid answers."""
    if isinstance(plan.operation, HoldJobs):
        return replace(plan, operation=_held(plan, answers))
    if plan.shape is not None:
        operation, about, warning = plan.shape.change(answers)
        return replace(plan, operation=operation, about=about, warning=warning)
    if plan.limit is not None:
        change, about = plan.limit.change(answers)
        return replace(plan, operation=change, about=about)
    values = {each.name: each.parse(answers[each.name]) for each in fields_of(plan.operation)}
    # The operations that ask are dataclasses, by the names of whose fields the answers go.
    return replace(plan, operation=replace(plan.operation, **values))  # type: ignore[type-var]


def _held(plan: OperationPlan, answers: Mapping[str, str]) -> HoldJobs:
    lasts, ends = _end_of(answers["until"], plan)
    hold = Hold(
        "",
        task=answers["task"].replace(":", "."),
        queue=answers["queue"],
        conditions=parse_conditions(answers["arguments"]),
        reason=hold_reason(answers["reason"]),
    )
    return HoldJobs(hold, lasts, ends)


def _first(answer: str, _plan: OperationPlan) -> str:
    return number_problem(answer, MOST_FIRST, whole=True)


def _rate(answer: str, _plan: OperationPlan) -> str:
    return number_problem(answer, FASTEST, whole=False)


def _other_queue(answer: str, plan: OperationPlan) -> str:
    if answer == plan.scope.queue:
        return "they are there already"
    if answer in plan.choices:
        return ""
    return f"there is no queue {answer!r}" if answer else "a queue needs a name"


def _note(answer: str, plan: OperationPlan) -> str:
    operation = plan.operation
    if not answer and isinstance(operation, EditNote) and not operation.text:
        return "there is no note to remove"
    return error_of(cleaned, answer)


def _note_so_far(plan: OperationPlan) -> str:
    # What another operator wrote may be anything: what is edited is what is shown.
    return safe(plan.operation.text) if isinstance(plan.operation, EditNote) else ""


def _reason(answer: str, _plan: OperationPlan) -> str:
    return error_of(cleaned_reason, answer)


def _any(_answer: str, _plan: OperationPlan) -> str:
    return ""


def _conditions(answer: str, _plan: OperationPlan) -> str:
    return error_of(parse_conditions, answer)


def _hold_reason(answer: str, _plan: OperationPlan) -> str:
    return error_of(hold_reason, answer)


def _end_of(answer: str, plan: OperationPlan) -> tuple[float | None, float | None]:
    """The length or the end of a hold. Raises ValueError."""
    if not answer:
        return None, None
    try:
        return parse_duration(answer), None
    except ValueError:
        return None, read_moment_to_come(answer, plan.scope.before or 0.0)


def _until(answer: str, plan: OperationPlan) -> str:
    try:
        lasts, ends = _end_of(answer, plan)
    except ValueError as error:
        # The line has room for no more than the two that the dialog names.
        if str(error).endswith(PASSED):
            return str(error)
        return f"{answer!r} is not a time or a length of time, as in 18:00 or 2h"
    if ends is not None:
        lasts = ends - (plan.scope.before or 0.0)
    return "" if lasts is None else hold_length_problem(lasts)


def _rule(plan: OperationPlan) -> Hold:
    return plan.operation.hold if isinstance(plan.operation, HoldJobs) else Hold("")


_ARGUMENT = Field(
    "key",
    "Each value of",
    lambda answer, _plan: limit_subjects.key_problem(answer),
    default=lambda plan: plan.limit.key if plan.limit else "",
    hint="all jobs together; as in account_id",
)

_FIELDS: Mapping[type[CatalogOperation], tuple[Field, ...]] = {
    CanaryRequeue: (
        Field("first", "Requeue first", _first, int, lambda _plan: f"{FIRST}"),
        Field("rate", "Then jobs per second", _rate, float, lambda _plan: f"{RATE:g}"),
    ),
    ExportDead: (
        Field(
            "path",
            "File",
            lambda answer, _plan: new_file_problem(answer),
            Path,
            lambda _plan: file_name(),
        ),
    ),
    MovePending: (Field("to", "Queue", _other_queue),),
    PauseQueue: (
        Field("reason", "Reason", _reason, cleaned_reason, hint="none"),
        Field(
            "lasts",
            "Duration",
            lambda answer, _plan: duration_problem(answer),
            lambda text: parse_duration(text) if text else None,
            hint="no end; as in 30m or 2h",
        ),
    ),
    HoldJobs: (
        Field("task", "Task", _any, default=lambda plan: _rule(plan).task, hint="any"),
        Field("queue", "Queue", _any, default=lambda plan: _rule(plan).queue, hint="any"),
        Field(
            "arguments",
            "Arguments",
            _conditions,
            default=lambda plan: typed_conditions(_rule(plan).conditions),
            hint="any",
        ),
        Field("until", "End", _until, hint="no end; as in 18:00 or 2h"),
        Field("reason", "Reason", _hold_reason, hint="none"),
    ),
    ReleaseHold: (
        Field(
            "rate",
            "Jobs per second",
            lambda answer, plan: _rate(answer, plan) if answer else "",
            lambda text: float(text) if text else None,
            hint="all at once",
        ),
    ),
    LimitJobs: (
        Field(
            "limit",
            "Limit",
            lambda answer, _plan: limit_subjects.text_problem(answer),
            default=lambda plan: plan.limit.set_limit if plan.limit else "",
            hint="as declared; as in 4 at once, 100/minute",
        ),
        _ARGUMENT,
        Field(
            "reason",
            "Reason",
            _hold_reason,
            default=lambda plan: plan.limit.set_reason if plan.limit else "",
            hint="none",
        ),
    ),
    SetWorkerShape: (
        Field(
            "concurrency",
            "Threads per process",
            lambda answer, _plan: worker_shapes.threads_problem(answer),
            worker_shapes.parse_threads,
            lambda plan: plan.shape.threads if plan.shape else "",
            lambda plan: plan.shape.configured_threads if plan.shape else "",
        ),
        Field(
            "queues",
            "Queues, in order",
            lambda answer, _plan: worker_shapes.queues_problem(answer),
            worker_shapes.parse_queues,
            lambda plan: plan.shape.queues if plan.shape else "",
            lambda plan: plan.shape.configured_queues if plan.shape else "",
        ),
    ),
    EditNote: (Field("text", "Note", _note, default=_note_so_far),),
}
