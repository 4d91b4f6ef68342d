"""Why a job, a queue or a worker is as it is: the reasons of ``asok explain``, live."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from asok_console.presentation.explanation import command_of, lines_of, title_of
from asok_console.presentation.fitting import wrap_cells
from asok_console.presentation.text import safe
from asok_console.tui.data.why import ExplainedSubject
from asok_console.tui.keys import actions
from asok_console.tui.screens.scrolled_page import ScrolledPage
from asok_console.tui.widgets.bars import Header
from asok_console.tui.widgets.caption import Caption
from asok_console.tui.widgets.key_bar import KeyBar
from asok_console.tui.widgets.status_line import StatusLine
from asok_core.backends.roles import Reader
from asok_core.inspection.reason import Reason
from asok_core.inspection.snapshot import Snapshot
from asok_core.operations.explain import DatedExplanation


class WhyScreen(ScrolledPage):
    """The reasons in the order in which they count. One is chosen: its command is what is copied."""

    ACTIONS: ClassVar[tuple[actions.Action, ...]] = (
        *actions.REASONS,
        *actions.READING,
        *actions.GLOBAL,
    )
    """What its help explains."""
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.REASONS),
        *actions.bindings(actions.READING),
    ]

    def __init__(self, subject: ExplainedSubject) -> None:
        super().__init__()
        self.subject = subject
        self._found: DatedExplanation | None = None
        self._chosen = 1

    def compose(self) -> ComposeResult:
        """What is explained and how it is, then the reasons."""
        yield Header(self.console.status)
        yield Caption(id="title")
        with VerticalScroll():
            yield Caption(id="reasons")
        yield StatusLine(self.console.status)
        yield KeyBar(self.console.status)

    def on_mount(self) -> None:
        """Read it at once, since the next snapshot may be a while away."""
        self.query_one(VerticalScroll).focus()
        subject = self.subject
        self.query_one("#title", Caption).write(
            Content.styled(f"{safe(subject.title, 120)}: reading …", "$tone-title")
        )
        snapshot = self.console.snapshot
        if snapshot is not None:
            self._ask(snapshot)

    def on_resize(self) -> None:
        """Break the lines at the width that there is."""
        self._rewrite()

    def page(self, reader: Reader, snapshot: Snapshot) -> object:
        """Explain it again. Runs on the poller's thread."""
        session = self.console.session
        return self.subject.read(
            reader,
            snapshot,
            operator=session.operator,
            namespace=session.namespace,
            target=session.target,
        )

    def show(self, snapshot: Snapshot, page: object = None) -> None:
        """Show what was read with the snapshot, or request it where nothing was."""
        if page is None:
            self._ask(snapshot)
        else:
            self._take(page)

    def _ask(self, snapshot: Snapshot) -> None:
        self.console.poller.ask("why", lambda reader: self.page(reader, snapshot), self._take)

    def _take(self, answer: object) -> None:
        if isinstance(answer, DatedExplanation) and self.is_attached:
            self._found = answer
            self._chosen = min(self._chosen, max(len(answer.explanation.reasons), 1))
            self._rewrite()
            self.refresh_bindings()

    def _rewrite(self) -> None:
        if self._found is None or not self.is_mounted:
            return
        self.query_one("#title", Caption).write(
            Content.styled(_wrapped(title_of(self._found), self._room), "bold $tone-title")
        )
        self.query_one("#reasons", Caption).write(self._reasons(self._found))

    @property
    def _room(self) -> int:
        return max(self.size.width - 6, 20)

    def _reasons(self, found: DatedExplanation) -> Content:
        lines = []
        for line in lines_of(found):
            if line.number > 1:
                lines.append(Content(""))
            chosen = bool(line.number) and line.number == self._chosen
            lead = ("▸ " if chosen else "  ") if line.number else " " * line.indent
            indent = " " * (len(lead) + (len("1. ") if line.number else 0))
            text = _wrapped(line.text, self._room - len(lead), indent[len(lead) :], lead)
            style = f"$tone-{line.tone}" if line.tone else ""
            lines.append(
                Content.assemble(
                    (lead, "bold $primary"), (text, f"bold {style}" if line.number else style)
                )
            )
        return Content("\n").join(lines)

    @property
    def reason(self) -> Reason | None:
        """The reason that is chosen."""
        reasons = self._found.explanation.reasons if self._found else ()
        return reasons[self._chosen - 1] if len(reasons) >= self._chosen else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to copy only a command, and to choose only among several reasons."""
        if action == actions.COPY_COMMAND.method:
            return self.reason is not None and bool(command_of(self.reason))
        if action == actions.NEXT_REASON.method:
            return self._found is not None and len(self._found.explanation.reasons) > 1
        return super().check_action(action, parameters)

    def action_choose_reason(self, by: int) -> None:
        """Choose the next reason, or the one before; it stops at the ends."""
        if self._found is not None:
            last = len(self._found.explanation.reasons)
            self._chosen = max(1, min(self._chosen + by, last))
            self._rewrite()
            self.refresh_bindings()

    def action_copy_command(self) -> None:
        """Copy the command that the chosen reason advises."""
        if self.reason is not None and (command := command_of(self.reason)):
            self.console.copy(command, "command")


def _wrapped(text: str, width: int, hanging: str = "", lead: str = "") -> str:
    """The text in lines of ``width`` cells beside a ``lead``; all but the first are indented, too."""
    return f"\n{' ' * len(lead)}".join(wrap_cells(text, width, hanging=hanging))
