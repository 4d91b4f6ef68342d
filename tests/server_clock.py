"""The clock of a Redis server, which a test can set.

If libfaketime is installed (Debian: faketime), the clock itself is set. Otherwise the leases of all
workers are moved the other way in one step, which is equivalent for code that only reads leases.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asok_console.demo.embedded import find_redis_server

HOUR = 3600
_LIBRARIES = "/usr/lib/*/faketime/libfaketime.so.1"
_MOVE = """
for _, worker in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  redis.call('ZINCRBY', KEYS[1], ARGV[1], worker)
end"""


class MovableClock:
    """``binary`` starts a server with this clock; None if the default server can be used."""

    def __init__(self, folder: Path) -> None:
        self._offset = 0
        self._file = folder / "clock"
        self.binary = self._wrapper(folder)
        self._write()

    @property
    def real(self) -> bool:
        """Whether the clock itself is set, and not only the leases."""
        return self.binary is not None

    def set(self, client: Any, hours: int) -> None:
        """Set the clock forward or back by some hours."""
        if self.real:
            self._offset += hours * HOUR
            self._write()
        else:
            client.eval(_MOVE, 1, "asok:workers", -hours * HOUR * 1000)

    def _write(self) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{self._offset:+d}")
        # Replaced atomically: the server may read it at any time.
        fresh.rename(self._file)

    def _wrapper(self, folder: Path) -> Path | None:
        library = next(iter(sorted(Path("/").glob(_LIBRARIES[1:]))), None)
        if library is None:
            return None
        wrapper = folder / "redis-server"
        wrapper.write_text(
            "#!/bin/sh\n"
            f"export LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={self._file}\n"
            "export FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1\n"
            f'exec {find_redis_server()} "$@"\n'
        )
        wrapper.chmod(0o755)
        return wrapper
