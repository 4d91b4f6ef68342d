"""What a list shows of an envelope: all of it, or its outline where it is large.

An outline is made inside Redis (``outline.lua``): the same JSON without arguments and traceback.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import NamedTuple

from asok_core.inspection.redaction import Redaction
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Payload, Trust, peek
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.nesting import cut

BEGINNING = 1024
"""Bytes of the arguments that are kept of a large job."""
MOST_KEPT = 2000
LONGEST_KEPT = 4096
"""Envelopes that are remembered, and bytes of the longest."""


class ListElement(NamedTuple):
    """An element of a list: whole in ``text``, or its outline and in ``rest`` the first arguments.

    Of what is not readable ``text`` is empty and ``rest`` its beginning. ``size`` and ``sha1`` are
    those of the element, the latter where it was asked for or is needed as a name. ``score`` is that
    of a sorted set's member.
    """

    size: int
    text: bytes
    rest: bytes = b""
    sha1: bytes = b""
    score: float | None = None

    @property
    def whole(self) -> bool:
        """Whether ``text`` is all of it."""
        return not self.rest


class PartialPayloads:
    """What envelopes said, remembered: a list that is read every second shows mostly the same."""

    def __init__(self, keyring: Keyring | None, redaction: Redaction) -> None:
        self._keyring = keyring
        self._redaction = redaction
        self._known: dict[ListElement, Payload] = {}

    def of(self, item: ListElement) -> Payload:
        """Like ``partial_payload``, as it may be shown."""
        payload = self._known.get(item)
        if payload is None:
            payload = self._redaction.payload(partial_payload(item, self._keyring))
            if len(item.text) <= LONGEST_KEPT:
                if len(self._known) >= MOST_KEPT:
                    self._known.clear()
                self._known[item] = payload
        return payload


def shortened(row: Row, longest: int) -> Row:
    """The row as a list keeps it: without the arguments of a job of more than ``longest`` bytes."""
    payload, size = row.payload, len(row.payload.raw)
    if row.partial or size <= longest:
        return row
    job, beginning = payload.job, payload.raw[:BEGINNING]
    if job is not None:
        beginning = json.dumps(cut(job.args or job.kwargs))[:BEGINNING].encode()
        job = replace(job, args=(), kwargs={})
    payload = replace(
        payload,
        raw=beginning,
        job=job,
        envelope=None,
        text=None,
        traceback=None,
        size=size,
        sum="" if payload.id else row.key,
    )
    return replace(row, payload=payload)


def partial_payload(item: ListElement, keyring: Keyring | None = None) -> Payload:
    """Like ``envelope.peek`` for an element of which there may be only an outline. Never raises.

    Of an outline, ``raw`` is the beginning of the arguments, the job has no arguments, and a
    signature is not checked.
    """
    if item.whole:
        return peek(item.text, keyring)
    if not item.text:
        return Payload(
            item.rest,
            None,
            Trust.MALFORMED,
            f"{item.size:,} bytes that are not a job",
            size=item.size,
            sum=item.sha1.decode(),
        )
    payload = peek(item.text)
    # It has no envelope that could be signed or pushed: the arguments are missing.
    job = replace(payload.job, args=(), kwargs={}) if payload.job else None
    traceback = payload.traceback or None
    return replace(
        payload,
        raw=item.rest,
        job=job,
        envelope=None,
        text=None,
        traceback=traceback,
        size=item.size,
    )
