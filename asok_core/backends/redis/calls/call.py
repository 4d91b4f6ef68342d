"""Typed calls of Lua scripts.

A subclass of ``ScriptCall`` declares the arguments and the reply of the script that has its name:
``EndLease`` is ``lua/scripts/end_lease.lua``. In Lua every argument is a local of its field's name: a
number for ``int`` and ``float``, true or false for ``bool``, otherwise a text. A sequence ``queues`` is
``ARGV[queues_first]`` to ``ARGV[queues_last]``; if its elements are rows (named tuples, as ``NewJob``), a
field of the row that begins at ``i`` is ``ARGV[i + NEW_JOB.unique]``, and the next row begins at
``i + NEW_JOB.SIZE``. A reply that is a named tuple is made with ``reply { field = value, ... }``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import (
    Annotated,
    Any,
    Generic,
    NamedTuple,
    ParamSpec,
    TypeVar,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from asok_core.backends.redis.scripts import Script, assemble

Arg = bytes | str | int | float
"""What may be in a command."""

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_KEY = "key"
Key = Annotated[str | bytes, _KEY]
"""A key, which is in KEYS and not in ARGV."""
KeyList = Annotated[Sequence[str | bytes], _KEY]
"""All elements of KEYS."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass_transform(kw_only_default=True, eq_default=False)
def script_call(declared: type[T]) -> type[T]:
    """A dataclass of the arguments that a class declares.

    Calls are never compared or printed. Without the methods for that, the declarations of all scripts take
    half the time, which is part of the start of each process of a worker.
    """
    return dataclass(slots=True, kw_only=True, eq=False, repr=False)(declared)


@script_call
class ScriptCall(Generic[R]):
    """A call of a script with its arguments. ``R`` is its reply."""

    op = ""
    """The id of the operation in the audit that it is a part of; empty: of none."""

    @classmethod
    def script(cls) -> Script:
        """The script with its digest; it is put together when it is first asked for."""
        return signature_of(cls).script

    def command(self) -> tuple[Arg, ...]:
        """The whole command, as pipelines send it. The server must know the script."""
        signature = signature_of(type(self))
        return ("EVALSHA", signature.script.sha, *signature.pack(self))


@script_call
class NamespacedCall(ScriptCall[R]):
    """A call of a script that uses keys by name. ``ns`` is the namespace."""

    ns: str


class Signature(NamedTuple):
    """What is derived from the declaration of a call."""

    script: Script
    pack: Callable[[Any], list[Arg]]
    """What follows the digest in EVALSHA: the number of keys, the keys, the arguments."""
    parse: Callable[[Any], Any]


class Declaration(NamedTuple):
    """The fields of a call by kind, each in its order."""

    keys: Mapping[str, bool]
    """Names of the keys; true where it is a list of keys."""
    scalars: Mapping[str, type]
    lists: Mapping[str, tuple[type, ...]]
    """Each sequence of arguments with the kinds of its rows; none where its elements are not rows."""
    reply: tuple[str, ...]
    """Fields of the reply; none where it is not a named tuple."""


def _signature(call: type[ScriptCall[Any]]) -> Signature:
    declared = declaration_of(call)
    rows = {row_name(each): each._fields for each in rows_of(declared)}  # type: ignore[attr-defined]
    reply = _reply_of(call)
    return Signature(
        assemble(script_name(call), header_of(declared), rows),
        _packer(declared),
        reply._make if declared.reply else lambda value: value,
    )


signature_of = cast("Callable[[type[Any]], Signature]", cache(_signature))
"""What is derived from the declaration of a call."""


def script_name(call: type[ScriptCall[Any]]) -> str:
    """The name of the script of a call."""
    return _HUMP.sub("_", call.__name__).lower()


def row_name(row: type) -> str:
    """The name of a kind of row in Lua."""
    return _HUMP.sub("_", row.__name__).upper()


def rows_of(declared: Declaration) -> Iterator[type]:
    """The kinds of rows among the arguments."""
    return chain.from_iterable(declared.lists.values())


