"""Lua scripts: every name is defined, every argument is declared and used."""

from __future__ import annotations

import gc
import re
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from asok_core.backends.redis.calls import all_calls
from asok_core.backends.redis.calls.call import (
    ScriptCall,
    declaration_of,
    header_of,
    row_name,
    rows_of,
    script_name,
)
from asok_core.backends.redis.lua_names import code_of, resolved
from asok_core.backends.redis.scripts import names, needs_of, source, with_offsets
from tests.programs import run_program

CALLS: Mapping[str, Any] = all_calls()
SCRIPTS = names("scripts")
FRAGMENTS = names("fragments")
ROWS = {row_name(row): row for each in CALLS.values() for row in rows_of(declaration_of(each))}
FIELDS: dict[str, tuple[str, ...]] = {name: row._fields for name, row in ROWS.items()}  # type: ignore[attr-defined]
BUILT_IN = frozenset(
    {
        *("ARGV", "KEYS", "cjson", "error", "ipairs", "math", "next", "pairs", "pcall", "redis"),
        *("string", "table", "tonumber", "tostring", "type", "unpack"),
    }
)
GET_GLOBAL, SET_GLOBAL = 5, 7


class Bytecode:
    """Reads the global names in a function that Lua 5.1 has compiled (``string.dump``)."""

    def __init__(self, dumped: bytes) -> None:
        self._data = dumped
        self._at = 12

    def globals(self) -> Iterator[str]:
        """Each name that is read or written and is not a local."""
        self._text()
        self._at += 12
        code = [self._int() for _ in range(self._int())]
        constants = [self._constant() for _ in range(self._int())]
        for instruction in code:
            if instruction & 0x3F in (GET_GLOBAL, SET_GLOBAL):
                yield constants[instruction >> 14].decode()
        for _ in range(self._int()):
            yield from self.globals()
        lines = self._int()
        self._at += 4 * lines
        for _ in range(self._int()):
            self._text()
            self._at += 8
        for _ in range(self._int()):
            self._text()

    def _int(self) -> int:
        self._at += 4
        return int(struct.unpack_from("<i", self._data, self._at - 4)[0])

    def _text(self) -> bytes:
        (size,) = struct.unpack_from("<Q", self._data, self._at)
        self._at += 8 + size
        return self._data[self._at - size : self._at - 1]

    def _constant(self) -> bytes:
        kind = self._data[self._at]
        self._at += 1
        if kind == 4:
            return self._text()
        self._at += {0: 0, 1: 1, 3: 8}[kind]
        return b""


def undefined(client: Any, lua: str) -> set[str]:
    """The names in a Lua text that are neither local nor built in."""
    dumped = client.eval("return string.dump(assert(loadstring(ARGV[1])))", 0, lua)
    return set(Bytecode(dumped).globals()) - BUILT_IN


def alone(text: str) -> str:
    """A fragment behind those that it needs, as a script with a namespace has it."""
    body = "\n".join([*(source("fragments", each) for each in needs_of(text)), text])
    body = with_offsets(body, FIELDS)
    return f"local ns = ARGV[1]\n{resolved(body)}"


def test_every_script_has_a_call_and_every_call_a_script() -> None:
    assert sorted(CALLS) == sorted(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_name_in_a_script_is_defined(redis_client: Any, name: str) -> None:
    assert undefined(redis_client, CALLS[name].script().text) == set()


@pytest.mark.parametrize("name", FRAGMENTS)
def test_a_fragment_needs_every_fragment_that_it_uses(redis_client: Any, name: str) -> None:
    assert undefined(redis_client, alone(source("fragments", name))) == set()


def test_a_name_that_is_not_defined_is_found_in_every_branch(redis_client: Any) -> None:
    lua = "local a = {} local function f(b) if b then return c.d end return a, ipairs end e = f"
    assert undefined(redis_client, lua) == {"c", "e"}
    assert undefined(redis_client, alone("return write_record(1, {})")) == {"write_record"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_arguments_of_a_script_are_those_that_are_declared(name: str) -> None:
    declared, text = declaration_of(CALLS[name]), code_of(source("scripts", name))
    assert not re.findall(r"\b(?:ARGV|KEYS)\[\d+\]|#ARGV|#KEYS|unpack\(ARGV, \d", text)
    used = set(
        re.findall(
            r"[A-Za-z_]\w*", code_of(CALLS[name].script().text.removeprefix(header_of(declared)))
        )
    )
    unused = {each for each in (*declared.keys, *declared.scalars) if each not in used}
    unused |= {each for each in declared.lists if f"{each}_first" not in used}
    assert not unused - {name for name, is_list in declared.keys.items() if is_list}
    assert {each for each in declared.reply if not re.search(rf"\b{each} = ", text)} == set()


NOT_BY_NAME = {
    # Every outcome begins with its verb, which is read before it is known what kind of row it is.
    "COMPLETED_GROUP.verb",
    # HSET gets these as they are.
    "ROUND_FIELD.name",
    "ROUND_FIELD.value",
}


@pytest.mark.parametrize("row", ROWS)
def test_every_field_of_a_row_is_used(row: str) -> None:
    text = "".join(source("scripts", each) for each in SCRIPTS)
    text += "".join(source("fragments", each) for each in FRAGMENTS)
    fields = {f"{row}.{each}" for each in FIELDS[row]} - NOT_BY_NAME
    assert {each for each in fields if each not in text} == set()


def test_the_calls_are_found_whether_or_not_garbage_was_collected() -> None:
    """A dataclass with slots leaves the class that it replaces behind until then."""
    program = (
        "import gc; gc.disable(); from asok_core.backends.redis import calls; calls.load_scripts()"
    )
    done = run_program(sys.executable, "-c", program)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_call_has_a_script() -> None:
    """Base classes, which have others below them, declare none."""
    gc.collect()
    kinds: list[type[Any]] = [ScriptCall]
    for kind in kinds:
        kinds += kind.__subclasses__()
    leaves = {script_name(each) for each in kinds if not each.__subclasses__()}
    assert leaves == set(SCRIPTS)
