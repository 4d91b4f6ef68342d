"""A socket in front of Redis that cuts the connection at one chosen command."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self
from urllib.parse import quote

from tests.concurrently import wait_for_end


class Cut(StrEnum):
    """What happens at the chosen command."""

    REQUEST_LOST = "request lost"
    """Redis never receives it."""
    REPLY_LOST = "reply lost"
    """Redis carries it out, and the client never gets the reply."""
    REQUEST_LATE = "request late"
    """The client gives up, and the network hands Redis the command when the client has gone on."""


OF_THE_CONNECTION = {b"CLIENT", b"HELLO", b"AUTH", b"SELECT"}
"""Commands of a handshake, which are not counted."""


@dataclass
class Cutter:
    """Passes everything on but command number ``at`` (from 0, over all connections) of those counted.

    ``commands`` are the names of the counted commands so far.
    """

    path: Path
    server: Path
    at: int | None = None
    cut: Cut = Cut.REQUEST_LOST
    commands: list[str] = field(default_factory=list)
    _late: list[tuple[socket.socket, bytes]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sockets: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _readers: dict[socket.socket, threading.Thread] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where clients reach Redis through it."""
        return f"unix://{quote(str(self.path))}"

    @property
    def done(self) -> bool:
        """Whether the chosen command has come."""
        return self.at is not None and len(self.commands) > self.at

    def deliver(self) -> None:
        """Let Redis have what was late, if its connection is still open on that side."""
        for upstream, request in self._late:
            with suppress(OSError):
                upstream.sendall(request)
            # Until there is the reply, or this connection is closed.
            self._readers[upstream].join(5)
        self._late.clear()

    def __enter__(self) -> Self:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.deliver()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            _end(each)
        for thread in self._threads:
            wait_for_end(thread, "a thread of the proxy")
        for each in self._sockets:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(str(self.server))
            self._sockets += [client, upstream]
            lost = threading.Event()
            self._readers[upstream] = self._begin(self._replies, client, upstream, lost)
            self._begin(self._requests, client, upstream, lost)

    def _begin(self, target: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    def _requests(
        self, client: socket.socket, upstream: socket.socket, lost: threading.Event
    ) -> None:
        with suppress(OSError):
            for name, request in _requests_of(client):
                if not self._chosen(name):
                    upstream.sendall(request)
                    continue
                if self.cut is Cut.REPLY_LOST:
                    lost.set()
                    upstream.sendall(request)
                    return  # the other thread ends both when the reply is there
                if self.cut is Cut.REQUEST_LATE:
                    lost.set()
                    self._late.append((upstream, request))
                    _end(client)
                    return
                break
        _end(client)
        _end(upstream)

    def _replies(
        self, client: socket.socket, upstream: socket.socket, lost: threading.Event
    ) -> None:
        with suppress(OSError):
            while data := upstream.recv(65536):
                if lost.is_set():
                    break
                client.sendall(data)
        if not any(late is upstream for late, _ in self._late):
            _end(upstream)
        _end(client)

    def _chosen(self, name: bytes) -> bool:
        if name in OF_THE_CONNECTION:
            return False
        with self._lock:
            self.commands.append(name.decode())
            return len(self.commands) - 1 == self.at


def _requests_of(client: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    """Each command as its name and its bytes."""
    with client.makefile("rb") as stream:
        while head := stream.readline():
            parts, request = [], [head]
            for _ in range(int(head[1:])):
                size = stream.readline()
                text = stream.read(int(size[1:]) + 2)
                request += [size, text]
                parts.append(text[:-2])
            yield parts[0].upper(), b"".join(request)


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
