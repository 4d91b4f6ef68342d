"""The command line that does the same as an operation in the console."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import singledispatch

from asok_core.backends.roles import Scope
from asok_core.clock import DAY, HOUR, MINUTE, iso
from asok_core.inspection.command_lines import operands, option, shell_word
from asok_core.inspection.limits import LimitRule
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
    CancelPending,
    MovePending,
    MoveToFront,
    PromoteDelayed,
)

SPELLED_OUT = 3
"""Ids that are written out where a person reads the command."""


def abridged(operation: CatalogOperation, scope: Scope, most: int = SPELLED_OUT) -> str:
    """The command line as a person reads it: of many ids the first few, and how many more."""
    ids = sorted(scope.ids or ())
    more = len(ids) - most
    if more <= 0:
        return command_line(operation, scope)
    few = command_line(operation, replace(scope, ids=frozenset(ids[:most])))
    return f"{few}  … and {more:,} more"


@singledispatch
def command_line(operation: CatalogOperation, scope: Scope) -> str:
    """The whole command line."""
    raise NotImplementedError(type(operation).__name__)


@command_line.register
def _(_: RequeueDead, scope: Scope) -> str:
    return f"asok dlq requeue {_options(scope)}"


@command_line.register
def _(_: TrustDead, scope: Scope) -> str:
    return f"asok dlq requeue --trust {_options(scope)}"


@command_line.register
def _(operation: CanaryRequeue, scope: Scope) -> str:
    pace = f"--canary {operation.first} --rate {operation.rate:g}"
    return f"asok dlq requeue {_options(scope)} {pace}"


@command_line.register
def _(operation: EditDead, scope: Scope) -> str:
    args, kwargs = json.dumps(operation.args), json.dumps(operation.kwargs)
    changed = f"--args {shell_word(args)} --kwargs {shell_word(kwargs)}"
    return f"asok dlq requeue {_options(scope)} {changed}"


@command_line.register
def _(_: PurgeDead, scope: Scope) -> str:
    return f"asok dlq purge {_options(scope)}"


@command_line.register
def _(operation: ExportDead, scope: Scope) -> str:
    chosen = "" if scope.ids is None and not scope.words else f" {_options(scope)}"
    return f"asok dlq export{chosen} {operands(str(operation.path or '-'))}"


@command_line.register
def _(_: StopRunningJobs, scope: Scope) -> str:
    return f"asok job cancel {operands(*sorted(scope.ids or ()))}"


@command_line.register
def _(_: CancelPending, scope: Scope) -> str:
    delayed = " --state delayed" if scope.location is Location.DELAYED else ""
    return f"asok job cancel{_jobs(scope, where=delayed)}"


@command_line.register
def _(_: PromoteDelayed, scope: Scope) -> str:
    return f"asok job promote{_jobs(scope)}"


@command_line.register
def _(operation: MovePending, scope: Scope) -> str:
    return f"asok job move {option('--to', operation.to)}{_jobs(scope)}"


@command_line.register
def _(_: MoveToFront, scope: Scope) -> str:
    return f"asok job move --front{_jobs(scope)}"


@command_line.register
def _(operation: PauseQueue, scope: Scope) -> str:
    end = _end(operation.lasts, operation.ends, operation.reason)
    # Options come first: a name may begin with a dash.
    return f"asok queue pause{end} {operands(scope.queue or 'default')}"


@command_line.register
def _(operation: HoldJobs, _scope: Scope) -> str:
    hold = operation.hold
    rule = {"--task": hold.task, "--queue": hold.queue, "--release": hold.release}
    words = [option(name, value) for name, value in rule.items() if value]
    words += [option("--arg", each.typed) for each in hold.conditions]
    end = _end(operation.lasts, operation.ends, hold.reason)
    return f"asok hold add {' '.join(words)}{end}"


@command_line.register(ResumeQueue)
@command_line.register(PurgeQueue)
def _(operation: CatalogOperation, scope: Scope) -> str:
    return f"asok queue {operation.verb} {operands(scope.queue or 'default')}"


@command_line.register(QuietWorker)
@command_line.register(ResumeWorker)
@command_line.register(StopWorker)
def _(operation: QuietWorker | ResumeWorker | StopWorker, _scope: Scope) -> str:
    return f"asok worker {operation.verb} {operands(operation.worker)}"


@command_line.register
def _(operation: SetWorkerShape, _scope: Scope) -> str:
    words = ["--reset"] if operation.reset else []
    words += [option("--concurrency", str(operation.concurrency))] if operation.concurrency else []
    words += [option("--queues", ",".join(operation.queues))] if operation.queues else []
    return f"asok worker set {' '.join(words)} {operands(operation.worker)}"


@command_line.register
def _(operation: RestoreTrash, _scope: Scope) -> str:
    return f"asok trash restore {operands(operation.operation)}"


@command_line.register
def _(_: EmptyTrash, scope: Scope) -> str:
    return f"asok trash empty {operands(*sorted(scope.ids or ()))}"


@command_line.register
def _(operation: EditNote, _scope: Scope) -> str:
    about = option(f"--{operation.about.kind}", operation.about.name)
    return f"asok note write {about} {operands(operation.text)}"


@command_line.register
def _(operation: ReleaseHold, _scope: Scope) -> str:
    rate = f" --rate {operation.rate:g}" if operation.rate is not None else ""
    return f"asok hold release{rate} {operands(operation.hold)}"


@command_line.register
def _(operation: RemoveHold, _scope: Scope) -> str:
    return f"asok hold remove {operands(operation.hold)}"


@command_line.register
def _(operation: LimitJobs, _scope: Scope) -> str:
    rule = operation.rule
    why = f" {option('--reason', rule.reason)}" if rule.reason else ""
    return f"asok limit set {_limited(rule)}{why} {operands(rule.limit.text)}"


@command_line.register
def _(operation: RemoveLimit, _scope: Scope) -> str:
    return f"asok limit reset {_limited(operation.rule)}"


def _limited(rule: LimitRule) -> str:
    named = {
        "--task": rule.task,
        "--queue": rule.queue,
        "--key": rule.key.short if rule.key else "",
    }
    return " ".join(option(name, value) for name, value in named.items() if value)


def _end(lasts: float | None, ends: float | None, reason: str) -> str:
    """The options of a length, an end and a reason."""
    length = f" --for {_duration(lasts)}" if lasts is not None else ""
    until = f" {option('--until', iso(ends) or '')}" if ends is not None else ""
    why = f" {option('--reason', reason)}" if reason else ""
    return f"{length}{until}{why}"


def _duration(seconds: float) -> str:
    """The length of a pause or a hold as it can be typed."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if seconds % unit == 0:
            return f"{seconds / unit:.0f}{name}"
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def _jobs(scope: Scope, where: str = "") -> str:
    if scope.ids is not None:
        return f" {operands(*sorted(scope.ids))}"
    queue = f" {option('--queue', scope.queue)}" if scope.queue is not None else ""
    return f"{where}{queue} {_by_words(scope)}"


def _options(scope: Scope) -> str:
    if scope.ids is not None:
        return " ".join(option("--id", each) for each in sorted(scope.ids))
    return _by_words(scope)


def _by_words(scope: Scope) -> str:
    return option("--filter", scope.words) if scope.words else "--all"
