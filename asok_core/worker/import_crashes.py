"""Modules that a process died of while it imported them, or whose import does not end.

No job is charged for that: a segmentation fault in an extension, ``os._exit`` in a module, or a server
that a module waits for is a fault of the worker, as an import that raises is. The job is postponed, and
the processes of this worker do not import the module for a time that doubles with each death: jobs of
other modules run meanwhile.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

LONGEST = 3600.0
"""Seconds at most for which a module is not imported."""
SETTLED_AFTER = 600.0
"""Seconds after the end of that without a further death, from which the next one counts as the first."""
MOST = 1000
"""Modules that are remembered."""


class FailedImport(NamedTuple):
    """A module, and why it cannot be imported."""

    module: str
    why: str


@dataclass(slots=True)
class _Module:
    deaths: int = 0
    until: float = 0.0
    why: str = ""


class ImportDeaths:
    """What the supervisor knows of such modules. Times are those of ``clock``, which is never set."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._modules: dict[str, _Module] = {}

    def note(self, module: str, why: str) -> str:
        """Note that a process died, or was ended, while it imported ``module``; ``why`` says how.

        Returns the command that keeps the others from importing it now.
        """
        now, known = self._clock(), self._modules.pop(module, _Module())
        if now > known.until + SETTLED_AFTER:
            known.deaths = 0
        known.deaths += 1
        known.until = now + min(2.0 ** min(known.deaths - 1, 20), LONGEST)
        known.why = why
        # The latest is the last, and the oldest one makes room.
        self._modules[module] = known
        if len(self._modules) > MOST:
            del self._modules[next(iter(self._modules))]
        return _command(module, known.until - now, why)

    def commands(self) -> Iterator[str]:
        """The command to a process for each module that is not to be imported now."""
        now = self._clock()
        for name, known in self._modules.items():
            if known.until > now:
                yield _command(name, known.until - now, known.why)


def _command(module: str, seconds: float, why: str) -> str:
    return f"avoid {json.dumps([module, round(seconds, 3), why])}"


class AvoidedModules:
    """Modules that a process does not import for some time, by command of its supervisor."""

    def __init__(self) -> None:
        self._modules: dict[str, tuple[float, str]] = {}

    def add(self, text: str) -> None:
        """Take what follows ``avoid`` in a command."""
        module, seconds, why = json.loads(text)
        self._modules[module] = time.monotonic() + seconds, why

    def why(self, module: str) -> str:
        """Why ``module`` is not to be imported, '' where it may be."""
        until, why = self._modules.get(module, (0.0, ""))
        if until > time.monotonic():
            return why
        self._modules.pop(module, None)
        return ""


def died_importing(how: str) -> str:
    """The reason where a process died during an import; ``how`` says how it ended."""
    return f"a process died while importing it ({how})"


def postponed_for(module: str, why: str) -> str:
    """Why a job of that module is postponed."""
    return f"module {module!r} cannot be imported: {why}"
