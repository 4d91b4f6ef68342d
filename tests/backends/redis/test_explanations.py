"""Errors of redis-py in one line of ours, and what they are: unreachable, refused, or no resources."""

from __future__ import annotations

import errno

import pytest
import redis

from asok_core.backends.redis.explanations import ErrorReply, explained, explaining
from asok_core.errors import NoResources, Refused, Unreachable
from asok_core.settings.settings import Settings

AT = "redis://cache:6379/0"
errors = redis.exceptions


@pytest.mark.parametrize(
    ("error", "kind", "line"),
    [
        (errors.AuthenticationError("WRONGPASS no."), Unreachable, "refuses the user or password"),
        (redis.TimeoutError("Timeout reading"), Unreachable, "does not answer in time"),
        (errors.BusyLoadingError("LOADING"), Unreachable, "is loading its data"),
        (redis.ConnectionError("max number of clients reached"), NoResources, "maxclients"),
        (
            OSError(errno.EMFILE, "Too many open files"),
            NoResources,
            "cannot open a connection to Redis at redis://cache:6379/0: this process has no file",
        ),
        (
            redis.ConnectionError("Error 111 connecting to cache:6379. Connection refused."),
            Unreachable,
            "cannot reach Redis at redis://cache:6379/0: Connection refused",
        ),
        (errors.ReadOnlyError("You can't write"), Unreachable, "a read-only replica"),
        (errors.OutOfMemoryError("command not allowed"), Refused, "out of memory"),
        (errors.ResponseError("NOPERM no permissions"), Refused, "may not do that"),
        (
            errors.ResponseError("ACL failure in script: User x has no permissions"),
            Refused,
            "may not do that",
        ),
        (errors.ResponseError("NOAUTH Authentication required."), Unreachable, "a password"),
        (errors.ResponseError("DB index is out of range"), Unreachable, "no database of that"),
        (
            errors.ResponseError("unknown command 'LMOVE', with args beginning with: 'secret'"),
            Refused,
            "does not know the command LMOVE",
        ),
        (errors.ResponseError("ERR something odd"), ErrorReply, "answers: ERR something odd"),
        (errors.InvalidResponse("HTTP/1.1 400"), Unreachable, "is not a Redis"),
    ],
)
def test_each_error_is_one_line(error: Exception, kind: type[Exception], line: str) -> None:
    with pytest.raises(kind) as caught, explaining(AT):
        raise error
    assert line in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_setting_of_the_default_url_is_named() -> None:
    error = redis.ConnectionError("Error 111 connecting to localhost:6379. Connection refused.")
    assert str(explained(error, Settings().masked_redis_url)) == (
        "cannot reach Redis at redis://localhost:6379/0 (the default of ASOK_REDIS_URL): "
        "Connection refused"
    )


@pytest.mark.parametrize(
    "error", [errors.NoScriptError("NOSCRIPT"), errors.DataError("a fault of the caller")]
)
def test_what_is_no_fault_of_redis_is_left_as_it_is(error: redis.RedisError) -> None:
    assert explained(error, AT) is error
    with pytest.raises(type(error)) as caught, explaining(AT):
        raise error
    assert caught.value is error
