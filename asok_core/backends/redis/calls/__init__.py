"""The declarations of all Lua scripts: what each is called with, and what it replies."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

from asok_core.backends.redis.calls.call import NamespacedCall, ScriptCall, script_name
from asok_core.backends.redis.scripts import names


@cache
def all_calls() -> Mapping[str, type[ScriptCall[Any]]]:
    """Every call by the name of its script. Raises TypeError for a script without a call."""
    for file in files(__package__).iterdir():
        if file.name.endswith(".py"):
            import_module(f"{__package__}.{file.name.removesuffix('.py')}")
    found = {script_name(each): each for each in _leaves(ScriptCall)}
    if undeclared := [name for name in names("scripts") if name not in found]:
        raise TypeError(f"no call declares the arguments of {', '.join(undeclared)}")
    return found


def _leaves(kind: type[Any]) -> list[type[Any]]:
    below = [leaf for each in kind.__subclasses__() for leaf in _leaves(each)]
    return below or ([] if kind in (ScriptCall, NamespacedCall) else [kind])


def load_scripts() -> None:
    """Load every script: a worker that runs out of file descriptors later can read none."""
    for call in all_calls().values():
        call.script()
