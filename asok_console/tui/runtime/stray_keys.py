"""Letters that were meant for a dialog must not act where none opened."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import events

PAUSE = 0.7
"""Seconds without a key after which the next one is meant."""

LOOKED_FOR = 2.0
"""Seconds in which a first key may be meant for a dialog that did not open: people look for it first."""


class Hush:
    """Swallows what is typed until a pause. ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = 0.0

    def begin(self, wait: float = PAUSE) -> None:
        """Swallow letters and Enter for ``wait`` seconds, then until nothing was typed for ``PAUSE``."""
        self._until = self._clock() + wait

    @property
    def lasts(self) -> bool:
        """Whether what is typed now would be swallowed."""
        return self._clock() < self._until

    def swallows(self, key: events.Key) -> bool:
        """Whether a key is to be dropped; each that is makes it last."""
        typed = (key.character or "").isalpha() or key.key in ("enter", "space", "backspace")
        if key.key == "escape" or (key.character or "").isdigit():
            # No part of a word: whoever turns to another view means the next letter.
            self._until = 0.0
        if not typed or not self.lasts:
            return False
        self._until = max(self._until, self._clock() + PAUSE)
        return True
