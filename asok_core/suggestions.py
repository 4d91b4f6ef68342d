"""What someone may have meant who has misspelt a name."""

from __future__ import annotations

from collections.abc import Iterable

_ALIKE = 0.7
"""How alike two names must be, from 0 to 1."""


def did_you_mean(word: str, names: Iterable[str], before: str = "") -> str:
    """``; did you mean NAME?`` with the name that is most like ``word``, and ``before`` before it.

    '' where none is like it.
    """
    from difflib import (
        get_close_matches,  # Only where there is an error: it is not loaded for others.
    )

    near = get_close_matches(word, list(names), 1, cutoff=_ALIKE)
    return f"; did you mean {f'{before} {near[0]}'.strip()}?" if near else ""
