"""What Redis refuses and how it fails, in one line that says what to do and never a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from asok_core.errors import Refused, Unreachable


class ErrorReply(Refused, redis.ResponseError):
    """An error reply without a better name here: a key of another type, or a fault in a script."""


_REFUSALS = {
    "NOPERM": "this user may not do that (ACL)",
    "READONLY": "this is a read-only replica",
    "OOM": "Redis is out of memory (maxmemory) and takes no writes",
    "MISCONF": "Redis cannot save to disk and takes no writes",
    "LOADING": "Redis is loading its data",
    "MASTERDOWN": "the replica has lost its master",
    "CLUSTERDOWN": "the cluster is down",
    "MOVED": "the cluster has moved the slot",
}
_PASSING = ("READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN")
"""Errors that end by connecting anew: a failover or a restart under way."""
_IN_SCRIPTS = {
    **{word: re.compile(rf"\b{word}\b") for word in (*_REFUSALS, "NOAUTH", "WRONGPASS")},
    "NOPERM": re.compile("user executing the script can't|ACL failure in script"),
    "MOVED": re.compile("non local key"),
}
"""How errors read that a command met inside a script."""


@contextmanager
def told(shown: str) -> Iterator[None]:
    """Turn redis-py's errors into ours, each one line that names the server without its password."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        ours = explained(error, shown)
        if ours is error:
            raise
        raise ours from error


def explained(error: redis.RedisError | OSError, shown: str) -> Exception:
    """What ``error`` is called here; itself when it is no fault of Redis or the way to it."""
    if isinstance(error, redis.AuthenticationError):
        why = f"refuses the user or password ({_first_line(error)}); check REDIS_URL"
        return Unreachable(f"Redis at {shown} {why}")
    if isinstance(error, redis.TimeoutError | TimeoutError | BlockingIOError) or isinstance(
        error.__context__, BlockingIOError
    ):
        return Unreachable(f"Redis at {shown} does not answer in time")
    if isinstance(error, redis.ConnectionError | OSError):
        return Unreachable(f"cannot reach Redis at {shown}: {_first_line(error)}")
    if isinstance(error, redis.ResponseError):
        return _explained_reply(error, shown)
    if isinstance(error, redis.exceptions.InvalidResponse):
        return Unreachable(f"what answers at {shown} is not a Redis: {_first_line(error)}")
    return error


def _explained_reply(error: redis.ResponseError, shown: str) -> Exception:
    text = _first_line(error)
    word = _word_of(error, text)
    if word in _PASSING:
        return Unreachable(f"Redis at {shown}: {_REFUSALS.get(word, text)}")
    if word in _REFUSALS:
        return Refused(f"Redis at {shown} refuses: {_REFUSALS[word]} ({text})")
    if word in ("NOAUTH", "WRONGPASS"):
        return Unreachable(f"Redis at {shown} wants a password; check REDIS_URL")
    if isinstance(error, redis.exceptions.NoScriptError | ErrorReply):
        return error
    return ErrorReply(f"Redis at {shown} answers: {text}")


def _word_of(error: redis.ResponseError, text: str) -> str:
    # redis-py strips the code from the message of the errors it has classes for.
    by_class = {
        redis.exceptions.ReadOnlyError: "READONLY",
        redis.exceptions.NoPermissionError: "NOPERM",
        redis.exceptions.OutOfMemoryError: "OOM",
        redis.exceptions.BusyLoadingError: "LOADING",
        redis.exceptions.ClusterDownError: "CLUSTERDOWN",
        redis.exceptions.MasterDownError: "MASTERDOWN",
        redis.exceptions.MovedError: "MOVED",
        redis.exceptions.AskError: "ASK",
        redis.exceptions.TryAgainError: "TRYAGAIN",
    }
    for kind, word in by_class.items():
        if isinstance(error, kind):
            return word
    for word, pattern in _IN_SCRIPTS.items():
        if pattern.search(text):
            return word
    return text.split(" ", 1)[0]


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
