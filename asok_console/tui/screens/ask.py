"""Ask for what an operation needs: a queue's name, a number, a file."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Static

from asok_console.presentation.text import safe
from asok_console.tui.catalog.fields import answered, fields_of, first_problem, problem_of
from asok_console.tui.catalog.plan import OperationPlan
from asok_console.tui.screens.dialog import QuestionDialog

WIDEST_LINE = 300
MOST_CHOICES = 12


class AnswersDialog(QuestionDialog[OperationPlan]):
    """Takes the answers of a plan, checks them as they are typed, and returns the whole plan."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "back"),
    ]

    def __init__(self, plan: OperationPlan) -> None:
        super().__init__()
        self._plan = plan

    def compose(self) -> ComposeResult:
        """Title, a line for each field, the problem, and the buttons."""
        plan = self._plan
        # No confirmation follows: the answer is a line of text, which needs room.
        last = plan.operation.changes and not plan.operation.confirms
        with Vertical(id="question", classes="line" if last else ""):
            yield Static(Content(safe(plan.phrase, WIDEST_LINE)), id="title")
            for line in (*plan.examples, *([f"! {plan.warning}"] if plan.warning else [])):
                yield Static(Content(f"  {safe(line, WIDEST_LINE)}"), classes="example")
            suggester = SuggestFromList(plan.choices) if plan.choices else None
            for field in fields_of(plan.operation):
                with Horizontal(classes="field"):
                    yield Static(Content(field.label), classes="label")
                    yield Input(
                        field.default(plan), id=field.name, compact=True, suggester=suggester
                    )
            if plan.choices:
                yield Static(Content(safe(_choices(plan), WIDEST_LINE)), id="choices")
            yield Static(id="verdict")
            yield Static(id="equivalent")
            with Horizontal(id="buttons"):
                yield Button("Back", id="no", compact=True)
                yield Button("Save" if last else "Continue", id="yes", compact=True)

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
        self._continue()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "yes":
            self._continue()
        else:
            self.dismiss(None)

    def _continue(self) -> None:
        answers = self._answers()
        if not problem_of(self._plan, answers):
            self.dismiss(answered(self._plan, answers))

    def _answers(self) -> dict[str, str]:
        return {
            field.name: self.query_one(f"#{field.name}", Input).value.strip()
            for field in fields_of(self._plan.operation)
        }

    def _check(self) -> None:
        answers = self._answers()
        name, problem = first_problem(self._plan, answers)
        # An answer is not wrong yet where none was typed yet.
        reported = problem and answers[name]
        self.query_one("#verdict", Static).update(
            Content.styled(safe(f"✗ {problem}", WIDEST_LINE), "$warning") if reported else ""
        )
        equivalent = self.query_one("#equivalent", Static)
        if not problem:
            line = f"Same as  {answered(self._plan, answers).abridged()}"
            equivalent.update(Content.styled(safe(line), "$tone-dim"))
        # It keeps its lines, so that nothing jumps while an answer is typed.
        equivalent.visible = not problem
        self.query_one("#yes", Button).disabled = bool(problem)


def _choices(plan: OperationPlan) -> str:
    others = [name for name in plan.choices if name != plan.scope.queue]
    more = f" and {len(others) - MOST_CHOICES} more" if len(others) > MOST_CHOICES else ""
    return "one of " + ", ".join(others[:MOST_CHOICES]) + more if others else "there is no other"
