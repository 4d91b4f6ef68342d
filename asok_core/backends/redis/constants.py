"""Numbers and texts that the Lua scripts and this package share. The scripts use them by these names."""

from __future__ import annotations

from collections.abc import Mapping

from asok_core.backends.redis.flags import FLAGS
from asok_core.backends.redis.keys import COARSE, FINE
from asok_core.inspection.audit import TRASH_TTL
from asok_core.inspection.holds import END_OF_HOLD, LONGEST_HOLD, MOST_HOLDS
from asok_core.inspection.limits import LARGEST_LIMIT, LIMIT_FIELD, MOST_LIMITS
from asok_core.inspection.notes import LARGEST_NOTE, MOST_NOTES, NOTE_TTL
from asok_core.inspection.pauses import END_OF_PAUSE, LARGEST_PAUSE, LONGEST_PAUSE, MOST_PAUSES
from asok_core.inspection.worker_shape import CONFIGURED, LONGEST_ORDER
from asok_core.jobs.job import NOT_KEPT, RECORD_TTL, UNFINISHED_TTL
from asok_core.jobs.oversized import MOST_READ, OVERSIZED_TTL
from asok_core.settings.kinds import FEWEST_EVENTS, SHORTEST_EVENTS_AGE

FINE_TTL = 3_600
COARSE_TTL = 86_400
NOTICES_TTL = 86_400
"""Seconds without a new failure after which the notices of a queue expire."""
CRASHES_TTL = 86_400
CANCELS_TTL = 86_400
"""Seconds for which a worker is asked to cancel a job."""
DROPPED_TTL = 86_400
"""Seconds that a worker's hash stays after outcomes of its jobs were dropped."""
STACKS_TTL = 10
"""Seconds that a request for a stack waits for its worker."""
STACKS_LENGTH = 20
STACK_ANSWER_TTL = 60
WAITS_TTL = 60
RECENT_LENGTH = 1_000
AUDIT_LENGTH = 10_000
EVENTS_LENGTH, EVENTS_AGE = 10_000, 1_209_600
"""Bounds of the events (entries, seconds) where no heartbeat has published others."""
EVENT_TEXT = 1_024
"""Bytes of a field of an event."""
SAME_RELEASE = "="
"""In place of a release: the one that the record of the job has."""
MEMORY_SHORT, MEMORY_ENOUGH = 90, 85
"""Percent of ``maxmemory``: from the first a warning is raised, below the second it is cleared."""
SERVER_TTL = 2_592_000
"""Seconds without a heartbeat of any worker after which it is not known which server they saw last."""
WORKER_TTL = 86_400
"""Seconds that a dead worker's hash stays, which names its active lists."""
RENEWED_BEFORE = 600
"""Seconds after which the TTL of an unfinished job is renewed: not with every look at it."""
MOST_LISTS = 4096
"""Active lists of a worker, or of all, that are looked at; a hash that names more is invalid."""
MOST_GIVEN_BACK = 100
"""Jobs that one script gives back to their queues of what waits for one limit."""
LONGEST_WAIT = 315_360_000
"""Seconds: ten years. Redis refuses a TTL that its clock cannot hold."""

REFUSALS: Mapping[int, str] = {
    2: "its key in Redis is of another type",
    3: "its unique key is held by another job",
    4: "its job has completed: this is a copy",
    5: "its job is on its way again",
    6: "the edited job is running",
    7: "the edited job has ended",
    8: "the edited job has run and waits for a retry",
    9: "the edited job is no longer where the edit put it",
    10: "its job was cancelled: this is a copy",
}
"""Why a script refuses to move a job, by its reply. The scripts count these reasons in the audit."""

NOTES_FULL = f"there are {MOST_NOTES} others; remove one first"
"""Why a note is not written."""
PAUSES_FULL = f"{MOST_PAUSES:,} queues are paused; resume one first"
PAUSE_OVER = "its end has passed by the clock of Redis"
"""Why a queue is not paused."""

HOLDS_FULL = f"there are {MOST_HOLDS} holds, with those that ended and keep jobs; release one first"
HOLD_OVER = "its end has passed by the clock of Redis"
"""Why a hold is not made."""
LIMITS_FULL = f"operators have set {MOST_LIMITS} limits; reset one first"
"""Why a limit is not set."""

Constant = int | str | Mapping[int, str]

CONSTANTS: Mapping[str, Constant] = {
    **FLAGS,
    "AUDIT_LENGTH": AUDIT_LENGTH,
    "CANCELS_TTL": CANCELS_TTL,
    "COARSE": COARSE,
    "COARSE_TTL": COARSE_TTL,
    "CRASHES_TTL": CRASHES_TTL,
    "DROPPED_TTL": DROPPED_TTL,
    "END_OF_HOLD": END_OF_HOLD,
    "END_OF_PAUSE": END_OF_PAUSE,
    "EVENTS_AGE": EVENTS_AGE,
    "EVENTS_LENGTH": EVENTS_LENGTH,
    "EVENT_TEXT": EVENT_TEXT,
    "FEWEST_EVENTS": FEWEST_EVENTS,
    "FINE": FINE,
    "FINE_TTL": FINE_TTL,
    "HOLDS_FULL": HOLDS_FULL,
    "HOLD_OVER": HOLD_OVER,
    "LARGEST_LIMIT": LARGEST_LIMIT,
    "LARGEST_NOTE": LARGEST_NOTE,
    "LARGEST_PAUSE": LARGEST_PAUSE,
    "LIMIT_FIELD": LIMIT_FIELD,
    "LIMITS_FULL": LIMITS_FULL,
    "LONGEST_HOLD": int(LONGEST_HOLD),
    "CONFIGURED": CONFIGURED,
    "LONGEST_PAUSE": int(LONGEST_PAUSE),
    "LONGEST_ORDER": LONGEST_ORDER,
    "LONGEST_WAIT": LONGEST_WAIT,
    "MOST_LISTS": MOST_LISTS,
    "MOST_GIVEN_BACK": MOST_GIVEN_BACK,
    "MOST_HOLDS": MOST_HOLDS,
    "MOST_LIMITS": MOST_LIMITS,
    "MOST_NOTES": MOST_NOTES,
    "MOST_PAUSES": MOST_PAUSES,
    "MOST_READ": MOST_READ,
    "NOTES_FULL": NOTES_FULL,
    "NOTE_TTL": NOTE_TTL,
    "NOTICES_TTL": NOTICES_TTL,
    "NOT_KEPT": NOT_KEPT,
    "PAUSES_FULL": PAUSES_FULL,
    "PAUSE_OVER": PAUSE_OVER,
    "SAME_RELEASE": SAME_RELEASE,
    "OVERSIZED_TTL": OVERSIZED_TTL,
    "RECENT_LENGTH": RECENT_LENGTH,
    "RECORD_TTL": RECORD_TTL,
    "REFUSALS": REFUSALS,
    "RENEWED_BEFORE": RENEWED_BEFORE,
    "STACK_ANSWER_TTL": STACK_ANSWER_TTL,
    "STACKS_LENGTH": STACKS_LENGTH,
    "STACKS_TTL": STACKS_TTL,
    "MEMORY_ENOUGH": MEMORY_ENOUGH,
    "MEMORY_SHORT": MEMORY_SHORT,
    "SERVER_TTL": SERVER_TTL,
    "SHORTEST_EVENTS_AGE": SHORTEST_EVENTS_AGE,
    "TRASH_TTL": TRASH_TTL,
    "UNFINISHED_TTL": UNFINISHED_TTL,
    "WAITS_TTL": WAITS_TTL,
    "WORKER_TTL": WORKER_TTL,
}
