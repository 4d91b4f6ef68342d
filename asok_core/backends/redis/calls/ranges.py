"""Calls of operators that read a list or a sorted set a range at a time."""

from __future__ import annotations

from typing import NamedTuple

from asok_core.backends.redis.calls.call import Key, ScriptCall, script_call


class ListHeadReply(NamedTuple):
    """The length of a list, and elements, newest first; of what is too large to be read its alias."""

    length: int
    elements: list[bytes]


@script_call
class ListHead(ScriptCall[ListHeadReply]):
    """Elements of a list, by index from the left."""

    elements: Key
    start: int
    stop: int


class NewestReply(NamedTuple):
    """The index from the left, or None, and the length of the list."""

    position: int | None
    length: int


@script_call
class Newest(ScriptCall[NewestReply]):
    """Where the newest of equal elements of a list is."""

    elements: Key
    element: bytes


class NextRangeReply(NamedTuple):
    """``passed`` is how many the walk has passed over by now; 0: the anchor is gone."""

    passed: int
    length: int
    elements: list[bytes]
    """Oldest first; of what is too large to be read its alias, also as the anchor."""


@script_call
class NextRange(ScriptCall[NextRangeReply]):
    """The next elements of a walk from the consuming end, which has passed over ``passed`` elements.

    ``anchor`` is the last of these. At most ``count`` elements or ``most`` bytes, ``step`` at first.
    """

    elements: Key
    passed: int
    anchor: bytes
    count: int
    most: int
    step: int


class SoonestReply(NamedTuple):
    """The size of the set, and member, score, ...; of what is too large to be read its alias."""

    size: int
    members: list[bytes]


@script_call
class Soonest(ScriptCall[SoonestReply]):
    """Members of a sorted set by rank, the lowest first."""

    members: Key
    first: int
    last: int
