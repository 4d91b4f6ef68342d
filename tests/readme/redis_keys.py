"""The table of Redis keys, from their declaration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

from asok_core.backends.redis.keys import Keys

LEFT_OUT = ("queue_name", "active_parts", "held_parts", "held_list", "absent")
"""Methods of ``Keys`` that take a key apart, and the key that never exists."""


def table() -> str:
    """The table, sorted by key."""
    rows = ["| Key | What it holds |", "|---|---|"]
    rows += [f"| {key} | {meaning} |" for key, meaning in sorted(declared())]
    return "\n".join(rows).replace("``", "`")


def declared() -> Iterator[tuple[str, str]]:
    """Each key as it is shown, with the variable parts in braces, and the line about it."""
    keys = Keys()
    for name, member in vars(Keys).items():
        if name.startswith("_") or name in LEFT_OUT:
            continue
        if isinstance(member, property):
            yield f"`{getattr(keys, name)}`", str(member.__doc__)
        elif inspect.isfunction(member):
            shown = f"`{_filled(getattr(keys, name))}`"
            if name == "queue":
                shown = f"`{keys.queue('default')}` (queue `default`), {shown}"
            yield shown, str(member.__doc__)


def _filled(make: Callable[..., str]) -> str:
    names = (name.removesuffix("_id") for name in inspect.signature(make).parameters)
    return make(*(f"{{{name}}}" for name in names))
