"""Workers: which are alive, how busy they are, and what each of their slots runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from asok_console.presentation.prose import listed, plural
from asok_console.tui.data.slots import SlotRow, SlotRows, in_use
from asok_console.tui.data.why import ExplainedSubject
from asok_console.tui.keys import actions, operations
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.shared.named import NamedView
from asok_console.tui.views.shared.running_jobs import has_stack, plan_to_cancel
from asok_console.tui.views.shared.worker_plans import consequences, plan_to_set
from asok_console.tui.views.shared.worker_table import (
    NONE,
    ORDERED,
    ORDERS,
    OVERRIDDEN,
    SORTED_BY,
    WorkerLine,
    WorkerList,
)
from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Scope
from asok_core.inspection.phrases import counted
from asok_core.inspection.rows import Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.workers import (
    STATE_NOT_KNOWN,
    WorkerInfo,
    release_sources,
    releases,
)
from asok_core.jobs.states import Location
from asok_core.operations.catalog.running_jobs import StopRunningJobs
from asok_core.operations.catalog.switches import (
    QuietWorker,
    ResumeWorker,
    SetWorkerShape,
    WorkerOperation,
)

NAMED = 2
"""Workers that the heading names; the others are counted."""


class WorkersView(NamedView):
    """A row a worker, and under it a row for each of its slots, which are always the same."""

    NAME = "workers"
    OF_FIGURES = True
    SHOWS_RUNNING = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.FINDING),
        *actions.bindings(actions.FOLDING),
        # A class that binds a key replaces what its bases bind it to.
        *actions.bindings((*actions.SORTS, *actions.STACK)),
        *operations.operations_of("workers"),
    ]
    ORDERS = tuple(ORDERS)
    SORTED_BY = SORTED_BY
    order = "name"
    folded = False
    """Whether the slots are left out."""
    _busy = 0
    """Slots that run a job."""
    _shown = 0
    """Workers that the filter lets through."""

    def __init__(self) -> None:
        super().__init__()
        self._slots = SlotRows()

    def compose_body(self) -> ComposeResult:
        """The list, and the line for a filter."""
        yield WorkerList()
        yield self.filter_bar()

    def show(self, snapshot: Snapshot, page: object = None) -> None:  # noqa: ARG002
        """List the workers and their slots."""
        self._slots.keep(snapshot.workers)
        slots = {worker.id: self._slots.of(worker) for worker in snapshot.workers}
        # Not every snapshot reads the jobs again, and all of them count: as many as the slots show.
        workers = [replace(each, running=in_use(slots[each.id])) for each in snapshot.workers]
        meant = [worker for worker in workers if self._is_meant(worker)]
        lines = [
            line
            for worker in sorted(meant, key=ORDERS[self.order])
            for line in (
                WorkerLine(worker, known=snapshot.knows_workers),
                *self._lines_of(worker, slots[worker.id]),
            )
        ]
        self._busy = sum(worker.running for worker in workers)
        self._shown = len(meant)
        rows = self.query_one(WorkerList)
        rows.empty = (
            f"None of {plural(len(snapshot.workers), 'worker')} matches. {self.way_out}."
            if snapshot.workers
            else NONE
        )
        rows.show_rows(lines, snapshot.taken_at)
        self.refresh_heading()

    def _lines_of(self, worker: WorkerInfo, slots: Sequence[SlotRow]) -> list[WorkerLine]:
        if self.folded:
            return []
        return [WorkerLine(worker, slot, slot.number == len(slots) - 1) for slot in slots]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to leave out slots only where there are workers. ``s`` sorts, or asks for a stack."""
        if action == actions.FOLD.method:
            return any(rows.total for rows in self.query(WorkerList))
        stack = action == actions.SHOW_STACK.method
        if (stack or action == actions.SORT.method) and self.query(WorkerList):
            on_job = has_stack(self.console, self._job)
            if on_job or stack:
                return on_job is stack
        return super().check_action(action, parameters)

    @property
    def _job(self) -> Row | None:
        """The job of the slot under the cursor."""
        line = self.query_one(WorkerList).row
        if line is None or line.job is None:
            return None
        held = line.job
        return Row(
            0, held.payload, Location.ACTIVE, held.queue, held.started_at, worker=held.process
        )

    def action_stack(self) -> None:
        """Show where the code of the job of the slot is."""
        if (row := self._job) is not None:
            self.console.show_stack(row)

    def subject(self) -> ExplainedSubject | None:
        """The job of the slot under the cursor, or the worker."""
        line = self.query_one(WorkerList).row
        if line is None:
            return None
        row = self._job
        if row is not None and row.payload.id:
            return ExplainedSubject("job", row.payload.id, row)
        return ExplainedSubject("worker", line.worker.id)

    def action_fold(self) -> None:
        """List the workers without their slots, or with them."""
        self.folded = not self.folded
        self.list_again()

    def _is_meant(self, worker: WorkerInfo) -> bool:
        texts = (worker.id, worker.host, worker.version, worker.release, worker.trouble or "")
        return self.is_meant(texts, worker.queues)

    def list_again(self) -> None:
        """Show the workers as they are filtered and sorted now."""
        if self.console.snapshot is not None:
            self.show(self.console.snapshot)

    def describe(self) -> Sequence[tuple[str, str]]:
        """How many, and how busy."""
        snapshot = self.console.snapshot
        if snapshot is None:
            return (("Workers", "title"),)
        slots = sum(w.concurrency for w in snapshot.workers)
        claimed = sum(w.claimed for w in snapshot.workers)
        states = Counter(map(snapshot.state_of, snapshot.workers))
        stalled, offline = states["stalled"], states["offline"]
        alive, unknown = len(snapshot.workers) - stalled - offline, states[STATE_NOT_KNOWN]
        quiet = sum(worker.quiet for worker in snapshot.workers)
        troubled = sum(bool(worker.trouble) for worker in snapshot.workers)
        return (
            ("Workers", "title"),
            *self.narrowed(self._shown, len(snapshot.workers)),
            (f"{unknown:,} in an unknown state", "warn") if unknown else (f"{alive:,} alive", ""),
            (f"{self._busy:,} of {slots:,} threads busy" if slots else "", "dim"),
            (f"{claimed:,} claimed" if claimed else "", "dim"),
            (f"❙❙ {quiet} quiet" if quiet else "", "warn"),
            (f"✗ {troubled} in trouble" if troubled else "", "bad"),
            *_overrides(snapshot.workers),
            (f"⚠ {stalled} stalled" if stalled else "", "bad"),
            (f"✗ {offline} offline" if offline else "", "bad"),
            *self._releases(snapshot),
            (self._refused_v1(snapshot), "warn"),
        )

    def _releases(self, snapshot: Snapshot) -> Sequence[tuple[str, str]]:
        """Which releases of the application run, where any worker reports one."""
        found = releases(snapshot.live_workers)
        if not any(found):
            return ()
        parts = [f"{number} on {name or 'not known'}" for name, number in found.items()]
        if len(found) == 1:
            name, source = next(iter(found)), release_sources(snapshot.live_workers)
            read_from = f" ({source[name]})" if source.get(name) else ""
            return ((f"release {name}{read_from}", "dim"),)
        return ((f"{len(found)} releases: {', '.join(parts)}", "warn"),)

    def _refused_v1(self, snapshot: Snapshot) -> str:
        """How many pending jobs are signed in version 1, where live workers do not run such jobs."""
        refusing = [each.id for each in snapshot.live_workers if each.accepts_v1 is False]
        check = self.console.state.key_check
        if not (refusing and check.pending_v1):
            return ""
        jobs = counted(check.pending, "pending job")
        workers = listed(refusing, NAMED, "worker")
        return f"⚠ {check.pending_v1} of {jobs} checked signed in v1, refused by {workers}"

    def plan(self, action: OperatorAction) -> OperationPlan | None:
        """What an action would do with the worker under the cursor, or with the job of its slot."""
        if action.operation is StopRunningJobs:
            return plan_to_cancel(self.console, self._job)
        line = self.query_one(WorkerList).row
        operation = action.operation
        if not issubclass(operation, WorkerOperation) or line is None:
            return None
        worker = line.worker
        if worker.is_stopping:
            return None
        is_quiet = worker.is_quieted
        if operation is SetWorkerShape:
            return plan_to_set(self.console, worker)
        if (operation is QuietWorker and is_quiet) or (operation is ResumeWorker and not is_quiet):
            return None
        return OperationPlan(
            operation(worker.id),
            Scope(action.location, words=f"worker:{worker.id}"),
            None,
            consequences(self.console.snapshot, worker),
        )

    @on(RowList.Opened)
    def _open(self) -> None:
        if (row := self._job) is not None:
            self.console.open_job(row)


def _overrides(workers: Sequence[WorkerInfo]) -> Sequence[tuple[str, str]]:
    """How many have another shape than the configured one, or are ordered another."""
    ordered = sum(worker.is_reshaping for worker in workers)
    others = sum(worker.in_force != worker.configured for worker in workers if worker.configured)
    return (
        (f"{ORDERED} {ordered} ordered, not in force yet" if ordered else "", "warn"),
        (f"{OVERRIDDEN} {others} not as configured" if others else "", "info"),
    )
