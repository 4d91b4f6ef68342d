"""Looking for the record of a job that is not here: in other namespaces, and in other databases.

It reads names of keys in bounded steps, and whether keys of this name exist: no value of a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import redis

from asok_core.backends.redis import parsing
from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.keys import Keys, glob_escaped
from asok_core.backends.redis.reading.query import maybe
from asok_core.backends.redis.reading.round_trips import RoundTrips, scan
from asok_core.errors import AsokError
from asok_core.inspection.elsewhere import RecordSearch

STEP = 1000
"""Keys that Redis looks at in one step."""
DATABASES = 64
"""Other databases that are looked at."""
DEFAULT = Keys().namespace
"""The namespace where ASOK_NAMESPACE is not set."""
NO_RIGHTS = "no rights"
_ABSENT = (None, -2)
"""What TTL replies where there is no key, and what stands for an error. Every user may ask for it."""
_DATABASE = re.compile(r"db([0-9]{1,6})")


def find_elsewhere(
    round_trips: RoundTrips, endpoint: Endpoint, keys: Keys, job_id: str, most: int
) -> RecordSearch:
    """Where else a record has this id. ``most``: keys of this database that are looked at, at least."""
    found, looked, whole = _namespaces(round_trips, keys, job_id, most)
    here = RecordSearch(endpoint.database, tuple(sorted(found)), looked, whole)
    if endpoint.is_cluster:
        # It has one database, and SCAN lists the keys of one node.
        return here._replace(whole=False)
    others = _other_databases(round_trips, endpoint.database)
    if others is None:
        return here._replace(problem=NO_RIGHTS)
    read: dict[int, tuple[str, ...]] = {}
    unread = dict.fromkeys(others[DATABASES:], "too many")
    if not others:
        return here
    try:
        # One of its own: those of the pool stay in their database.
        with closing(endpoint.connect()) as connection:
            for number, answer in _records_in(connection, others[:DATABASES], keys, job_id):
                if answer is None:
                    unread[number] = NO_RIGHTS
                else:
                    read[number] = answer
    except AsokError as error:
        missed = [each for each in others if each not in read and each not in unread]
        unread |= dict.fromkeys(missed, str(error))
    return here._replace(databases=read, unread=unread)


def _namespaces(
    round_trips: RoundTrips, keys: Keys, job_id: str, most: int
) -> tuple[set[str], int | None, bool]:
    """Other namespaces with a record of the id, how many keys were looked at, and whether all."""
    end = f":job:{job_id}"
    found: set[str] = set()
    seconds = round_trips.ask(maybe("TTL", parsing.raw(f"{DEFAULT}{end}")))
    if seconds not in _ABSENT and keys.namespace != DEFAULT:
        found.add(DEFAULT)
    looked = 0
    for step in scan(round_trips, f"*{glob_escaped(end)}", STEP):
        if step is None:
            return found, looked or None, False
        looked += STEP
        names = (parsing.text(key).removesuffix(end) for key in step.keys)
        found |= {name for name in names if name != keys.namespace}
        if step.ends:
            return found, looked, True
        if looked >= most:
            break
    return found, looked, False


def _other_databases(round_trips: RoundTrips, own: int) -> list[int] | None:
    """The databases of the server that have keys, without this; None where that is not known."""
    reply = round_trips.ask(maybe("INFO", "keyspace"))
    if not isinstance(reply, bytes):
        return None
    lines = parsing.text(reply).splitlines()
    numbers = (_DATABASE.fullmatch(line.partition(":")[0]) for line in lines)
    return sorted({int(each[1]) for each in numbers if each} - {own})


def _records_in(
    connection: Connection, databases: list[int], keys: Keys, job_id: str
) -> Iterator[tuple[int, tuple[str, ...] | None]]:
    """In which namespaces each database has a record of the id; None where that may not be read."""
    namespaces = list(dict.fromkeys((keys.namespace, DEFAULT)))
    for number in databases:
        questions = [("TTL", parsing.raw(f"{each}:job:{job_id}")) for each in namespaces]
        selected, *replies = connection.pipeline([("SELECT", number), *questions])
        if _failed(selected) or _failed(replies[0]):
            yield number, None
            continue
        # Of another namespace a user may have no rights; what is not known is not found.
        answers = zip(namespaces, replies, strict=True)
        yield number, tuple(e for e, left in answers if not _failed(left) and left not in _ABSENT)


def _failed(reply: Any) -> bool:
    return isinstance(reply, redis.RedisError)
