"""Ignore characters that were typed for a dialog where none opened."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import events

PAUSE = 0.7
"""Seconds without a key after which the next one acts again."""

LOOKED_FOR = 2.0
"""Seconds in which a first key may be meant for a dialog that did not open: people look for it first."""


class StrayKeyGuard:
    """Ignores what is typed until a pause. ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = 0.0

    def begin(self, wait: float = PAUSE) -> None:
        """Ignore characters and Enter for ``wait`` seconds, then until nothing was typed for ``PAUSE``."""
        self._until = self._clock() + wait

    @property
    def lasts(self) -> bool:
        """Whether what is typed now is ignored."""
        return self._clock() < self._until

    def swallows(self, key: events.Key) -> bool:
        """Whether a key is ignored; each one that is extends the time."""
        typed = (key.character or "").isalpha() or key.key in ("enter", "space", "backspace")
        if key.key == "escape" or (key.character or "").isdigit():
            # Not part of a word: after a change of the view the next character acts.
            self._until = 0.0
        if not typed or not self.lasts:
            return False
        self._until = max(self._until, self._clock() + PAUSE)
        return True
