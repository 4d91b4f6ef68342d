"""What can be done with a queue as a whole, for every view that shows one."""

from __future__ import annotations

from asok_console.tui.data.alerts import stale
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.host import Host
from asok_core.backends.roles import Scope
from asok_core.inspection.filters import word
from asok_core.inspection.pauses import pause_words
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.states import Status
from asok_core.operations.catalog.switches import PauseQueue, PurgeQueue


def show_related(console: Host, view: str, queue: str | None) -> None:
    """Turn to what belongs to a queue in another view; of no queue, to all of it."""
    running = f" status:{Status.RUNNING}" if view == "jobs" else ""
    console.visit(view, "" if queue is None else word("queue", queue) + running)


def plan_for_queue(
    action: OperatorAction, queue: QueueStats, snapshot: Snapshot | None
) -> OperationPlan | None:
    """A plan to pause, resume or purge a queue, or None where that changes nothing."""
    before = snapshot.taken_at if snapshot else None
    scope = Scope(action.location, queue=queue.name, before=before)
    if action.operation is not PurgeQueue:
        if queue.paused == (action.operation is PauseQueue):
            return None
        served = _served(queue, snapshot)
        waiting = f"{queue.pending:,} pending, {queue.running:,} running; {served}"
        current = snapshot is not None and snapshot.knows_workers
        words = pause_words(queue.pause, before, current=current)
        paused = (f"paused{words}",) if queue.paused else ()
        return OperationPlan(action.operation(), scope, None, (waiting, *paused))
    if not queue.pending:
        return None
    scope = Scope(action.location, queue=queue.name, before=before, limit=queue.pending)
    return OperationPlan(action.operation(), scope, queue.pending)


def _served(queue: QueueStats, snapshot: Snapshot | None) -> str:
    number = queue.consumers
    line = f"{number} worker{' serves' if number == 1 else 's serve'} it"
    if snapshot is None:
        return line
    now = snapshot.taken_at
    serving = [
        worker for worker in snapshot.workers if queue.name in worker.queues and worker.claims(now)
    ]
    if not snapshot.knows_workers:
        return f"{line}, as this replica has it"
    stalled = sum(stale(worker, now) for worker in serving)
    return f"{line} ({stalled} without a heartbeat)" if stalled else line


def queue_names(snapshot: Snapshot | None) -> tuple[str, ...]:
    """The queues that there are, and those that a worker serves."""
    if snapshot is None:
        return ()
    served = {name for worker in snapshot.workers for name in worker.queues}
    return tuple(sorted({*served, *(queue.name for queue in snapshot.queues)}))
