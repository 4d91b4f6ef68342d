"""The plan for a new hold. Its rule begins with what is under the cursor; the operator completes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from asok_console.presentation.error_groups import by_count
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.host import Host
from asok_console.tui.views.shared.job_columns import known_task
from asok_core.backends.roles import Scope
from asok_core.inspection.argument_paths import paths_of
from asok_core.inspection.error_groups import OTHER_NAMES, UNREADABLE, ErrorGroup
from asok_core.inspection.hold_conditions import Condition
from asok_core.inspection.holds import Hold
from asok_core.inspection.phrases import counted
from asok_core.inspection.rows import Row
from asok_core.operations.catalog.holds import HoldJobs
from asok_core.settings.secret_names import MASK

MOST_OFFERED = 6
LONGEST_OFFERED = 60
"""Arguments of a job that are offered as conditions, and characters of one."""

_NO_NAMES = (UNREADABLE, OTHER_NAMES)
"""What stands for several tasks or queues of an error group, or for those that are not known."""


class RuleSubject(NamedTuple):
    """What a rule is made for: what it names at first, and what else may be added to it."""

    task: str = ""
    queue: str = ""
    tasks: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    about: str = ""
    """What the rule does not say of what it is made for."""


def rule_of_row(row: Row | None) -> RuleSubject | None:
    """The task of a job, with its queue and arguments to be added; None where it is not known."""
    task = known_task(row) if row is not None else ""
    if row is None or not task:
        return None
    return RuleSubject(
        task, queues=(row.queue,) if row.queue else (), arguments=tuple(_arguments(row))
    )


def rule_of_group(group: ErrorGroup | None) -> RuleSubject | None:
    """The most frequent task of an error group, with the others and the queues to be chosen."""
    if group is None or group.is_rest:
        return None
    tasks = tuple(each for each in by_count(group.tasks) if each not in _NO_NAMES)
    queues = tuple(each for each in by_count(group.queues) if each not in _NO_NAMES)
    if not tasks:
        return None
    share = f"{group.tasks[tasks[0]]:,} of {counted(group.count, 'dead job')}"
    about = f"{share} of this error are of this task"
    return RuleSubject(tasks[0], tasks=tasks, queues=queues, about=about)


def plan_for_hold(console: Host, subject: RuleSubject | None) -> OperationPlan | None:
    """A plan to hold the jobs of a rule that begins with a subject."""
    if subject is None:
        return None
    operation = HoldJobs(Hold("", task=subject.task, queue=subject.queue))
    snapshot = console.snapshot
    conditions = subject.arguments
    return OperationPlan(
        operation,
        Scope(operation.location, before=snapshot.taken_at if snapshot else None),
        None,
        (subject.about,) if subject.about else (),
        offers={
            "task": subject.tasks,
            "queue": subject.queues,
            # First each alone, then all of them.
            "arguments": (*conditions, ", ".join(conditions)) if conditions else (),
        },
    )


def _arguments(row: Row) -> Iterator[str]:
    # Of a large job not all arguments were read.
    if row.payload.job is None or row.partial:
        return
    left = MOST_OFFERED
    for path, value in paths_of(row.payload.job):
        plain = value is None or isinstance(value, str | int | float)
        # What is hidden is not what workers compare with.
        if not plain or (isinstance(value, str) and MASK in value):
            continue
        text = Condition(path, "==", value).typed
        if len(text) <= LONGEST_OFFERED:
            yield text
            left -= 1
        if not left:
            return
