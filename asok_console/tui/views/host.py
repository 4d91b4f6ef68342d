"""What views and screens use of the application.

They depend on this protocol and not on the application, which imports all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from asok_console.tui.data.activities import ActivityEntry
from asok_console.tui.data.poller import Poller
from asok_console.tui.data.scanner import LocationScan
from asok_console.tui.data.state import ConsoleState
from asok_console.tui.data.status import ConsoleStatus
from asok_console.tui.data.why import ExplainedSubject
from asok_console.tui.options import Session
from asok_console.tui.runtime.stray_keys import StrayKeyGuard
from asok_console.tui.widgets.row_list import RowList
from asok_core.inspection.rows import Page, Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.task_figures import TaskRange
from asok_core.jobs.envelope import Payload
from asok_core.jobs.states import Location


class Programs(Protocol):
    """Runs the programs of the operator in the terminal."""

    def page(self, text: str) -> None:
        """Show a text in ``$PAGER``."""

    def edit(self, text: str) -> str | None:
        """Return what was saved of a text in ``$EDITOR``; None where that failed."""

    def keep(self, text: str, line: str) -> None:
        """Write edited arguments that were not used to a file; warn with ``line`` and its path."""


class Host(Protocol):
    """The console, as far as a view or a screen uses it."""

    @property
    def session(self) -> Session:
        """What the console was opened with."""

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot that is shown; None before the first."""

    @property
    def now(self) -> float:
        """The time of that snapshot, by Redis's clock; NaN before the first."""

    @property
    def status(self) -> ConsoleStatus:
        """What the lines around the views show."""

    @property
    def state(self) -> ConsoleState:
        """What is known: alerts, the backlog of the last minutes, whether SECRET_KEY fits."""

    @property
    def programs(self) -> Programs:
        """The pager and the editor of the operator."""

    @property
    def poller(self) -> Poller:
        """The thread that reads from Redis."""

    @property
    def stray_keys(self) -> StrayKeyGuard:
        """What ignores keys that were typed for a dialog."""

    def scan(
        self,
        take: Callable[[Page], None],
        *,
        location: Location,
        queue: str | None = None,
        whole: bool = False,
    ) -> LocationScan:
        """Begin to read all jobs of a location."""

    def with_whole(self, row: Row, then: Callable[[Payload], object]) -> None:
        """Call ``then`` with the whole payload of a row."""

    def open_job(self, row: Row, among: RowList[Row] | None = None) -> None:
        """Open the page of a job."""

    def show_stack(self, row: Row) -> None:
        """Show where the code of a running job is."""

    def explain(self, subject: ExplainedSubject) -> None:
        """Show why a job, a queue or a worker is as it is."""

    def show_entry(
        self, entry: ActivityEntry, current: Callable[[ActivityEntry], ActivityEntry]
    ) -> None:
        """Open the page of an operation or an event, as ``current`` returns it from then on."""

    def show_pending(self, queue: str | None) -> None:
        """Show the pending jobs of a queue."""

    def visit(self, view: str, words: str, queue: str | None = None) -> None:
        """Show a view narrowed by a filter, from which Esc leads back. ``queue``: of pending jobs."""

    def show_task(self, name: str, span: TaskRange) -> None:
        """Open the page of a task."""

    def copy(self, text: str, what: str) -> None:
        """Copy a text to the clipboard of the terminal."""

    def warn(self, line: str) -> None:
        """Show a warning for a while."""

    def rewrite_bars(self) -> None:
        """Write the lines around the views."""
