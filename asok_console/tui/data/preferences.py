"""What a console remembers of the one before: interval, theme and view.

It is a convenience: a file that is broken, foreign or cannot be written is passed over in silence.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from asok_console.tui.data.poller import FASTEST, SLOWEST
from asok_console.tui.keys.actions import VIEW_NAMES
from asok_console.tui.theme import THEMES
from asok_core.runtime.whole_file import whole_file

LONGEST = 4096
"""Bytes of a file that are looked at."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """``interval`` is in seconds; ``theme`` and ``view`` are names."""

    interval: float = 1.0
    theme: str = THEMES[0].name
    view: str = VIEW_NAMES[0]
    fresh: bool = False
    """Whether there was nothing to remember; it is not kept."""


def state_file() -> Path:
    """Where it is kept: ``asok/console.json`` under XDG_STATE_HOME (``~/.local/state``)."""
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    # The specification requires relative paths to be ignored.
    home = named if named.is_absolute() else Path("~/.local/state").expanduser()
    return home / "asok" / "console.json"


def recall() -> Preferences:
    """What the last console left, as far as it makes sense."""
    try:
        with state_file().open("rb") as stream:
            said = json.loads(stream.read(LONGEST))
    except FileNotFoundError:
        return Preferences(fresh=True)
    except (OSError, ValueError, RuntimeError, RecursionError):
        return Preferences()
    if not isinstance(said, dict):
        return Preferences()
    fresh = Preferences()
    return Preferences(
        _interval(said.get("interval"), fresh.interval),
        _one_of([theme.name for theme in THEMES], said.get("theme"), fresh.theme),
        _one_of(VIEW_NAMES, said.get("view"), fresh.view),
    )


def _interval(said: object, otherwise: float) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float):
        return otherwise
    return float(said) if FASTEST <= said <= SLOWEST else otherwise


def _one_of(names: Sequence[str], said: object, otherwise: str) -> str:
    return said if isinstance(said, str) and said in names else otherwise


def remember(state: Preferences) -> None:
    """Keep it for the next console, readable by its owner only."""
    with suppress(OSError, RuntimeError):
        path = state_file()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with whole_file(path, replace=True) as stream:
            json.dump({k: v for k, v in asdict(state).items() if k != "fresh"}, stream)
