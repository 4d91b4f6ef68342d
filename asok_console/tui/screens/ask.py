"""Ask for what an operation needs: a queue's name, a number, a file."""

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
from asok_console.tui.data.job_count import JobCount, JobsCounted
from asok_console.tui.plans.fields import Field, answered, fields_of, first_problem, problem_of
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.screens.dialog import QuestionDialog
from asok_core.backends.roles import Reader
from asok_core.inspection.limits import Limits

WIDEST_LINE = 300
MOST_CHOICES = 12


class AnswersDialog(QuestionDialog[OperationPlan]):
    """Takes the answers of a plan, checks them as they are typed, and returns the whole plan."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "back"),
    ]

    def __init__(self, plan: OperationPlan, reader: Reader) -> None:
        """``reader`` counts what an operation would be about that depends on the answers."""
        super().__init__()
        self._plan = plan
        self._reader = reader
        self._job_count: JobCount | None = None

    def compose(self) -> ComposeResult:
        """Title, a line for each field, the problem, and the buttons."""
        plan = self._plan
        # No confirmation follows: the answer is a line of text, which needs room.
        last = plan.operation.changes and not plan.operation.confirms
        states = plan.operation.previews or plan.limit is not None
        kind = "previewing" if states else "line" if last else ""
        with Vertical(id="question", classes=kind):
            yield Static(Content(safe(plan.phrase, WIDEST_LINE)), id="title")
            for line in (*plan.lines, *([f"! {plan.warning}"] if plan.warning else [])):
                yield Static(Content(f"  {safe(line, WIDEST_LINE)}"), classes="example")
            for field in fields_of(plan.operation):
                with Horizontal(classes="field"):
                    yield Static(Content(field.label), classes="label")
                    yield self._input(field)
            if plan.choices:
                yield Static(Content(safe(_choices(plan), WIDEST_LINE)), id="choices")
            if states:
                yield Static(id="preview")
            yield Static(id="verdict")
            yield Static(id="equivalent")
            with Horizontal(id="buttons"):
                yield Button("Back", id="no", compact=True)
                if (plan.shape is not None and plan.shape.overrides) or (
                    plan.limit is not None and plan.limit.is_set
                ):
                    yield Button("Reset", id="reset", compact=True)
                yield Button("Save" if last else "Continue", id="yes", compact=True)

    def _input(self, field: Field) -> Input:
        offered = self._plan.offers.get(field.name, ())
        choices = offered or self._plan.choices
        # The last one offered has all of them.
        hint = field.hint_in(self._plan)
        hint = f"{hint}; as in {offered[-1]}" if offered else hint
        return Input(
            field.default(self._plan),
            id=field.name,
            compact=True,
            placeholder=safe(hint, WIDEST_LINE),
            suggester=SuggestFromList(choices) if choices else None,
        )

    def on_unmount(self) -> None:
        """Stop counting."""
        if self._job_count is not None:
            self._job_count.give_up()

    def on_mount(self) -> None:
        """Begin with the first field."""
        self.set_focus(self.query(Input).first())
        self._check()
        if self._plan.limit is not None:
            self.console.poller.ask("limits", lambda reader: reader.limits(), self._take_limits)

    def _take_limits(self, answer: object) -> None:
        """State what the code declares, which no snapshot has."""
        limit = self._plan.limit
        if limit is not None and isinstance(answer, Limits) and self.is_attached:
            self._plan = replace(self._plan, limit=replace(limit, limits=answer, whole=True))
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
        elif event.button.id == "reset":
            self._reset()
        else:
            self.dismiss(None)

    def _reset(self) -> None:
        """Empty all answers, which means as configured or declared, and go to the button.

        The argument of a limit stays: it is a part of what the limit is about.
        """
        with self.prevent(Input.Changed):
            for line in self.query(Input):
                if line.id != "key":
                    line.value = ""
        self._check()
        self.query_one("#yes", Button).focus()

    def _continue(self) -> None:
        answers = self._answers()
        if problem_of(self._plan, answers):
            return
        plan = answered(self._plan, answers)
        if self._job_count is not None and self._job_count.line:
            plan = replace(plan, about=(*plan.about, self._job_count.line))
        self.dismiss(plan)

    def _answers(self) -> dict[str, str]:
        return {
            field.name: self.query_one(f"#{field.name}", Input).value.strip()
            for field in fields_of(self._plan.operation)
        }

    def _check(self) -> None:
        answers = self._answers()
        if self._plan.limit is not None:
            known = "\n".join(
                safe(line, WIDEST_LINE) for line in self._plan.limit.about(answers.get("key", ""))
            )
            self.query_one("#preview", Static).update(Content(known))
        name, problem = first_problem(self._plan, answers)
        # An answer is not wrong yet where none was typed yet.
        reported = problem and (not name or answers[name])
        # Nor are all of them together as long as they are what the dialog began with.
        begun = {each.name: each.default(self._plan) for each in fields_of(self._plan.operation)}
        mark, tone = ("", "$tone-dim") if answers == begun else ("✗ ", "$warning")
        self.query_one("#verdict", Static).update(
            Content.styled(safe(f"{mark}{problem}", WIDEST_LINE), tone) if reported else ""
        )
        equivalent = self.query_one("#equivalent", Static)
        if not problem:
            plan = answered(self._plan, answers)
            line = f"Same as  {plan.abridged()}"
            equivalent.update(Content.styled(safe(line), "$tone-dim"))
            self._count(plan)
        # A problem gets its lines, so that it is read whole and nothing jumps while an answer is typed.
        equivalent.display = not problem
        self.query_one("#verdict", Static).set_class(bool(problem), "alone")
        self.query_one("#yes", Button).disabled = bool(problem)

    def _count(self, plan: OperationPlan) -> None:
        """Count what the operation would be about with these answers."""
        if not plan.operation.previews:
            return
        counted = self._job_count
        if counted is not None and counted.plan.operation.previewed() == plan.operation.previewed():
            return
        if counted is not None:
            counted.give_up()
        self.query_one("#title", Static).update(Content(safe(plan.phrase, WIDEST_LINE)))
        self.query_one("#preview", Static).update(Content.styled("counting …", "$tone-dim"))
        self._job_count = JobCount(plan, self._reader, self.post_message)
        self._job_count.start()

    @on(JobsCounted)
    def _counted(self, event: JobsCounted) -> None:
        event.stop()
        if event.count is self._job_count:
            tone = "" if event.done else "$tone-dim"
            line = Content.styled(safe(event.line, WIDEST_LINE), tone)
            self.query_one("#preview", Static).update(line)


def _choices(plan: OperationPlan) -> str:
    others = [name for name in plan.choices if name != plan.scope.queue]
    more = f" and {len(others) - MOST_CHOICES} more" if len(others) > MOST_CHOICES else ""
    return "one of " + ", ".join(others[:MOST_CHOICES]) + more if others else "there is no other"
