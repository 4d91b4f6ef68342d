"""What an operation on a worker would do: to its jobs and queues, and to its concurrency."""

from __future__ import annotations

from asok_console.presentation.compact import ago
from asok_console.tui.data.alerts import stale
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.plans.worker_shapes import ShapeSubject
from asok_console.tui.views.host import Host
from asok_console.tui.views.shared.worker_table import ordered_by
from asok_core.backends.roles import Scope
from asok_core.inspection.phrases import counted
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.workers import STATE_NOT_KNOWN, WorkerInfo
from asok_core.operations.catalog.switches import SetWorkerShape


def plan_to_set(console: Host, worker: WorkerInfo) -> OperationPlan | None:
    """Another concurrency or other queues of a worker; None where it would not carry that out."""
    snapshot, configured = console.snapshot, worker.configured
    if snapshot is None or configured is None:
        return None
    if snapshot.knows_workers and not worker.responds(snapshot.taken_at):
        return None
    subject = ShapeSubject(
        worker,
        configured,
        frozenset(_alone(snapshot, worker)),
        _serves(snapshot),
        None if snapshot.unread else frozenset(queue.name for queue in snapshot.queues),
        ordered_by(worker, snapshot.taken_at),
    )
    operation = SetWorkerShape(worker.id)
    scope = Scope(operation.location, words=f"worker:{worker.id}")
    return OperationPlan(operation, scope, None, subject.about, shape=subject)


def consequences(snapshot: Snapshot | None, worker: WorkerInfo) -> tuple[str, ...]:
    """Lines for a confirmation of what quiets, resumes or stops it."""
    lines = [f"it runs {counted(worker.running, 'job')} in {counted(worker.concurrency, 'thread')}"]
    if snapshot is None:
        return tuple(lines)
    if snapshot.state_of(worker) == STATE_NOT_KNOWN:
        lines.insert(0, "whether the worker lives is not known: this Redis is a replica")
    elif stale(worker, snapshot.taken_at):
        silence = ago(worker.beat_at, snapshot.taken_at)
        lines.insert(0, f"no heartbeat for {silence}: the worker may not receive this")
    if alone := _alone(snapshot, worker):
        lines.append(f"no other worker {_serves(snapshot)} {', '.join(alone)}")
    return tuple(lines)


def _alone(snapshot: Snapshot, worker: WorkerInfo) -> list[str]:
    """Queues that only this worker is seen to serve."""
    return [
        queue.name
        for queue in snapshot.queues
        if queue.name in worker.queues and queue.consumers <= 1
    ]


def _serves(snapshot: Snapshot) -> str:
    return "serves" if snapshot.knows_serving else "is known to serve"
