"""How commands and replies pass through a connection: by its socket, or by redis-py's own methods."""

from __future__ import annotations

import os
import socket
import ssl
import struct
from typing import Any, Protocol

import hiredis
import redis
from redis.connection import AbstractConnection, DefaultParser

from asok_core import compat

READ = 65536
"""Bytes that are received at once."""

_LONGEST_HEAD = 64
"""Bytes within which the first line of a bulk string reply ends."""

_MORE = object()
"""What the parser returns while a reply is not complete."""


class ReplyTooLarge(Exception):
    """A reply was too large and was not read."""


class Transport(Protocol):
    """Sends packed commands and receives replies, errors among them. Raises RedisError or OSError."""

    @property
    def file(self) -> int | None:
        """The file descriptor to wait on, below 0 once it is closed; None where it is not known."""

    def send(self, packed: bytes) -> None:
        """Send what ``pack_command`` made of one command or of several."""

    def receive(self) -> Any:
        """Wait for one reply."""

    def receive_up_to(self, most: int) -> Any:
        """Wait for one reply. Raises ReplyTooLarge where it is a text of more than ``most`` bytes."""

    def readable(self) -> bool:
        """Whether a reply has come."""


def transport_of(connection: AbstractConnection, reply_timeout: float | None) -> Transport:
    """The fastest way through an open connection all of whose replies were read."""
    found = compat.socket_of(connection)
    return (
        ConnectionTransport(connection)
        if found is None
        else SocketTransport(connection, found, reply_timeout)
    )


class SocketTransport:
    """The socket itself, and a parser of its own: past redis-py a round trip takes a fifth less."""

    def __init__(self, connection: Any, opened: Any, reply_timeout: float | None) -> None:
        if reply_timeout is not None and not isinstance(opened, ssl.SSLSocket):
            _let_the_kernel_time(opened, reply_timeout)
        self._connection = connection
        self._socket = opened
        self._buffer = bytearray(READ)
        self._reader: Any = hiredis.Reader(
            protocolError=redis.exceptions.InvalidResponse,
            replyError=DefaultParser.parse_error,
            notEnoughData=_MORE,
        )

    @property
    def file(self) -> int | None:
        """The file descriptor of the socket."""
        number: int = self._socket.fileno()
        return number

    def send(self, packed: bytes) -> None:
        """Send packed commands."""
        self._socket.sendall(packed)

    def receive(self) -> Any:
        """Wait for one reply."""
        gets = self._reader.gets
        while (reply := gets()) is _MORE:
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise redis.ConnectionError("Connection closed by server.")
            self._reader.feed(self._buffer, 0, count)
        if isinstance(reply, redis.ConnectionError):
            raise reply  # such as "max number of clients reached": the server closes the connection
        return reply

    def receive_up_to(self, most: int) -> Any:
        """Wait for one reply; nothing is read of one that is too large. No earlier one may be unread."""
        begun = b""
        # The first line of a text says how long it is. MSG_PEEK would do, but not with TLS.
        while b"\r\n" not in begun and len(begun) < _LONGEST_HEAD:
            more = self._socket.recv(_LONGEST_HEAD)
            if not more:
                raise redis.ConnectionError("Connection closed by server.")
            begun += more
        line = begun.split(b"\r\n", 1)[0]
        if line[:1] == b"$" and line[1:].isdigit():
            _check_size(int(line[1:]), most)
        self._reader.feed(begun)
        return self.receive()

    def readable(self) -> bool:
        """Whether a reply, or the end of the connection, has come."""
        return self._reader.has_data() or bool(self._connection.can_read(0))


class ConnectionTransport:
    """The public methods of redis-py's connection, which has no file to wait on."""

    file = None

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection: Any = connection

    def send(self, packed: bytes) -> None:
        """Send packed commands."""
        self._connection.send_packed_command([packed], check_health=False)

    def receive(self) -> Any:
        """Wait for one reply."""
        try:
            return self._connection.read_response(disable_decoding=True)
        except redis.ResponseError as error:
            return error

    def receive_up_to(self, most: int) -> Any:
        """Wait for one reply; one that is too large is read, and dropped."""
        reply = self.receive()
        if isinstance(reply, bytes):
            _check_size(len(reply), most)
        return reply

    def readable(self) -> bool:
        """Whether a reply has come."""
        return bool(self._connection.can_read(0))


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise ReplyTooLarge(f"a reply of {size:,} bytes")


def _let_the_kernel_time(connected: Any, seconds: float) -> None:
    """Let sends and replies time out in the kernel: Python's own way polls before each of them.

    Each signal that arrives in the time begins it again.
    """
    limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
    connected.settimeout(None)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    if not os.get_blocking(connected.fileno()):
        # Not one of Python's own (gevent, eventlet): only its own timeout ends a wait.
        connected.settimeout(seconds)
