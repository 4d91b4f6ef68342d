"""The declarations of all Lua scripts: what each is called with, and what it replies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

from asok_core.backends.redis.calls.call import ScriptCall, script_name
from asok_core.backends.redis.scripts import names, source


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
    for file in files(__package__).iterdir():
        if file.name.endswith(".py") and file.name != "__init__.py":
            module = import_module(f"{__package__}.{file.name.removesuffix('.py')}")
            for each in vars(module).values():
                if isinstance(each, type) and issubclass(each, ScriptCall):
                    yield each


def load_scripts() -> None:
    """Read every file that a script needs: a worker that runs out of file descriptors can read none later.

    A script is put together when it is first called. A process calls few of them.
    """
    all_calls()
    for folder in ("scripts", "fragments"):
        for name in names(folder):
            source(folder, name)
