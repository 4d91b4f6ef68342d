"""Connections to the Redis that holds the queues, by any URL form the ecosystem knows.

redis-py's own client retries and times out in ways that suit a web request and not a queue (a stalled
INCR is applied twice, a blocking call is cut short), so one plain connection at a time is used here,
with no retry below the caller, who alone knows what may be sent twice.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NoReturn
from weakref import WeakSet

import redis
from hiredis import pack_command
from redis.connection import AbstractConnection

from asok_core import compat
from asok_core.backends.redis.calls.call import Arg, R, ScriptCall, signature_of
from asok_core.backends.redis.explanations import explained, explaining, wrong_type
from asok_core.backends.redis.master import Master
from asok_core.backends.redis.scripts import Script
from asok_core.backends.redis.tls import check_tls
from asok_core.backends.redis.transport import ReplyTooLarge, transport_of
from asok_core.errors import SettingsError, Unreachable
from asok_core.settings.redis_url import masked_url, parse_redis_url

REPLY_TIMEOUT = 5.0

_Sent = tuple[Script, list[Arg], Callable[[Any], R]]
"""A script whose reply is still to come, its arguments, and how its reply is parsed."""


class Endpoint:
    """Where Redis is. Sentinel and Cluster are resolved again for each connection.

    In a Cluster all keys share one slot (``ASOK_NAMESPACE={asok}``), so one node holds everything and
    a plain connection to it is all that is needed; after a move, the next connection finds the new node.
    """

    def __init__(self, url: str, *, namespace: str = "asok", name: str = "asok") -> None:
        self.shown = masked_url(url)
        self.name = name
        self.namespace = namespace
        try:
            address = parse_redis_url(url)
        except ValueError as error:
            raise SettingsError(f"the Redis URL {self.shown!r} is invalid: {error}") from None
        if address.is_cluster and not re.fullmatch(r"\{[^{}]+\}", namespace):
            raise SettingsError(
                f"ASOK_NAMESPACE is {namespace!r}; on Redis Cluster it must be in braces, as in "
                "'{asok}', so that every key is in one slot"
            )
        if address.is_tls:
            check_tls(self.shown, address.options)
        self.database = address.db
        self.is_cluster = address.is_cluster
        self._master = Master(address, namespace)

    def connect(
        self, *, reply_timeout: float | None = REPLY_TIMEOUT, name: str | None = None
    ) -> Connection:
        """A new connection for one thread. Raises Unreachable or Refused.

        ``reply_timeout`` is in seconds and must be well above any block; ``name`` is what
        CLIENT LIST shows.
        """
        return Connection(self, reply_timeout, name or self.name)

    def connection(self, reply_timeout: float | None, name: str) -> AbstractConnection:
        """A connected redis-py connection, for Connection and for subscribers."""
        with explaining(self.shown):
            connection = self._master.connection(reply_timeout)
            connection.connect()
            try:
                connection.send_command("CLIENT", "SETNAME", name)
                connection.read_response()
            except redis.exceptions.NoPermissionError:
                pass  # without CLIENT it works as well, only namelessly
            except BaseException:
                connection.disconnect()
                raise
        _open.add(connection)
        return connection


_open: WeakSet[AbstractConnection] = WeakSet()


def _close_copies() -> None:
    # To Redis a connection is alive for as long as any process holds its socket.
    for each in list(_open):
        with suppress(Exception):  # sockets of gevent and eventlet may have lost their loop
            copy = compat.socket_of(each)
            copy.close() if copy is not None else each.disconnect()
    _open.clear()


os.register_at_fork(after_in_child=_close_copies)


class Connection:
    """One connection for one thread: send, read, no retries. After an Unreachable it is closed."""

    def __init__(self, endpoint: Endpoint, reply_timeout: float | None, name: str) -> None:
        self._shown = endpoint.shown
        self._connection: Any = endpoint.connection(reply_timeout, name)
        self._transport = transport_of(self._connection, reply_timeout)
        self.open = True
        self.operation = ""
        """The last operation of the audit of which a call was sent."""

    def call(self, *command: Arg) -> Any:
        """Send one command and read its reply. Raises Unreachable, Refused or ResponseError."""
        self.send(*command)
        return self.read()

    def pipeline(self, commands: Sequence[Sequence[Arg]]) -> list[Any]:
        """Send many commands at once; replies in order, an error reply as an exception object."""
        if not commands:
            return []
        replies: list[Any] = []
        try:
            self._transport.send(b"".join(_packed(tuple(command)) for command in commands))
            replies += (self._transport.receive() for _ in commands)
        except (redis.RedisError, OSError) as error:
            self._explain(error)
        return replies

    def checked(self, reply: Any) -> Any:
        """A reply of a pipeline; None where the key is of another type.

        Raises Unreachable or Refused for any other error: what may not be read, or not yet, is not
        to be taken for empty.
        """
        if isinstance(reply, redis.RedisError):
            if wrong_type(reply):
                return None
            self._explain(reply)
        return reply

    def run(self, call: ScriptCall[R], while_waiting: Callable[[], object] | None = None) -> R:
        """Run a script by its digest; Redis gets the text when it does not have it yet.

        ``while_waiting`` is called while Redis works.
        """
        sent = self._start(call)
        if while_waiting is not None:
            try:
                while_waiting()
            except BaseException:
                self.close()  # the reply is still to come
                raise
        return self._finish(sent)

    def run_each(
        self, calls: Iterable[ScriptCall[R]], while_waiting: Callable[[], object] | None = None
    ) -> Iterator[R]:
        """Run scripts one after the other: the next call is made while Redis works on the last.

        ``while_waiting`` is called while Redis works on the last of all.
        """
        sent: _Sent[R] | None = None
        for call in calls:
            if sent is not None:
                yield self._finish(sent)
            sent = self._start(call)
        if while_waiting is not None:
            while_waiting()
        if sent is not None:
            yield self._finish(sent)

    def _start(self, call: ScriptCall[R]) -> _Sent[R]:
        script, pack, parse = signature_of(type(call))
        arguments = pack(call)
        self.send("EVALSHA", script.sha, *arguments)
        if call.op:
            self.operation = call.op
        return script, arguments, parse

    def _finish(self, sent: _Sent[R]) -> R:
        script, arguments, parse = sent
        try:
            reply = self.read()
        except redis.exceptions.NoScriptError:
            reply = self.call("EVAL", script.text, *arguments)
        return parse(reply)

    def send(self, *command: Arg) -> None:
        """Send one command without waiting for the reply."""
        try:
            self._transport.send(_packed(command))
        except OSError as error:
            self._explain(error)

    def read(self) -> Any:
        """Read one reply."""
        try:
            return self._checked_reply(self._transport.receive())
        except (redis.RedisError, OSError) as error:
            self._explain(error)

    def read_up_to(self, most: int) -> Any:
        """Read one reply. No earlier reply may be unread.

        Raises ReplyTooLarge where it is a text of more than ``most`` bytes, and closes the connection.
        """
        try:
            return self._checked_reply(self._transport.receive_up_to(most))
        except ReplyTooLarge:
            self.close()
            raise
        except (redis.RedisError, OSError) as error:
            self._explain(error)

    def readable(self) -> bool:
        """Whether a reply, or a message, has come."""
        try:
            return self._transport.readable()
        except (redis.RedisError, OSError) as error:
            self._explain(error)

    @property
    def file(self) -> int | None:
        """The file descriptor to wait on; None where it is not known, and ``readable`` must be asked."""
        number = self._transport.file
        if number is not None and number < 0:
            raise Unreachable(f"the connection to {self._shown} is closed")
        return number

    def close(self) -> None:
        """Close the connection; closing twice is harmless."""
        self.open = False
        self._connection.disconnect()

    @staticmethod
    def _checked_reply(reply: Any) -> Any:
        if isinstance(reply, redis.ResponseError):
            try:
                raise reply
            finally:
                del reply  # see _explain
        return reply

    def _explain(self, error: redis.RedisError | OSError) -> NoReturn:
        ours = explained(error, self._shown)
        if isinstance(ours, Unreachable):
            self.close()
        try:
            if ours is error:
                raise ours
            raise ours from error
        finally:
            # Otherwise the error holds this frame, which holds the error: what its callers hold
            # (futures, results) is kept until the garbage collector runs.
            del ours, error


def _packed(command: tuple[Arg, ...]) -> bytes:
    packed: bytes = pack_command(command)  # type: ignore[arg-type] # its stub: tuples of one only
    return packed
