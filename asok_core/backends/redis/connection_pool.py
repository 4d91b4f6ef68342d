"""Connections that threads borrow."""

from __future__ import annotations

import os
import threading

import redis

from asok_core.backends.redis.connection import Connection, Endpoint


class ConnectionPool:
    """Open connections for threads to borrow; grows as needed, survives a fork."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._idle: list[Connection] = []
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def borrow(self) -> _Borrowed:
        """A connection for the body of a ``with``; a broken one is not returned to the pool."""
        if self._pid != os.getpid():
            # The parent's sockets: used from two processes their replies would mix. And its lock:
            # one of its threads may have held it when it forked.
            self._idle, self._lock, self._pid = [], threading.Lock(), os.getpid()
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        return _Borrowed(self, connection or self.endpoint.connect())

    def release(self, connection: Connection) -> None:
        """Take a connection back whose replies have all been read."""
        if connection.open and self._pid == os.getpid():
            with self._lock:
                self._idle.append(connection)

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


class _Borrowed:
    """A connection of a pool for the body of a ``with``. A generator would be slower."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: ConnectionPool, connection: Connection) -> None:
        self._pool = pool
        self._connection = connection

    def __enter__(self) -> Connection:
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, redis.ResponseError):
            self._pool.release(self._connection)
        else:
            # A reply may still be under way: the next borrower would read it as its own.
            self._connection.close()
