"""Records of jobs as values. Whatever another program wrote there, nothing here raises."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import fields as fields_of
from typing import Any

from asok_core.backends.redis.parsing import text
from asok_core.backends.redis.records import UNREADABLE, parse_record
from asok_core.inspection.job_detail import Attempt, Move
from asok_core.jobs.job import JobRecord
from asok_core.jobs.numbers import number
from asok_core.jobs.progress import JobProgress, decoded

_NO_FIELDS = {"id", "ttl", "foreign", "cancel", "later_attempt"}
"""Attributes of a record that are not fields in Redis."""


RECORD_FIELDS = (
    *(each.name for each in fields_of(JobRecord) if each.name not in _NO_FIELDS),
    *("cancel_asked", "cancel_by", "cancel_ends", "cancel_taken"),
    # What the records of completed jobs hold in place of three moments.
    "run_us",
    "queued_us",
)


LONGEST_TEXT = 262_144
"""Bytes of a record that is JSON in which its attempts are looked for."""


LONGEST_HISTORY = 65_536
"""Bytes of a record's attempts: ten of them take a few thousand."""


_CUT = " … ".encode()
"""Between the two ends of a value that was cut."""


_NAME = re.compile(r'"(\w{1,20})": ?')


_DECODER = json.JSONDecoder()


_SCALARS = frozenset({"status", "function", "ts", "worker", "attempt_ts"})


_MOST_NAMES = 64
"""Names after which the end of a cut record is tried as one."""


def reports(reply: object) -> dict[float, JobProgress]:
    """What attempts reported of their progress, as a record holds it, by their start."""
    return decoded(reply.decode("utf-8", "replace") if isinstance(reply, bytes) else None)


def attempts(reply: object) -> tuple[Attempt, ...]:
    """The attempts that a record holds; an invalid line is left out."""
    if not isinstance(reply, bytes) or len(reply) > LONGEST_HISTORY:
        return ()
    read = (_attempt(line) for line in reply.decode("utf-8", "replace").split("\n"))
    return tuple(each for each in read if each is not None)


def moves(reply: object) -> tuple[Move, ...]:
    """The moves that a record holds; an invalid line is left out."""
    if not isinstance(reply, bytes) or len(reply) > LONGEST_HISTORY:
        return ()
    read = (_move(line) for line in reply.decode("utf-8", "replace").split("\n"))
    return tuple(each for each in read if each is not None)


def field_of_json(text: object, name: str) -> bytes | None:
    """A text field of a record that is JSON; None where it has none, or the record is cut."""
    try:
        kept = json.loads(text)[name] if isinstance(text, bytes) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return kept.encode("utf-8", "replace") if isinstance(kept, str) else None


def _move(line: str) -> Move | None:
    try:
        at, verb, by, detail = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None
    if not all(isinstance(each, str) for each in (verb, by, detail)):
        return None
    return Move(number(at), verb, by, detail)


def _attempt(line: str) -> Attempt | None:
    try:
        started_at, run_ms, verb, worker, error, *rest = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None
    note, waited = rest[0] if rest else "", rest[1] if len(rest) > 1 else None
    if not all(isinstance(each, str) for each in (verb, worker, error, note)):
        return None
    ran = number(run_ms)
    seconds = None if ran is None else ran / 1000
    wait = number(waited)
    waited_seconds = wait / 1000 if wait is not None and wait >= 0 else None
    return Attempt(number(started_at), seconds, verb, worker, error, note, waited_seconds)


def record(job_id: str, reply: object, fields: Sequence[str]) -> JobRecord | None:
    """A job's record of its part of the reply of ``read_records.lua``."""
    if not isinstance(reply, list) or len(reply) != 3:
        return None
    kind, left, parts = reply
    if not isinstance(parts, list):
        return None
    ttl = float(left) if isinstance(left, int) and left >= 0 else None
    if kind == b"other":
        # Without an error: the end of the job replaces such a record, and a future waits for that.
        return JobRecord(job_id, UNREADABLE, ttl=ttl, foreign=True)
    flat: list[bytes] = []
    for name, size, head, tail in zip(fields, parts[::3], parts[1::3], parts[2::3], strict=False):
        # A field that is not there has the size -1.
        if size < 0:
            continue
        value = head + _CUT + tail if tail else head
        if size > len(head) and not tail:
            # What was read instead says why it was not read.
            if kind == b"string":
                why = f"its record is {text(head)}"
                return JobRecord(job_id, UNREADABLE, error=why, ttl=ttl, foreign=True)
            if name == "result":
                # It is not what the task returned.
                flat += (b"result", b"", b"result_error", b"its result is " + head)
                continue
        if kind == b"string":
            return parse_record(job_id, ([], _scalars(head, tail) if tail else value), ttl=ttl)
        flat += (name.encode(), value)
    return parse_record(job_id, (flat, None), ttl=ttl)


def _scalars(head: bytes, tail: bytes) -> bytes:
    """What the two ends of the framework's record of a huge result show of the job itself.

    The result may have the same names in it: of the beginning only what comes before it counts, and of
    the end only what is the end of an object as it is.
    """
    found = _leading(head.decode("utf-8", "replace")) | _trailing(tail.decode("utf-8", "replace"))
    kept = {name: found[name] for name in found.keys() & _SCALARS}
    return json.dumps(kept).encode()


def _leading(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    at = 1
    while text.startswith("{") and (name := _NAME.match(text, at)):
        try:
            value, at = _DECODER.raw_decode(text, name.end())
        except (ValueError, RecursionError):
            break
        if not text.startswith(", ", at):
            # A number may be cut where it looks whole.
            break
        found[name[1]] = value
        at += 2
    return found


def _trailing(text: str) -> dict[str, Any]:
    # An end that begins within a value has a bracket or a quote too many.
    for name in list(_NAME.finditer(text))[-_MOST_NAMES:]:
        try:
            found = json.loads("{" + text[name.start() :])
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return {}
