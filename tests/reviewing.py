"""The review that is required before dead jobs without a valid signature are signed."""

from __future__ import annotations

from contextlib import closing

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.roles import Reader, Scope
from asok_core.inspection.review import Review, ReviewBuilder
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location
from asok_core.operations.preview import preview

DEAD = Scope(Location.DEAD)


def review_of(reader: Reader, scope: Scope = DEAD) -> Review:
    """The dead jobs in scope that ``--trust`` would sign."""
    builder = ReviewBuilder()
    preview(reader, scope, each=builder.add)
    return builder.finish()


def review_at(url: str, keyring: Keyring, scope: Scope = DEAD) -> Review:
    """The same with a new reader."""
    with closing(RedisReader(Endpoint(url), Keys(), keyring=keyring)) as reader:
        return review_of(reader, scope)
