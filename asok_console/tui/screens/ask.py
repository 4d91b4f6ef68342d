"""Ask for what an action wants to know: a queue's name, a number, a file."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Static

from asok_console.presentation.text import safe
from asok_console.tui.catalog import equivalents
from asok_console.tui.catalog.plan import Plan
from asok_console.tui.screens.dialog import Dialog

WIDEST_LINE = 300
MOST_CHOICES = 12


class Ask(Dialog[Plan]):
    """Takes the answers of a plan, checks them as they are typed, and gives back the whole plan."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "cancel"),
    ]
    CSS_PATH = "ask.tcss"

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def compose(self) -> ComposeResult:
        """Title, a line for each field, what is wrong, and the buttons."""
        plan = self._plan
        label = plan.action.label
        with Vertical(id="question"):
            yield Static(
                Content(safe(f"{label[0].upper()}{label[1:]}: {plan.noun}", WIDEST_LINE)),
                id="title",
            )
            for line in (*plan.examples, *([f"! {plan.warning}"] if plan.warning else [])):
                yield Static(Content(f"  {safe(line, WIDEST_LINE)}"), classes="example")
            suggester = SuggestFromList(plan.choices) if plan.choices else None
            for field in plan.action.asks:
                with Horizontal(classes="field"):
                    yield Static(Content(field.label), classes="label")
                    yield Input(field.default(), id=field.name, compact=True, suggester=suggester)
            if plan.choices:
                yield Static(Content(safe(_choices(plan), WIDEST_LINE)), id="choices")
            yield Static(id="verdict")
            yield Static(id="twin")
            with Horizontal(id="buttons"):
                yield Button("Cancel", id="no", compact=True)
                yield Button("Go on", id="yes", compact=True)

    def on_mount(self) -> None:
        """Begin with the first field."""
        self.set_focus(self.query(Input).first())
        self._check()

    def on_input_changed(self) -> None:
        """Check as it is typed."""
        self._check()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._go_on()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "yes":
            self._go_on()
        else:
            self.dismiss(None)

    def _go_on(self) -> None:
        if not self._problem():
            self.dismiss(self._answered())

    def _answered(self) -> Plan:
        answers = {
            field.name: self.query_one(f"#{field.name}", Input).value.strip()
            for field in self._plan.action.asks
        }
        return replace(self._plan, answers=answers)

    def _problem(self) -> str:
        plan = self._answered()
        problems = (field.check(plan.answers[field.name], plan) for field in plan.action.asks)
        return next((problem for problem in problems if problem), "")

    def _check(self) -> None:
        problem = self._problem()
        # Nothing is wrong yet where nothing was typed yet.
        reported = problem and all(self._answered().answers.values())
        self.query_one("#verdict", Static).update(
            Content.styled(safe(f"✗ {problem}", WIDEST_LINE), "$warning") if reported else ""
        )
        equivalent = self.query_one("#twin", Static)
        equivalent.update(
            Content.styled(safe(f"Same as  {equivalents.abridged(self._answered())}"), "$tone-dim")
        )
        # It keeps its lines, so that nothing jumps while an answer is typed.
        equivalent.visible = not problem
        self.query_one("#yes", Button).disabled = bool(problem)


def _choices(plan: Plan) -> str:
    others = [name for name in plan.choices if name != plan.scope.queue]
    more = f" and {len(others) - MOST_CHOICES} more" if len(others) > MOST_CHOICES else ""
    return "one of " + ", ".join(others[:MOST_CHOICES]) + more if others else "there is no other"
