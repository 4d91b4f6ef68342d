"""The declared calls of all Lua scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from asok_core.backends.redis import calls
from asok_core.backends.redis.calls.call import ScriptCall, script_name
from asok_core.backends.redis.scripts import names


@cache
def all_calls() -> Mapping[str, type[ScriptCall[Any]]]:
    """Every call by the name of its script. Raises TypeError for a script without a call."""
    found = {script_name(each): each for each in _declared()}
    scripts = names("scripts")
    if undeclared := [name for name in scripts if name not in found]:
        raise TypeError(f"no call declares the arguments of {', '.join(undeclared)}")
    return {name: found[name] for name in scripts}


def _declared() -> Iterator[type[ScriptCall[Any]]]:
    # Not by __subclasses__: a dataclass with slots replaces its class, which stays there for a while.
    for each in iter_modules(calls.__path__):
        module = import_module(f"{calls.__name__}.{each.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, ScriptCall):
                yield value
