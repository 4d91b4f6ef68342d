"""Activity: what operators did, and what can still be undone."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from asok_console.tui.views.base import JobList, View
from asok_core.snapshot import Snapshot


class ActivityView(View):
    """The audit of operator actions, the newest first."""

    NAME = "activity"

    def compose_body(self) -> ComposeResult:
        """The list."""
        yield JobList((), empty="No operator has done anything yet.")

    def show(self, snapshot: Snapshot) -> None:
        """List the audit."""
        self.query_one(JobList).show_rows((), snapshot.taken_at)
        self.refresh_heading()

    def describe(self) -> Sequence[tuple[str, str]]:
        """The name."""
        return (("What operators did", "title"),)