def declaration_of(call: type[ScriptCall[Any]]) -> Declaration:
    """The fields of a call. Raises TypeError for a field of a type that no argument may have."""
    hints = get_type_hints(call, include_extras=True)
    keys: dict[str, bool] = {}
    scalars: dict[str, type] = {}
    lists: dict[str, tuple[type, ...]] = {}
    for name in (each.name for each in fields(call)):
        hint = hints[name]
        marked = get_origin(hint) is Annotated and _KEY in get_args(hint)
        if get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        is_list = get_origin(hint) is Sequence
        if marked:
            keys[name] = is_list
        elif is_list:
            (element,) = get_args(hint)
            kinds = get_args(element) or (element,)
            lists[name] = tuple(filter(_is_row, kinds))
        else:
            scalars[name] = hint if hint in (int, float, bool) else str
    reply = _reply_of(call)
    return Declaration(keys, scalars, lists, reply._fields if _is_row(reply) else ())


def header_of(declared: Declaration) -> str:
    """The Lua locals of the arguments, and the function that makes the reply."""
    lines = [
        f"local {name} = KEYS[{at}]"
        for at, (name, is_list) in enumerate(declared.keys.items(), 1)
        if not is_list
    ]
    at = 0
    for at, (name, kind) in enumerate(declared.scalars.items(), 1):
        lines.append(f"local {name} = {_value(kind, at)}")
    *counted, last = declared.lists or [""]
    first: str = str(at + len(counted) + 1)
    for number, name in enumerate(counted, at + 1):
        lines.append(f"local {name}_first = {first}")
        lines.append(f"local {name}_last = {name}_first + ARGV[{number}] - 1")
        first = f"{name}_last + 1"
    if last:
        lines.append(f"local {last}_first, {last}_last = {first}, #ARGV")
    if declared.reply:
        values = ", ".join(f"r.{name}" for name in declared.reply)
        lines.append(f"local function reply(r) return {{ {values} }} end")
    return "".join(f"{line}\n" for line in lines)


def _value(kind: type, at: int) -> str:
    if kind is bool:
        return f"ARGV[{at}] == '1'"
    return f"tonumber(ARGV[{at}])" if kind in (int, float) else f"ARGV[{at}]"


def _packer(declared: Declaration) -> Callable[[Any], list[Arg]]:
    """A function that makes the arguments of a call. What can be worked out before a call is."""
    values_of = _getter(list(declared.scalars))
    flags = [at for at, kind in enumerate(declared.scalars.values()) if kind is bool]
    lists = [(attrgetter(name), bool(rows)) for name, rows in declared.lists.items()]
    if not declared.keys and not flags and len(lists) == 1:
        return _simple_packer(values_of, *lists[0])
    keys_of = _key_getter(declared.keys)

    def pack(call: Any) -> list[Arg]:
        keys = keys_of(call)
        values = [*values_of(call)]
        for at in flags:
            values[at] = 1 if values[at] else 0
        parts = [[*chain.from_iterable(of(call))] if rows else of(call) for of, rows in lists]
        # All lists but the last say how long they are.
        packed: list[Arg] = [len(keys), *keys, *values, *map(len, parts[:-1])]
        for part in parts:
            packed += part
        return packed

    return pack


def _simple_packer(
    values_of: Callable[[Any], Sequence[Any]], listed: Callable[[Any], Sequence[Any]], rows: bool
) -> Callable[[Any], list[Arg]]:
    """The same for the calls of each job, which have no keys and one list, in half the time."""
    if rows:
        return lambda call: [0, *values_of(call), *chain.from_iterable(listed(call))]
    return lambda call: [0, *values_of(call), *listed(call)]


def _key_getter(names: Mapping[str, bool]) -> Callable[[Any], Sequence[Any]]:
    """The keys of a call: single ones, then the lists of keys."""
    if not names:
        return lambda _call: ()
    single_of = _getter([name for name, is_list in names.items() if not is_list])
    lists = [attrgetter(name) for name, is_list in names.items() if is_list]
    return lambda call: [*single_of(call), *chain.from_iterable(of(call) for of in lists)]


def _getter(names: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    """The values of some attributes; ``attrgetter`` returns no sequence for fewer than two."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda call: [getattr(call, name) for name in names]


def _is_row(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple)


def _reply_of(call: type[ScriptCall[Any]]) -> Any:
    return get_args(call.__orig_bases__[0])[0]  # type: ignore[attr-defined]
