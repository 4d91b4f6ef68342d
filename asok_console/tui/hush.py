"""Letters that were meant for a dialog must not act where none opened."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import events

PAUSE = 0.7
"""Seconds without a key after which the next one is meant."""


class Hush:
    """Swallows what is typed until a pause. ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = 0.0

    def begin(self) -> None:
        """Swallow letters and Enter from now on, until nothing was typed for ``PAUSE`` seconds."""
        self._until = self._clock() + PAUSE

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
        self.begin()
        return True
