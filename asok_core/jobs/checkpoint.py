"""How far a job is, as its task keeps it to resume from, and as Redis keeps it.

A record has the last checkpoint of its job in one line: signature, start of the attempt that made it, when
it was made, and the cursor as JSON. Its worker signs it, since the task gets the cursor as it gets its
arguments: who can write to Redis must not be able to choose it.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from asok_core.jobs.keyring import V2, Keyring
from asok_core.jobs.numbers import number
from asok_core.jobs.plain import flaw_in, is_plain

LARGEST = 4096
"""Bytes of a cursor as JSON."""
LONGEST_TEXT = LARGEST + 256
"""Bytes of a checkpoint as a record holds it."""
NOTHING = "null"
"""The cursor of a job without a checkpoint."""


# An encoder of its own for each call would take longer than all else.
_encode = json.JSONEncoder(separators=(",", ":")).encode


class JobCheckpoint(NamedTuple):
    """The last checkpoint of a job: ``text`` is its cursor as JSON, ``at`` is epoch seconds.

    Examples:
        >>> JobCheckpoint('{"page": 3}').cursor
        {'page': 3}
    """

    text: str
    at: float = 0.0
    started_at: str = ""
    """The start of the attempt that made it; '' where that has not advanced from where it resumed."""
    signature: str = ""

    @property
    def cursor(self) -> Any:
        """What the task passed to ``checkpoint``."""
        return json.loads(self.text)


def cursor_text(cursor: object) -> str:
    """A cursor as JSON. Raises TypeError or ValueError that states what is wrong with it."""
    if not is_plain(cursor) and (flaw := flaw_in(cursor)) is not None:
        part = flaw.expression
        dot = "." if part and not part.startswith("[") else ""
        raise TypeError(f"cursor{dot}{part} {flaw.reason}; pass {flaw.instead}")
    text = _encode(cursor)
    if len(text) > LARGEST:
        raise ValueError(
            f"cursor has {len(text):,} bytes as JSON; it must have at most {LARGEST:,}: store the rest "
            "elsewhere, and keep its key"
        )
    return text


def encoded(job_id: str, checkpoint: JobCheckpoint, keyring: Keyring) -> str:
    """A checkpoint of a job as its record holds it, signed."""
    rest = _unsigned(checkpoint)
    return f"{keyring.sign(_signed(job_id, rest), V2)} {rest}"


def decoded(text: object) -> JobCheckpoint | None:
    """The checkpoint in a record; None where none can be read. Its signature is not verified."""
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_TEXT:
        return None
    try:
        signature, started_at, at, cursor = text.split(" ", 3)
        json.loads(cursor)
    except (ValueError, RecursionError):
        return None
    started_at = "" if started_at == "-" else started_at
    return JobCheckpoint(cursor, number(at) or 0.0, started_at, signature)


def is_signed(job_id: str, checkpoint: JobCheckpoint, keyring: Keyring) -> bool:
    """Whether a worker made this checkpoint of this job."""
    return keyring.verifies(_signed(job_id, _unsigned(checkpoint)), checkpoint.signature, V2)


def _unsigned(checkpoint: JobCheckpoint) -> str:
    return f"{checkpoint.started_at or '-'} {checkpoint.at:.6f} {checkpoint.text}"


def _signed(job_id: str, rest: str) -> str:
    # It does not begin as the text of a job does, which the same key signs.
    return f"checkpoint\0{job_id}\0{rest}"
