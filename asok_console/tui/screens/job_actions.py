"""What can be done with a job now, and why the rest can't."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from textual.content import Content

from asok_console.tui.catalog import actions, operations
from asok_console.tui.catalog.actions import Action, Reach
from asok_console.tui.catalog.operations import OperatorAction
from asok_console.tui.screens.known_job import KnownJob
from asok_core.jobs.states import Location

LOCATIONS = {
    Location.PENDING: "waits in its queue",
    Location.DELAYED: "waits for its time",
    Location.ACTIVE: "runs",
    Location.DEAD: "is a dead letter",
    Location.TRASH: "is in the trash",
    Location.FINISHED: "is finished",
}
"""What is said of a job by its place."""

OPERATIONS = tuple(
    action
    for action in operations.OPERATIONS
    if action.reach is Reach.CHOSEN
)  # fmt: skip
"""What may concern a single job."""


def offers(
    job: KnownJob, possible: Callable[[OperatorAction], bool], *, only_reads: bool
) -> Content:
    """A line for what can be done, then one for each reason why the rest can't."""
    now, later = [], dict[str, list[str]]()
    for label, key, help_text, among in _by_label():
        if any(possible(action) for action in among) and not only_reads:
            now.append(
                Content.assemble(
                    (f"{key:<3}", "bold $primary"), f"{label:<19}", (help_text, "$tone-dim")
                )
            )
        else:
            reason = "this session is read-only" if only_reads else _reason(among, job)
            later.setdefault(reason, []).append(label)
    lines = [
        Content.styled(f"–  {', '.join(labels)}: {why}", "$tone-dim")
        for why, labels in later.items()
    ]
    return Content("\n").join([*now, *lines])


def _by_label() -> Iterator[tuple[str, str, str, Sequence[OperatorAction]]]:
    edit: Action = actions.EDITING[0]
    yield edit.label, edit.shown_key, edit.help, (operations.EDIT,)
    for label in dict.fromkeys(action.label for action in OPERATIONS):
        among = [action for action in OPERATIONS if action.label == label]
        yield label, among[0].shown_key, among[0].help, among


def _reason(among: Sequence[OperatorAction], job: KnownJob) -> str:
    if job.location in {action.location for action in among}:
        return "its signature is good as it is" if job.is_readable else "it is unreadable"
    homes = " or ".join(LOCATIONS[action.location] for action in among)
    return f"only of what {homes}"
