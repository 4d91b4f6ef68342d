"""Reads every dead job that an operation would sign, before its confirmation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from asok_console.presentation.text import safe
from asok_console.tui.data.reporting_thread import ReportingThread
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.screens.dialog import QuestionDialog
from asok_core.backends.roles import Progress, Reader
from asok_core.inspection.review import ReviewBuilder
from asok_core.operations.catalog.dead_jobs import TrustDead
from asok_core.operations.preview import preview


class ReviewDialog(QuestionDialog[OperationPlan]):
    """Returns the plan with its review, or None where it was closed or failed.

    Reads on a thread of its own, beside the poller: there may be a hundred thousand dead jobs.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "choose('no')", "back")]
    AUTO_FOCUS = "#no"

    @dataclass
    class Report(Message):
        """The progress; ``plan`` when all was read, ``error`` where it failed."""

        line: str = ""
        error: bool = False
        plan: OperationPlan | None = None

    def __init__(self, plan: OperationPlan, reader: Reader) -> None:
        super().__init__()
        self._plan = plan
        self._reader = reader
        self._reading = ReportingThread("asok-review", self.post_message, self._read, self._failed)

    def compose(self) -> ComposeResult:
        """Title, progress and the button that goes back."""
        with Vertical(id="question"):
            yield Static("Reading the jobs that would be signed …", id="title")
            yield Static("", id="progress")
            with Horizontal(id="buttons"):
                yield Button("Back", id="no", compact=True)

    def on_mount(self) -> None:
        """Begin to read."""
        self._reading.start()

    def on_unmount(self) -> None:
        """Stop reading."""
        self._reading.give_up()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Leave."""
        event.stop()
        self.dismiss(None)

    def action_choose(self, button: str) -> None:
        """Go back: there is no other button."""
        if button == "no":
            self.dismiss(None)

    @on(Report)
    def _show(self, event: Report) -> None:
        event.stop()
        if event.plan is not None:
            self.dismiss(event.plan)
            return
        tone = "$tone-bad" if event.error else "$tone-dim"
        self.query_one("#progress", Static).update(Content.styled(safe(event.line), tone))

    def _read(self) -> Report:
        plan, builder = self._plan, ReviewBuilder()
        counted = preview(self._reader, plan.scope, watch=self._watch, each=builder.add)
        review = builder.finish()
        done = replace(
            plan,
            operation=TrustDead(review.reviewed),
            review=review,
            count=counted.matching,
            queues=counted.queues,
        )
        return ReviewDialog.Report(plan=done)

    def _watch(self, progress: Progress) -> bool:
        line = f"{progress.scanned:,} of {progress.total:,} dead jobs read"
        self._reading.report(ReviewDialog.Report(line))
        return not self._reading.given_up

    @staticmethod
    def _failed(reason: str) -> Report:
        return ReviewDialog.Report(f"✗ {reason}", error=True)
