"""The review that must come before dead jobs without a good signature are signed."""

from __future__ import annotations

from contextlib import closing

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.roles import Reader, Scope
from asok_core.inspection.review import Review, ReviewBuilder
from asok_core.jobs.envelope import Keyring
from asok_core.jobs.states import Location
from asok_core.operations.preview import preview

DEAD = Scope(Location.DEAD)


def review_of(reader: Reader, scope: Scope = DEAD) -> Review:
    """What a trust of the dead jobs in scope would sign now."""
    builder = ReviewBuilder()
    preview(reader, scope, each=builder.add)
    return builder.finish()


def review_at(url: str, keyring: Keyring, scope: Scope = DEAD) -> Review:
    """The same, by a reader of its own."""
    with closing(RedisReader(Endpoint(url), Keys(), keyring=keyring)) as reader:
        return review_of(reader, scope)
