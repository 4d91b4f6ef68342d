"""What each operation does, in one sentence: the help of its command and of its keys.

Loads nothing of the catalogue, so that the parser of the command line can read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

_OF_ONE = {"their": "its", "them": "it", "s": "", "es": ""}
_OF_MANY = {"their": "their", "them": "them", "s": "s", "es": "es"}


@dataclass(frozen=True, slots=True)
class Summary:
    """An imperative sentence. ``{}`` is its object; ``{their}``, ``{them}``, ``{s}``, ``{es}`` agree."""

    text: str
    noun: str
    """What it is about, in the singular."""
    general: str = ""
    """The same where none is selected, if that is not the plural: ``a queue``."""

    def in_general(self, what: str = "") -> str:
        """The sentence about any of them, or about ``what``: ``move dead jobs to the trash``."""
        return self.text.format(what or self.general or f"{self.noun}s", **_OF_MANY)

    def of_one(self) -> str:
        """The sentence about the one that is selected: ``move the dead job to the trash``."""
        return self.text.format(f"the {self.noun}", **_OF_ONE)


def either(first: str, second: str) -> str:
    """Two sentences as one, without the words that both begin with."""
    others = second.split()
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(first.split(), others, strict=False))
    return f"{first}, or {' '.join(others[len(list(alike)) :])}"


_DEAD, _PENDING, _DELAYED, _HELD = "dead job", "pending job", "delayed job", "held job"
_NOTED = "job, queue or error group"
_BEFORE_START = "move {} to the trash before a worker takes {them}"

REQUEUE_DEAD = Summary("move {} back to {their} queue{s}, with all {their} retries", _DEAD)
TRUST_DEAD = Summary("review and sign {} without a valid signature, and requeue {them}", _DEAD)
CANARY_REQUEUE = Summary(
    "requeue {} first, and the rest only if none of them fails as before", _DEAD, "a few dead jobs"
)
EDIT_DEAD = Summary("change the arguments of {}, then requeue {them}", _DEAD)
PURGE_DEAD = Summary("move {} to the trash", _DEAD)
EXPORT_DEAD = Summary("write {} to a file, from which they can be imported", _DEAD)
IMPORT_DEAD = Summary("import {} from an export", _DEAD)

CANCEL_PENDING = Summary(_BEFORE_START, _PENDING)
CANCEL_DELAYED = Summary(_BEFORE_START, _DELAYED)
CANCEL_HELD = Summary(_BEFORE_START, _HELD)
STOP_RUNNING = Summary(
    "ask {} to stop, and end {their} process{es} if that takes too long", "running job"
)
PROMOTE_DELAYED = Summary("move {} to {their} queue{s} now", _DELAYED)
MOVE_PENDING = Summary("move {} to another queue", _PENDING)
MOVE_TO_FRONT = Summary("move {} to the front of {their} queue{s}", _PENDING)

PAUSE_QUEUE = Summary(
    "pause {} until it is resumed, or for a time: workers take no jobs from it", "queue", "a queue"
)
RESUME_QUEUE = Summary("resume {}: workers take jobs from it", "paused queue", "a paused queue")
PURGE_QUEUE = Summary("move all pending jobs of {} to the trash", "queue", "a queue")
HOLD_JOBS = Summary(
    "keep {} from starting, as long as the hold is in force; none of them is lost",
    "job of a task",
    "jobs that match a rule",
)
RELEASE_HOLD = Summary("end {} and return {their} jobs to their queues", "hold", "a hold")
REMOVE_HOLD = Summary("remove {} that keeps no jobs", "hold", "a hold")
SET_LIMIT = Summary(
    "set how many jobs of {} run at once or start per unit of time, until the limit is reset",
    "queue, task or argument",
    "a queue, a task or an argument",
)
RESET_LIMIT = Summary(
    "remove {}: the one that the code declares is in force again", "set limit", "a set limit"
)
QUIET_WORKER = Summary(
    "quiet {}: it takes no new jobs, and finishes the running ones", "worker", "a worker"
)
RESUME_WORKER = Summary("resume {}: it takes new jobs", "quiet worker", "a quiet worker")
STOP_WORKER = Summary(
    "stop {}: it waits up to its stop timeout for running jobs, returns the rest, exits",
    "worker",
    "a worker",
)
SET_WORKER = Summary(
    "set the concurrency and the queues of {} until it ends", "worker", "a running worker"
)

EDIT_NOTE = Summary("write a note on {}, or change or remove it", _NOTED, f"a {_NOTED}")
RESTORE_TRASH = Summary("restore what {} moved to the trash", "operation", "an operation")
EMPTY_TRASH = Summary("delete what {} moved to the trash", "operation")
