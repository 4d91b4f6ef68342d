"""The actions that are possible for a job, and why the others are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from textual.content import Content

from asok_console.tui.keys import actions, operations
from asok_console.tui.keys.actions import KeyScope
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.screens.known_job import KnownJob
from asok_core.inspection.row_texts import LOCATION_TEXTS

OPERATIONS = tuple(
    action
    for action in operations.OPERATIONS
    if action.key_scope in (KeyScope.CHOSEN, KeyScope.SUBJECT, KeyScope.RULE, KeyScope.LIMIT)
)
"""What may concern a single job."""


def offers(
    job: KnownJob, possible: Callable[[OperatorAction], bool], *, only_reads: bool
) -> Content:
    """A line for each action that is possible, then one for each reason why others are not."""
    if only_reads:
        return Content.styled("–  This session is read-only.", "$tone-dim")
    now, later = [], dict[str, list[str]]()
    for label, among in _by_label():
        if found := next((action for action in among if possible(action)), None):
            shown = actions.EDIT_ARGUMENTS if found is operations.EDIT else found
            now.append(
                Content.assemble(
                    (f"{shown.shown_key:<3}", "bold $primary"),
                    f"{label:<19}",
                    (shown.help, "$tone-dim"),
                )
            )
        else:
            later.setdefault(_reason(among, job), []).append(label)
    lines = [
        Content.styled(f"–  {', '.join(labels)}: {why}", "$tone-dim")
        for why, labels in later.items()
    ]
    return Content("\n").join([*now, *lines])


def _by_label() -> Iterator[tuple[str, Sequence[OperatorAction]]]:
    yield actions.EDIT_ARGUMENTS.label, (operations.EDIT,)
    for label in dict.fromkeys(action.label for action in OPERATIONS):
        yield label, [action for action in OPERATIONS if action.label == label]


def _reason(among: Sequence[OperatorAction], job: KnownJob) -> str:
    if any(action.key_scope is KeyScope.SUBJECT for action in among):
        return "it has no id"
    if any(action.key_scope in (KeyScope.RULE, KeyScope.LIMIT) for action in among):
        return "its task is not known"
    if job.location in {action.location for action in among}:
        return "its signature is valid" if job.is_readable else "it is unreadable"
    first, *others = (LOCATION_TEXTS[action.location] for action in among)
    *between, last = [first, *(each.removeprefix("is ") for each in others)]
    homes = f"{', '.join(between)} or {last}" if between else last
    return f"only for a job that {homes}"
