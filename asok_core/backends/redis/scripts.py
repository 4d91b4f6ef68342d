"""The Lua files in ``lua``, put together into the scripts that Redis gets.

A script consists of its header, which ``calls`` generates from the declaration of its arguments, the keys
and constants that it uses (``lua_names.py``), its fragments and its own file. Redis has no include, so a
file whose head says ``-- needs: record stats`` gets these files of ``lua/fragments``, and what they need
themselves, each once and before the file that needs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import NamedTuple

from asok_core.backends.redis.lua_names import resolved

_LUA = Path(__file__).parent / "lua"
_NEEDS = re.compile(r"^-- needs: (.+)$", re.MULTILINE)
_OFFSET = re.compile(r"\b([A-Z][A-Z_]+)\.(\w+)\b")


class Script(NamedTuple):
    """A Lua script and the digest by which EVALSHA calls it."""

    name: str
    text: str
    sha: str


def assemble(name: str, header: str, rows: Mapping[str, tuple[str, ...]]) -> Script:
    """The script of ``lua/scripts/{name}.lua``. ``header`` defines its arguments.

    ``rows`` are the fields of each kind of row among these, by its name in Lua: see ``with_offsets``.
    """
    text = source("scripts", name)
    fragments = [source("fragments", each) for each in needs_of(text)]
    whole = header + with_offsets(resolved(*fragments, text), rows)
    return Script(name, whole, sha1(whole.encode(), usedforsecurity=False).hexdigest())


def needs_of(text: str) -> tuple[str, ...]:
    """The fragments that a Lua text needs, each after those that it needs itself.

    Raises ValueError where there is no such fragment, or where two need each other.
    """
    return tuple(dict.fromkeys(each for name in _named(text) for each in _with_needs(name, ())))


def _named(text: str) -> list[str]:
    found = _NEEDS.search(text)
    return found.group(1).split() if found else []


def _with_needs(name: str, within: tuple[str, ...]) -> Iterator[str]:
    if name in within:
        raise ValueError(f"fragments need each other: {' -> '.join((*within, name))}")
    for each in _named(source("fragments", name)):
        yield from _with_needs(each, (*within, name))
    yield name


def with_offsets(text: str, rows: Mapping[str, tuple[str, ...]]) -> str:
    """The text with a number for each ``ROW.field``: how far it is from the first field of its row.

    ``ROW.SIZE`` is how many there are. Raises ValueError for a field that the row does not have.
    """

    def number(found: re.Match[str]) -> str:
        row, field = found.groups()
        if row not in rows:
            return found.group()
        if field == "SIZE":
            return str(len(rows[row]))
        if field not in rows[row]:
            raise ValueError(f"{row} has no field {field!r}; it has {', '.join(rows[row])}")
        return str(rows[row].index(field))

    return _OFFSET.sub(number, text)


@cache
def source(folder: str, name: str) -> str:
    """The text of ``lua/{folder}/{name}.lua``. Raises ValueError where there is none."""
    file = _LUA / folder / f"{name}.lua"
    if not file.is_file():
        raise ValueError(f"no Lua file {name!r} in lua/{folder}")
    return file.read_text(encoding="utf-8")


@cache
def names(folder: str) -> tuple[str, ...]:
    """The names of the Lua files in a folder."""
    return tuple(sorted(file.stem for file in (_LUA / folder).iterdir()))


def read_sources() -> None:
    """Read all Lua files: a worker that runs out of file descriptors later can read none."""
    for folder in ("scripts", "fragments"):
        for name in names(folder):
            source(folder, name)
