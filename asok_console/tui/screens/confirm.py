"""The confirmation of an operation: what, how many, where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from asok_console.presentation.reviews import refusals, review_lines, summary
from asok_console.presentation.text import safe
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.screens.dialog import QuestionDialog
from asok_console.tui.widgets.long_lines import LongLines
from asok_core.operations.catalog.confirmation import facts, is_grave

WIDEST_LINE = 300
AROUND_DIFF = 20
LEAST_DIFF = 5
"""Lines that the rest of a confirmation takes, and lines of a diff that are shown on any screen."""
SECOND_KEY = "Y"
"""Confirms, after a yes, what is about many jobs."""
FRAME = 4
"""Lines of the border and the padding."""
FEWEST_CALLS = 3
"""Lines of a list of calls at least, however low the terminal is."""
HANG = 12
"""Cells before a call: a long one continues below its beginning."""


class ConfirmationDialog(QuestionDialog[bool]):
    """Asks whether to carry out a plan. The focus is where Enter changes nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "answer(False)", "back"),
        Binding("c,C", "copy", show=False),
        Binding("pagedown,ctrl+f", "page(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding(SECOND_KEY, "confirm_large", show=False),
    ]
    AUTO_FOCUS = "#no"

    def __init__(
        self, plan: OperationPlan, *, target: str, protected: bool, hazards: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self._hazards = hazards
        self._armed = False
        self.plan = plan
        self._target = target
        self._protected = protected
        self._word = plan.word(protected=protected)
        self._nothing = plan.review is not None and not plan.review.requeues
        if self._nothing:
            self._word = None

    def compose(self) -> ComposeResult:
        """Lay out title, facts, the line for a typed confirmation, and buttons."""
        plan = self.plan
        grave = is_grave(plan.operation, plan.scope)
        with Vertical(id="question", classes="grave" if grave else "mild") as question:
            copies = "C" if self._word and self._word[0] == "c" else "c"
            scrolls = "PgDn PgUp scroll, " if plan.review is not None else ""
            question.border_subtitle = f"{scrolls}{copies} copies the command line"
            yield Static(Content(safe(plan.title, WIDEST_LINE)), id="title")
            if plan.review is not None:
                question.add_class("review")
                yield Static(Content(safe(summary(plan.review))), id="summary")
                yield LongLines(list(review_lines(plan.review)), hang=HANG, id="calls")
            for line in () if plan.review is not None else plan.lines:
                yield Static(Content(f"  {safe(line, WIDEST_LINE)}"), classes="example")
            yield from self._diff()
            refused = refusals(plan.review) if plan.review is not None else ()
            for line in filter(None, (plan.warning, *refused, *self._hazards)):
                yield Static(Content(safe(f"! {line}", WIDEST_LINE)), classes="warning")
            with Vertical(id="facts"):
                for name, value in self._facts():
                    with Horizontal(classes="fact"):
                        yield Static(name, classes="name")
                        yield Static(Content(safe(value)), classes="value")
            if self._word:
                yield Static(
                    Content.from_markup("Type [b]$word[/b] to confirm:", word=self._word), id="ask"
                )
                yield Input(id="word", compact=True, select_on_focus=False)
            if plan.large and not self._word:
                yield Static(f"{plan.count:,} jobs: y, then {SECOND_KEY}.", id="ask")
            with Horizontal(id="buttons"):
                yield Button("Back", id="no", compact=True)
                yield Button(
                    Content(safe(plan.button, 40)),
                    id="yes",
                    compact=True,
                    disabled=bool(self._word) or self._nothing,
                )

    def _diff(self) -> Iterator[Static]:
        lines = self.plan.diff
        # The rest of the dialog stays in sight.
        room = max(self.app.size.height - AROUND_DIFF, LEAST_DIFF)
        for line in lines[:room]:
            tone = {"-": "$tone-bad", "+": "$tone-good"}.get(line[:1], "$tone-dim")
            yield Static(Content.styled(safe(line, WIDEST_LINE), tone), classes="example diff")
        if len(lines) > room:
            more = f"… {len(lines) - room:,} more lines; Back shows all"
            yield Static(Content.styled(more, "$tone-dim"), classes="example")

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield "Redis", self._target + ("  PROTECTED" if self._protected else "")
        yield from facts(self.plan.operation, self.plan.scope)
        yield "Same as", self.plan.abridged()

    def on_mount(self) -> None:
        """Put the focus where nothing happens, before any key that was typed ahead."""
        self.set_focus(self.query_one("#no", Button))

    def on_resize(self) -> None:
        """Give the list of calls all lines that the rest does not need."""
        self.call_after_refresh(self._fit_calls)

    def _fit_calls(self) -> None:
        for calls in self.query(LongLines):
            parts = self.query_one("#question").children
            rest = sum(each.outer_size.height + each.styles.margin.height for each in parts)
            rest += FRAME - calls.outer_size.height
            calls.styles.max_height = max(FEWEST_CALLS, int(self.size.height * 0.96) - rest)

    def action_page(self, way: int) -> None:
        """Turn the list of calls by a page, wherever the focus is."""
        for calls in self.query(LongLines):
            calls.scroll_relative(y=way * calls.size.height, animate=False)

    def on_key(self, event: events.Key) -> None:
        """The word can be typed right away: its first character moves the focus to the line for it."""
        character = event.character
        if not self._word or character is None or not event.is_printable:
            return
        line = self.query_one("#word", Input)
        # A character that arrives here with the focus on the line was typed before it moved there.
        if character == self._word[0] or self.focused is line:
            event.stop()
            self.set_focus(line)
            line.insert_text_at_cursor(character)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Enable the other button once the word is complete."""
        self.query_one("#yes", Button).disabled = event.value.strip() != self._word

    def on_input_submitted(self) -> None:
        """Enter after the word moves on to the button; it takes one more to press it."""
        yes = self.query_one("#yes", Button)
        if not yes.disabled:
            yes.focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        event.stop()
        if event.button.id == "yes" and self.plan.large and not self._word:
            self._arm()
        else:
            self.action_answer(event.button.id == "yes")

    def _arm(self) -> None:
        # Another key than the first, so that one which repeats by itself confirms nothing.
        self._armed = True
        self.query_one("#ask", Static).update(
            Content.from_markup("Press [b]$key[/b] to confirm.", key=SECOND_KEY)
        )
        self.query_one("#yes", Button).disabled = True
        self.set_focus(self.query_one("#no", Button))

    def action_confirm_large(self) -> None:
        """The second key of what is about many jobs."""
        if self._armed:
            self.action_answer(True)

    def action_copy(self) -> None:
        """Copy the whole command line."""
        self.console.copy(self.plan.equivalent, "command line")

    def action_answer(self, yes: bool) -> None:
        """Close with the answer."""
        self.dismiss(yes)
