"""Held: the holds and the limits that jobs wait for, and of each the jobs that it keeps from starting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from asok_console.presentation.text import safe
from asok_console.tui.keys import actions, operations
from asok_console.tui.keys.actions import KeyScope
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.shared.hold_table import HoldList, lines_of, waiting_of
from asok_console.tui.views.shared.job_columns import WAITING_COLUMNS
from asok_console.tui.views.shared.job_list import JobListView
from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Reader, Scope
from asok_core.inspection.holds import HoldState
from asok_core.inspection.limits import LimitBucket, LimitRule, subject_of
from asok_core.inspection.phrases import counted
from asok_core.inspection.rows import Page
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.limits import BUCKET
from asok_core.jobs.states import Location
from asok_core.operations.catalog.holds import ReleaseHold, RemoveHold

NO_HOLDS = "No holds. H in another list makes one: of a task, a queue or arguments."
_OF_JOBS = actions.methods((*actions.MARKS, *actions.NARROWING, *actions.COPIES))


class HeldView(JobListView):
    """The holds, oldest first. Enter lists the jobs of one; ``[`` and ``]`` turn to its other queues."""

    NAME = "held"
    LOCATION = Location.HELD
    COLUMNS = WAITING_COLUMNS
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.MARKS),
        *actions.bindings(actions.QUEUE_TURNS),
        *operations.operations_of("held"),
    ]

    opened: str | None = None
    """The hold whose jobs are listed; None: the holds are."""
    queue: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.holds = HoldList()
        self.rows.display = False

    def compose_body(self) -> ComposeResult:
        """The holds, and the jobs of one, hidden at first."""
        yield self.holds
        yield from super().compose_body()

    @property
    def shown_list(self) -> RowList[Any]:
        """The list that is shown."""
        return self.holds if self.opened is None else self.rows

    @property
    def hold(self) -> HoldState | None:
        """The hold that is opened, or that is under the cursor."""
        line, snapshot = self.holds.row, self.console.snapshot
        name = self.opened or (line.key if line is not None else None)
        if snapshot is None:
            return None
        found = chain(snapshot.holds, map(waiting_of, snapshot.buckets))
        return next((each for each in found if each.id == name), None)

    @property
    def limited(self) -> str:
        """What the jobs that are listed wait for, if that is a limit; else ''."""
        name, snapshot = self.opened or "", self.console.snapshot
        if not name.startswith(BUCKET) or snapshot is None:
            return ""
        found = (each for each in snapshot.buckets if each.id == name)
        return next(found, LimitBucket(name)).words(snapshot.limits)

    def focus_list(self) -> None:
        """The list that is shown."""
        self.shown_list.focus()

    def searched_location(self) -> str:
        """What a filter searches."""
        return f"held jobs of {safe(self.queue, 30)}" if self.queue else "held jobs"

    def scope_queue(self) -> str | None:
        """The list of held jobs that is shown, as a reader names it."""
        return None if self.opened is None else f"{self.opened}:{self.queue or ''}"

    def page(self, reader: Reader, snapshot: Snapshot) -> object:
        """Read the window of jobs, where jobs are listed."""
        return None if self.opened is None else super().page(reader, snapshot)

    def read(self, reader: Reader, snapshot: Snapshot, start: int, count: int) -> Page:  # noqa: ARG002
        """A window of the jobs that are shown."""
        name = self.scope_queue()
        return Page(0, 0) if name is None else reader.held(name, start, count)

    def show(self, snapshot: Snapshot, page: object = None) -> None:
        """List the holds, or the jobs of one."""
        if self.opened is None:
            problem = snapshot.holds_problem
            self.holds.set_empty_text(f"Holds cannot be read: {problem}." if problem else NO_HOLDS)
            self.holds.show_rows(lines_of(snapshot), snapshot.taken_at)
            self.refresh_heading()
            return
        if self.queue is None and self.hold is not None and self.hold.queues:
            # It kept no job before.
            self.queue = next(iter(self._queues()))
        super().show(snapshot, page)

    def nothing(self) -> str:
        """That this queue of the hold has no job; where others have some, how many."""
        hold, snapshot = self.hold, self.console.snapshot
        if self.search is not None or self._problem or self.opened is None or snapshot is None:
            return super().nothing()
        if self.limited and (hold is None or not hold.jobs):
            return "No job waits for this limit."
        if hold is None:
            # Without the rules, a hold that keeps no jobs is not seen.
            unknown = f"; whether it has ended is not known: {snapshot.holds_problem}"
            ended = unknown if snapshot.holds_problem else " and has ended"
            return f"Hold {self.opened} keeps no jobs{ended}."
        queues = self._queues()
        if not queues:
            return f"Hold {hold.id} keeps no jobs."
        if self.queue in queues or self.queue is None:
            # The jobs that were counted are being read.
            return ""
        others = f"queue '{queues[0]}'" if len(queues) == 1 else f"{len(queues)} other queues"
        kept = f"It keeps {counted(hold.jobs, 'job')} of {others}: ] shows them."
        return f"Hold {hold.id} keeps no jobs of queue '{self.queue}'. {kept}"

    def _queues(self) -> Sequence[str]:
        """The queues of the jobs of the hold."""
        return sorted(self.hold.queues) if self.hold is not None else ()

    @on(RowList.Opened)
    def _open_hold(self, event: RowList.Opened) -> None:
        line = self.holds.row
        if event.rows is self.holds and line is not None:
            event.prevent_default()
            self._turn_to(line.key, next(iter(sorted(line.state.queues)), None))

    def _turn_to(self, hold: str | None, queue: str | None) -> None:
        """List the jobs that a hold keeps of a queue; None: the holds."""
        if self.search is not None:
            self.clear_filter()
        self.opened, self.queue = hold, queue
        self.rows.clear_marks()
        self.rows.clear()
        for rows in self.query(RowList):
            rows.display = rows is self.shown_list
        self.focus_list()
        if hold is not None:
            self.rows.reload()
        if self.console.snapshot is not None:
            self.show(self.console.snapshot)
        self.screen.refresh_bindings()

    def _beside(self, by: int) -> str | None:
        names = list(self._queues()) if self.opened is not None else []
        at = names.index(self.queue) + by if self.queue in names else 0
        return names[at] if 0 <= at < len(names) and names[at] != self.queue else None

    def action_turn(self, by: int) -> None:
        """Turn to the next queue of the hold, or the one before."""
        name = self._beside(by)
        if name is not None:
            self._turn_to(self.opened, name)

    def go_back(self) -> bool:
        """Clear the filter, then the marks, then list the holds again."""
        if super().go_back():
            return True
        if self.opened is None:
            return False
        self._turn_to(None, None)
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A hold is not marked, copied or filtered."""
        if action == actions.NEXT_QUEUE.method:
            return self._beside(cast("int", parameters[0])) is not None
        if self.opened is None and action in _OF_JOBS:
            return False
        return super().check_action(action, parameters)

    def describe(self) -> Sequence[tuple[str, str]]:
        """How many there are, and what is known of the hold."""
        snapshot, hold = self.console.snapshot, self.hold
        rule = hold.hold if hold is not None else None
        about = rule.made(self.console.now) if rule is not None else ""
        if self.opened is None:
            line = self.holds.row
            enforced = line.enforced if line is not None else None
            unread = len(snapshot.unread_holds) if snapshot is not None else 0
            problem = snapshot.holds_problem if snapshot is not None else ""
            warning = line.warning if line is not None else ""
            return (
                ("Held jobs", "title"),
                *self._totals(),
                (f"⚠ {counted(unread, 'hold')} not readable" if unread else "", "warn"),
                (f"⚠ holds cannot be read: {problem}" if problem else "", "warn"),
                (f"⚠ {warning}" if warning else "", "warn"),
                (f"⚠ {enforced.words}" if enforced and not enforced.whole else "", "warn"),
                (f"{rule.id} {about}" if rule is not None and about else "", "dim"),
            )
        limited = self.limited
        position, queues = self.position(), self._queues()
        is_one = len(queues) > 1 and self.queue in queues
        beside = f", one of {len(queues)} queues" if is_one else ""
        return (
            (f"Jobs that wait for {limited}" if limited else f"Hold {self.opened}", "title"),
            (f"queue {self.queue}{beside}" if self.queue else "", ""),
            (f"job {position}" if position else "", ""),
            (self.marked(), "mark"),
            *self.searched(),
            ("" if hold is not None or limited or self._are_unread() else "it has ended", "warn"),
            (about, "dim"),
        )

    def _totals(self) -> Sequence[tuple[str, str]]:
        snapshot = self.console.snapshot
        if snapshot is None:
            return ()
        limits = f"{counted(len(snapshot.buckets), 'limit')} that jobs wait for"
        return (
            (counted(len(snapshot.holds), "hold"), ""),
            (limits if snapshot.buckets else "", ""),
            (counted(snapshot.held + snapshot.limited, "job"), ""),
        )

    def limit_subject(self) -> LimitRule | None:
        """What the limit is about that is under the cursor or opened; of another job, its task."""
        hold, snapshot = self.hold, self.console.snapshot
        name = self.opened or (hold.id if hold is not None else "")
        if not name.startswith(BUCKET) or snapshot is None:
            return super().limit_subject() if self.opened is not None else None
        found = (subject_of(each.identity) for each in snapshot.buckets if each.id == name)
        return next(found, None)

    def _are_unread(self) -> bool:
        snapshot = self.console.snapshot
        return snapshot is None or bool(snapshot.holds_problem)

    def plan(self, action: OperatorAction) -> OperationPlan | None:
        """Release or remove the hold under the cursor, or act on the jobs of the one that is opened."""
        if action.key_scope is not KeyScope.HOLD:
            plan = super().plan(action) if self.opened is not None else None
            # The jobs of a hold are those of one of its queues.
            return plan and replace(
                plan, scope=replace(plan.scope, queue=self.queue, hold=self.opened or "")
            )
        hold = self.hold if self.opened is None else None
        # A hold that keeps jobs is released, which returns them.
        if hold is None or hold.id.startswith(BUCKET):
            return None
        if bool(hold.jobs) is (action.operation is RemoveHold):
            return None
        rule = hold.hold
        lines = (f"jobs of {rule.words}", rule.made(self.console.now)) if rule else ()
        shown = tuple(filter(None, lines))
        scope = Scope(action.location)
        if action.operation is RemoveHold:
            return OperationPlan(RemoveHold(hold.id), scope, None, shown)
        return OperationPlan(ReleaseHold(hold.id), scope, hold.jobs, shown, queues=hold.queues)
