"""What the two ends of an envelope tell, when the whole is too large to be read for a list.

The job text has its keys sorted (ours and the framework's alike), so that the scalars stand
together on either side of ``args`` and ``kwargs``, one of which is what makes a job large.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from asok_core.job import MAX_RETRIES, Job
from asok_core.setting import is_text
from asok_core.wire import Keyring, Payload, Trust, peek

MOST_KEPT = 2000
LONGEST_KEPT = 4096
"""Envelopes that are remembered, and bytes of the longest."""

_STRING = r'"((?:[^"\\]|\\.){0,200})"'
_NAME = re.compile(rf'"function": {_STRING}, (?:"hard_timeout": [^,"]{{1,30}}, )?"id": {_STRING}')
_PLACE = re.compile(rf'"module": {_STRING}, "queue": {_STRING}')
_RETRIES = re.compile(r'"retries": (\d{1,9}), "retry_count": (\d{1,9})')
_BACKOFF = re.compile(r'"backoff": (\d{1,9}(?:\.\d{1,9})?)')
_ENQUEUED = re.compile(r'"enqueued_at": (\d{1,12}(?:\.\d{1,9})?)')
_FAILED = re.compile(r'"failed_at": (\d{1,12}(?:\.\d{1,9})?), "error": "((?:[^"\\]|\\.){0,2000})')


class Item(NamedTuple):
    """An element of a list: whole in ``head``, or with ``tail`` its two ends. ``size`` in bytes.

    ``score`` is that of a sorted set's member.
    """

    size: int
    head: bytes
    tail: bytes = b""
    score: float | None = None

    @property
    def whole(self) -> bool:
        """Whether ``head`` is all of it."""
        return not self.tail


class Glimpses:
    """What envelopes told, remembered: a list that is read every second shows mostly the same."""

    def __init__(self, keyring: Keyring | None = None) -> None:
        self._keyring = keyring
        self._known: dict[Item, Payload] = {}

    def of(self, item: Item) -> Payload:
        """Like ``glimpse``."""
        payload = self._known.get(item)
        if payload is None:
            payload = glimpse(item, self._keyring)
            if len(item.head) <= LONGEST_KEPT:
                if len(self._known) >= MOST_KEPT:
                    self._known.clear()
                self._known[item] = payload
        return payload


def glimpse(item: Item, keyring: Keyring | None = None) -> Payload:
    """Like ``wire.peek`` for an element that may be cut. Never raises.

    Of a cut one, ``raw`` is its beginning, ``trust`` is at best unverified, the job has no
    arguments, and ``problem`` says so.
    """
    if item.whole:
        return peek(item.head, keyring)
    head, tail = _plain(item.head), _plain(item.tail)
    problem = f"{item.size:,} bytes, too large to be listed: open it to see the whole"
    payload = Payload(item.head, None, Trust.UNVERIFIED, problem)
    # These stand beside the job's text, not in it, so their quotes are escaped only once.
    failed = _last(_FAILED, _text(item.tail)) or _last(_FAILED, _text(item.head))
    if failed:
        payload = replace(payload, failed_at=float(failed[1]), error=_unescaped(failed[2]))
    name = _NAME.search(head) or _last(_NAME, tail)
    if name is None or not is_text(_unescaped(name[2])):
        return payload
    place = _last(_PLACE, tail) or _PLACE.search(head)
    retries = _last(_RETRIES, tail) or _RETRIES.search(head)
    backoff = _BACKOFF.search(head) or _last(_BACKOFF, tail)
    enqueued = _ENQUEUED.search(head) or _last(_ENQUEUED, tail)
    job = Job(
        id=_unescaped(name[2]),
        module=_unescaped(place[1]) if place else "",
        function=_unescaped(name[1]),
        queue=(_unescaped(place[2]) if place else "") or "default",
        retries=min(int(retries[1]), MAX_RETRIES) if retries else 0,
        retry_count=min(int(retries[2]), MAX_RETRIES) if retries else 0,
        backoff=float(backoff[1]) if backoff else 2,
        enqueued_at=float(enqueued[1]) if enqueued else None,
    )
    return replace(payload, job=job)


def _text(end: bytes) -> str:
    return end.decode("utf-8", "replace")


def _plain(end: bytes) -> str:
    # Inside an envelope the job is JSON within a JSON string, so its quotes are escaped once more.
    text = _text(end)
    if r"\"" in text:
        text = text.replace(r"\"", '"').replace(r"\\", "\\")
    return text


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for each in pattern.finditer(text):
        found = each
    return found


def _unescaped(text: str) -> str:
    import json

    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text
