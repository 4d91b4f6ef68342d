"""The end of a job that is in no location: its list was deleted, or a program without records took it.

Its record would say that it waits, and hold its unique key, for up to 30 days. That it is nowhere is
proved, for each location by what a move leaves behind. Moves to and from the delayed set and the dead jobs
write the job's record; between its queue and the workers a job moves and its record stays as it is. These
locations are looked through in one step, twice, and the record must not change. All else is looked through
between the two: also the trash, into which a purge moves a whole queue before it writes the records.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from asok_core.backends.redis import parsing
from asok_core.backends.redis.audit import Operation
from asok_core.backends.redis.calls.operations import EndMissing
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.constants import MOST_LISTS
from asok_core.backends.redis.keys import Keys, glob_escaped
from asok_core.backends.redis.locating import holds, scan_names
from asok_core.backends.redis.records import LOST
from asok_core.jobs.envelope import peek

LONGEST = 10.0
"""Seconds that the whole search may take."""
MOST_JOBS = 5_000
MOST_BYTES = 4 << 20
"""What one step looks through: about five milliseconds of Redis's time."""
KEYS_AT_ONCE = 1000

_LINE = (
    f"{LOST}: it was in no queue, not delayed, not held, not dead, in no trash and at no worker when it "
    "was cancelled; its list was deleted, or a program that keeps no records took it"
)
_LATE = "its queues and the trash are too long to be sure that it is in none of them"
_REASONS = {
    "held": "a worker or its queue has it, or a job that names it",
    "many": "its queue is too long to be sure that it is not in it",
    "moved": "its record has changed meanwhile",
    "ended": "it has ended",
    "none": "not found",
    "foreign": "it runs by its record, which the worker of the asok framework wrote",
}


@dataclass(slots=True)
class _Names:
    """Keys that a SCAN has found."""

    active: list[bytes] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    unique: list[bytes] = field(default_factory=list)


def end_lost(connection: Connection, operation: Operation, job_id: str) -> str:
    """Close the record of a job that is in no location. Empty when it is done, else why it is not.

    Raises Unreachable or Refused.
    """
    until = time.monotonic() + LONGEST
    # As it is written in the JSON text of a job, which is a string in the JSON text of its envelope.
    text = json.dumps(json.dumps(job_id)[1:-1])[1:-1]

    def step(names: _Names, mark: bytes = b"") -> tuple[str, bytes, str]:
        reply = connection.run(
            EndMissing(
                **operation.arguments(),
                mark=mark,
                job_id=job_id,
                text=text,
                error_line=_LINE,
                most_jobs=MOST_JOBS,
                most_bytes=MOST_BYTES,
                most_lists=MOST_LISTS,
                active=names.active,
                unique=names.unique,
            )
        )
        return reply.state.decode(), reply.mark, parsing.text(reply.queue)

    # Most jobs that are asked for are where they belong, and cost no SCAN.
    what, mark, queue = step(_Names())
    if what == "gone":
        names = _names(connection, operation.keys, job_id, until)
        what, mark, queue = step(names)
    if what != "gone":
        return _REASONS[what]
    lists = [
        each for each in (operation.keys.dead, *names.other) if each != operation.keys.queue(queue)
    ]
    where = _elsewhere(connection, operation.keys.delayed, lists, job_id, until)
    if where:
        return where
    what, *_ = step(names, mark)
    return "" if what == "gone" else _REASONS[what]


def _names(connection: Connection, keys: Keys, job_id: str, until: float) -> _Names:
    names, base = _Names(), f"{keys.namespace}:"
    for found in scan_names(connection, f"{glob_escaped(base)}[ahqtu]*", KEYS_AT_ONCE, until):
        texts = [parsing.text(each) for each in found]
        unique = [each for each in found if each.startswith(f"{base}unique:".encode())]
        # A byte more than the id has: another program may have written a value of any size.
        held = connection.pipeline([("GETRANGE", each, 0, len(job_id.encode())) for each in unique])
        names.unique += (
            name for name, by in zip(unique, held, strict=True) if by == job_id.encode()
        )
        names.active += (parsing.raw(each) for each in texts if keys.active_parts(each))
        names.other += (
            each
            for each in texts
            if keys.queue_name(each) is not None
            or keys.held_parts(each) is not None
            or (each.startswith(f"{base}trash:") and not each.endswith(":at"))
        )
    return names


def _elsewhere(
    connection: Connection, delayed: str, lists: list[str], job_id: str, until: float
) -> str:
    """Where the job is besides its queue and the workers; or that the time was too short to say."""
    cursor, pattern = b"0", f"*{glob_escaped(job_id)}*"
    while time.monotonic() <= until:
        # An element that stays in the set all the while is returned; one that leaves it writes the record.
        cursor, members = connection.call(
            "ZSCAN", delayed, cursor, "MATCH", pattern, "COUNT", KEYS_AT_ONCE
        )
        if any(peek(raw).id == job_id for raw in members[::2]):
            return "it is delayed"
        if cursor == b"0":
            break
    for key in lists:
        if holds(connection, key, "left", job_id, until):
            return f"it is in {key}"
    return _LATE if time.monotonic() > until else ""
