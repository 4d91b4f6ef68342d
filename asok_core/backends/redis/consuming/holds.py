"""Holds, as workers need them: which there are, and the end of those that end by themselves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asok_core.backends.redis import parsing
from asok_core.backends.redis.calls.holds import CloseHold, ExpireHold, ReturnHeld
from asok_core.backends.redis.calls.reading import Clipped
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.explanations import ErrorReply, wrong_type
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.members import members
from asok_core.inspection.holds import CUT_OFF, LARGEST_HOLD, MOST_HOLDS, Hold, Holds, holds_of
from asok_core.jobs.states import Location

BATCH = 200
"""Jobs that one step returns."""
STEPS = 5
"""Steps of one call: a supervisor has other duties."""
FIELDS = 8 * MOST_HOLDS
"""Buckets of the hash that one command reads: all of a hash that this program has written."""
NOT_A_HASH, TOO_MANY = "their key is not a hash", "their key has too many fields"
FORBIDDEN = "this user has no right to HSCAN of their key"


def read_holds(connection: Connection, keys: Keys) -> Holds:
    """The holds there are; none where the key is of another type. Raises Unreachable or Refused."""
    command = ("HSCAN", parsing.raw(keys.holds), 0, "COUNT", FIELDS)
    try:
        reply = connection.run(Clipped(most=LARGEST_HOLD, words=command))
    except ErrorReply as error:
        if not wrong_type(error):
            raise
        return Holds(problem=NOT_A_HASH)
    return holds_in(reply)


def holds_in(reply: Any) -> Holds:
    """The holds in a reply of HSCAN."""
    cursor, flat = reply
    found = holds_of(zip(map(parsing.text, flat[::2]), flat[1::2], strict=True))
    return found if int(cursor) == 0 else found._replace(problem=TOO_MANY)


def end_holds(connection: Connection, keys: Keys, holds: Holds, now: float) -> bool:
    """End the holds whose end has come, and return what they keep, in bounded batches.

    Returns whether there is more to return. A release is left to its operator until it is cut off, and
    then finished here; one at a rate, or one that was stopped, is always left to an operator, who removes
    it or releases it again. Of those only what keeps no jobs is removed. The audit has an entry for all
    that workers return of a hold. Raises Unreachable or Refused.
    """
    if holds.is_empty:
        # The last limit was reset, and all processes have had time to read that.
        if now - holds.generation / 1000 >= CUT_OFF:
            close_hold(connection, keys, "", ())
        return False
    due = [each.id for each in holds.holds if each.until is not None and each.until <= now]
    # Redis has the clock that counts: where its is behind, the hold is still in force.
    over = [each for each in due if connection.run(ExpireHold(ns=keys.namespace, hold=each)) == 1]
    over += [each.id for each in holds.ended if _is_for_workers(each, now)]
    others = [each.id for each in holds.ended if each.id not in over and _is_left(each, now)]
    if not over and not others:
        return False
    steps, found = STEPS, _named_queues(connection, keys, [*over, *others])
    # Of the others it has only to be known, each second, that they keep jobs still.
    named = [each for each in others if found[each]]
    lists = [[parsing.raw(keys.held(each, queue)) for queue in found[each]] for each in named]
    replies = connection.pipeline([("EXISTS", *each) for each in lists])
    for hold, kept in zip(named, replies, strict=True):
        if kept:
            del found[hold]
    for hold, queues in _with_unnamed(connection, keys, found).items():
        for queue in queues if hold in over else ():
            left = 1
            while left > 0 and steps > 0:
                left = connection.run(_return(keys, hold, queue))
                # Lists that cannot be returned do not keep others waiting.
                steps -= left >= 0
        close_hold(connection, keys, hold, queues)
    return steps <= 0


def _return(keys: Keys, hold: str, queue: str) -> ReturnHeld:
    words = f"hold:{hold}"
    about = {"action": "release", "who": "workers", "place": Location.HELD, "words": words}
    return ReturnHeld(
        ns=keys.namespace,
        hold=hold,
        queue=parsing.raw(queue),
        count=BATCH,
        op=f"hold-{hold}",
        about=parsing.raw(json.dumps(about, ensure_ascii=False)),
    )


def _is_for_workers(ended: Hold, now: float) -> bool:
    # Also where its end is to come again, as the clock of Redis was set back: it matches no job.
    if ended.until is not None:
        return True
    return ended.rate == 0 and ended.is_cut_off(now)


def _is_left(ended: Hold, now: float) -> bool:
    """Whether no operator releases it: its release was stopped or cut off."""
    return ended.released is None or ended.is_cut_off(now)


def _named_queues(connection: Connection, keys: Keys, holds: Iterable[str]) -> dict[str, set[str]]:
    """The queues of which each hold is named to keep jobs."""
    found: dict[str, set[str]] = {each: set() for each in holds}
    for name in members(connection, keys.held_lists):
        hold, _, queue = parsing.text(name).partition(":")
        if hold in found and queue:
            found[hold].add(queue)
    return found


def _with_unnamed(
    connection: Connection, keys: Keys, found: Mapping[str, set[str]]
) -> dict[str, list[str]]:
    """These queues of each hold, and those of which it has a list that is not named.

    Where the set that names lists was deleted, no other reader finds those lists.
    """
    if not found:
        return {}
    queues = [parsing.text(each) for each in members(connection, keys.queues)]
    whole: dict[str, list[str]] = {}
    for hold, named in found.items():
        others = [each for each in queues if each not in named]
        commands = [("EXISTS", parsing.raw(keys.held(hold, each))) for each in others]
        replies = connection.pipeline(commands)
        there = {queue for queue, reply in zip(others, replies, strict=True) if reply == 1}
        whole[hold] = sorted(named | there)
    return whole


def queues_of(connection: Connection, keys: Keys, hold: str) -> list[str]:
    """The queues of which one hold may keep jobs."""
    return _with_unnamed(connection, keys, _named_queues(connection, keys, (hold,)))[hold]


def close_hold(connection: Connection, keys: Keys, hold: str, queues: Sequence[str]) -> bool:
    """Remove what is known of a hold that ended; whether it kept no more jobs."""
    names = [parsing.raw(each) for each in queues]
    return connection.run(CloseHold(ns=keys.namespace, hold=hold, queues=names)) == 1
