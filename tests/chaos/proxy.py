"""A bad network: a socket in front of Redis that cuts connections or, for a while, holds everything."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

from tests.concurrently import wait_for_end


class Proxy:
    """Passes bytes between clients of ``path`` and the server's socket, in a thread of its own."""

    def __init__(self, path: Path, server: Path) -> None:
        self.url = f"unix://{quote(str(path))}"
        self._path = path
        self._server = server
        self._writers: set[asyncio.StreamWriter] = set()
        self._stranded: set[asyncio.StreamWriter] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def cut(self) -> None:
        """Break every connection, whatever is under way on it."""
        self._soon(self._abort_all)

    def hold(self) -> None:
        """Pass nothing on, as a network does that loses packets."""
        self._soon(self._open.clear)

    def release(self) -> None:
        """Pass on what was held, and all that comes."""
        self._soon(self._open.set)

    def strand(self) -> None:
        """Lose all that comes over the connections there are, and their ends too; new ones work."""
        self._soon(lambda: self._stranded.update(self._writers))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10), "the proxy did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._soon(self._stop.set)
        wait_for_end(self._thread, "the proxy")

    def _soon(self, do: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(do)

    def _run(self) -> None:
        asyncio.run(self._listen())

    async def _listen(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._open, self._stop = asyncio.Event(), asyncio.Event()
        self._open.set()
        server = await asyncio.start_unix_server(self._serve, self._path)
        self._started.set()
        await self._stop.wait()
        server.close()
        self._open.set()
        self._abort_all()
        mine = asyncio.current_task()
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not mine))

    def _abort_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(self._server)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, up_writer}
        self._writers |= pair
        await asyncio.gather(self._pass(reader, up_writer), self._pass(up_reader, writer))
        self._writers -= pair
        self._stranded -= pair

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                await self._open.wait()
                if target in self._stranded:
                    break
                target.write(data)
                await target.drain()
        if target in self._stranded:
            await self._stop.wait()
        target.transport.abort()
