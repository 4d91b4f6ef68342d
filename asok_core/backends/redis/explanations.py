"""What Redis refuses and how it fails, in one line that says what to do and never a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from asok_core.errors import NoResources, Refused, Unreachable
from asok_core.runtime.exhaustion import shortage
from asok_core.settings.redis_url import DEFAULT


class ErrorReply(Refused, redis.ResponseError):
    """An error reply without a better name here: a key of another type, or a fault in a script."""


def wrong_type(reply: object) -> bool:
    """Whether a reply, or an error made of it, says that the key is of another type."""
    return isinstance(reply, redis.ResponseError) and "WRONGTYPE" in str(reply)


_REFUSALS = {
    "OOM": "it is out of memory (maxmemory) and accepts no new data; purge jobs, empty the trash "
    "(asok trash empty) or raise maxmemory",
    "EXECABORT": "it discarded a transaction, most often because it is out of memory (maxmemory) "
    "or this user may not run one of its commands",
    "MISCONF": "it cannot save its data to disk and accepts no writes; its log says why",
    "NOREPLICAS": "too few replicas are connected (min-replicas-to-write), so it accepts no writes",
    "NOPERM": "this user may not do that (ACL)",
    "CROSSSLOT": "in a cluster all keys must be in one slot: set ASOK_NAMESPACE={asok} and use a "
    "redis+cluster:// URL",
    "READONLY": "this is a read-only replica",
    "LOADING": "it is loading its data",
    "BUSY": "a script has blocked it for a long time",
    "MASTERDOWN": "this is a replica that has lost its master",
    "CLUSTERDOWN": "the cluster is down",
    "MOVED": "the slot is on another node (a cluster needs a redis+cluster:// URL)",
}
"""Error codes of Redis in words. Those that last until an operator acts come first."""
_PASSING = {"READONLY", "LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN"}
"""Codes that end by connecting again: a failover, a restart or a long script under way."""
_CODES = {
    redis.exceptions.AskError: "ASK",
    redis.exceptions.ClusterCrossSlotError: "CROSSSLOT",
    redis.exceptions.ClusterDownError: "CLUSTERDOWN",
    redis.exceptions.ExecAbortError: "EXECABORT",
    redis.exceptions.MasterDownError: "MASTERDOWN",
    redis.exceptions.MovedError: "MOVED",
    redis.exceptions.NoPermissionError: "NOPERM",
    redis.exceptions.OutOfMemoryError: "OOM",
    redis.exceptions.ReadOnlyError: "READONLY",
    redis.exceptions.TryAgainError: "TRYAGAIN",
}
"""redis-py strips the code from the message of the errors that it has a class for."""
_IN_SCRIPTS = {
    # Errors contain names of queues too, so a code counts only where Redis writes it.
    **{code: re.compile(rf"(?:^|\s-?){code}\b") for code in (*_REFUSALS, "NOAUTH", "WRONGPASS")},
    "NOPERM": re.compile("user executing the script can't|ACL failure in script"),
    "MOVED": re.compile("non local key"),
    "CROSSSLOT": re.compile("do not hash to the same slot"),
}
"""How errors read that a command met inside a script."""
_SCRIPT_NOISE = re.compile(
    r"^Error running script \(call to f_\w+\): |@?user_script: ?\d+: ?-?|"
    r"\.? ?script: [0-9a-f]{40}, on @user_script:\d+\.?$"
)
_WHERE = re.compile(r"^Error -?\d+ connecting to \S+\. ")
"""What redis-py says first of a connection that failed: the address, which our line has already."""
_UNKNOWN_COMMAND = re.compile(r"unknown command ['`]?([\w|]+)")


@contextmanager
def explaining(shown: str) -> Iterator[None]:
    """Turn redis-py's errors into ours, each one line that names the server without its password."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        ours = explained(error, shown)
        if ours is error:
            raise
        # What redis-py met before is in its message: a traceback shows the cause once.
        error.__suppress_context__ = True
        raise ours from error


def explained(error: redis.RedisError | OSError, shown: str) -> Exception:
    """What ``error`` is called here; itself when neither Redis nor the way to it is at fault."""
    if isinstance(error, redis.AuthenticationError):
        why = f"refuses the user or password ({_first_line(error)}); check REDIS_URL"
        return Unreachable(f"Redis at {shown} {why}")
    if isinstance(error, redis.TimeoutError | TimeoutError | BlockingIOError) or isinstance(
        error.__context__, BlockingIOError
    ):
        return Unreachable(f"Redis at {shown} does not answer in time")
    if isinstance(error, redis.ConnectionError | OSError):
        return _explained_way(error, shown)
    if isinstance(error, redis.ResponseError):
        return _explained_reply(error, shown)
    if isinstance(error, redis.exceptions.InvalidResponse):
        return Unreachable(f"what answers at {shown} is not a Redis: {_first_line(error)}")
    return error


def _explained_way(error: Exception, shown: str) -> Exception:
    if isinstance(error, redis.exceptions.BusyLoadingError):
        return Unreachable(f"Redis at {shown}: {_REFUSALS['LOADING']}")
    if "max number of clients" in str(error):
        return NoResources(
            f"Redis at {shown} accepts no more connections (maxclients); raise maxclients, or run "
            "fewer processes or serve fewer queues"
        )
    if missing := shortage(error):
        return NoResources(f"cannot open a connection to Redis at {shown}: {missing}")
    # Who has set nothing yet learns what to set.
    source = " (the default of ASOK_REDIS_URL)" if shown == DEFAULT else ""
    why = _WHERE.sub("", _first_line(error))
    return Unreachable(f"cannot reach Redis at {shown}{source}: {why}")


def _explained_reply(error: redis.ResponseError, shown: str) -> Exception:
    text = _first_line(error)
    code = _code_of(error, text)
    if code in _PASSING:
        return Unreachable(f"Redis at {shown}: {_REFUSALS.get(code, text)}")
    if code in _REFUSALS:
        detail = _SCRIPT_NOISE.sub("", text)
        return Refused(f"Redis at {shown} refuses: {_REFUSALS[code]} ({detail})")
    if code in ("NOAUTH", "WRONGPASS") or "DB index" in text:
        what = "has no database of that number" if "DB index" in text else "requires a password"
        return Unreachable(f"Redis at {shown} {what}; check REDIS_URL")
    if command := _UNKNOWN_COMMAND.search(text):
        # The rest of the message repeats arguments, which may be private data.
        return Refused(
            f"Redis at {shown} does not know the command {command[1]}: it is older than 6.2, or the "
            "command is renamed or disabled"
        )
    if isinstance(error, redis.exceptions.NoScriptError | ErrorReply):
        return error
    return ErrorReply(f"Redis at {shown} answers: {text}")


def _code_of(error: redis.ResponseError, text: str) -> str:
    for kind in type(error).__mro__:
        if kind in _CODES:
            return _CODES[kind]
    first = text.split(" ", 1)[0]
    if first in _REFUSALS or "WRONGTYPE" in text:
        return first
    return next((code for code, found in _IN_SCRIPTS.items() if found.search(text)), first)


def _first_line(error: BaseException) -> str:
    line = (str(error).splitlines() or [type(error).__name__])[0][:300]
    # It becomes a part of a sentence, as in "...: Connection refused; waiting for it".
    return line if line.endswith("..") else line.removesuffix(".")
