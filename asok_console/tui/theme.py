"""The console's own colours, and the styles that custom-drawn widgets take from them.

Colour never carries a meaning alone: every tone goes with a word or a glyph. Text has a contrast of 4.5
at least on every background that it has, the cursor's row included; lines, bars and the two bands of a
plot where they meet have 3 (WCAG 2.1, 1.4.3 and 1.4.11). ``tests/tui/test_contrast.py`` computes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from rich.style import Style
from textual.app import App
from textual.theme import Theme

DARK = Theme(
    name="asok-dark",
    dark=True,
    primary="#6cb2f5",
    secondary="#a594f0",
    accent="#4fc4b7",
    foreground="#d5dce4",
    background="#0f1419",
    surface="#151b22",
    panel="#1f2730",
    success="#69c084",
    warning="#e3ac4c",
    error="#ef7070",
    variables={
        "tone-dim": "#8f9ba8",
        "tone-title": "#a3b0be",
        "tone-good": "#69c084",
        "tone-warn": "#e3ac4c",
        "tone-bad": "#ef7070",
        "tone-info": "#6cb2f5",
        "tone-calm": "#4fc4b7",
        "tone-done": "#2a6f67",
        "tone-failed": "#f5aeae",
        "tone-running": "#b9d3f6",
        "tone-mark": "#c9a6f5",
        "tone-grid": "#66727f",
        "cursor": "#1b2f43",
        "cursor-blurred": "#1b242d",
        "border-blurred": "#5d6a77",
        "footer-background": "#151b22",
        "scrollbar": "#5d6b7a",
        "scrollbar-background": "#0f1419",
        "input-selection-background": "#2f5478",
    },
)

LIGHT = Theme(
    name="asok-light",
    dark=False,
    primary="#1c62b3",
    secondary="#6a4bc0",
    accent="#09695f",
    foreground="#1f2832",
    background="#fcfcfa",
    surface="#f3f4f1",
    panel="#e6e9e5",
    success="#1f6a34",
    warning="#855500",
    error="#b5302c",
    variables={
        "tone-dim": "#5b6570",
        "tone-title": "#4a5662",
        "tone-good": "#1f6a34",
        "tone-warn": "#855500",
        "tone-bad": "#b5302c",
        "tone-info": "#1c62b3",
        "tone-calm": "#09695f",
        "tone-done": "#429a8e",
        "tone-failed": "#7c1a18",
        "tone-running": "#173d78",
        "tone-mark": "#7a3fb5",
        "tone-grid": "#7c8580",
        "cursor": "#dbe9f7",
        "cursor-blurred": "#e9edf0",
        "border-blurred": "#7f8883",
        "footer-background": "#f3f4f1",
        "scrollbar": "#7f8b8b",
        "scrollbar-background": "#f3f4f1",
        "input-selection-background": "#b9d3ee",
    },
)

CONTRAST = Theme(
    name="asok-contrast",
    dark=True,
    primary="#7fd0ff",
    secondary="#d6b3ff",
    accent="#5fffe8",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#262626",
    success="#5dff7e",
    warning="#ffd75f",
    error="#ff8a8a",
    variables={
        "tone-dim": "#d0d0d0",
        "tone-title": "#ffffff",
        "tone-good": "#5dff7e",
        "tone-warn": "#ffd75f",
        "tone-bad": "#ff8a8a",
        "tone-info": "#7fd0ff",
        "tone-calm": "#5fffe8",
        "tone-done": "#15796c",
        "tone-failed": "#ffb3b3",
        "tone-running": "#b3dcff",
        "tone-mark": "#d6b3ff",
        "tone-grid": "#8a8a8a",
        "cursor": "#003a66",
        "cursor-blurred": "#303030",
        "border-blurred": "#8a8a8a",
        "footer-background": "#000000",
        "scrollbar": "#8a8a8a",
        "scrollbar-background": "#262626",
        "input-selection-background": "#005f9e",
    },
)

THEMES = (DARK, LIGHT, CONTRAST)

_BOLD = frozenset({"title", "mark"})


class Tones:
    """Rich styles by the name of a tone.

    dim, title, good, warn, bad, info, calm, mark, grid; anything else is plain.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._plain = Style(color=variables["foreground"])
        self.cursor = Style(bgcolor=variables["cursor"])
        self.cursor_blurred = Style(bgcolor=variables["cursor-blurred"])

    @lru_cache(maxsize=64)  # noqa: B019 - lives as long as its theme
    def __call__(self, tone: str) -> Style:
        """The style of a tone; an unknown one is plain."""
        color = self._variables.get(f"tone-{tone}")
        return Style(color=color, bold=tone in _BOLD or None) if color else self._plain

    def color(self, tone: str) -> str:
        """The hex colour of a tone."""
        return self._variables.get(f"tone-{tone}", self._variables["foreground"])

    def background(self, name: str) -> str:
        """The hex colour of a background, such as ``cursor``."""
        return self._variables[name]


_KNOWN: dict[str, Tones] = {}


def tones_of(app: App[Any]) -> Tones:
    """The styles of the theme that an application uses, for widgets that draw their own lines."""
    if app.theme not in _KNOWN:
        _KNOWN[app.theme] = Tones(app.theme_variables)
    return _KNOWN[app.theme]
