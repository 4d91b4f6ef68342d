"""Lua scripts: every name is defined, every argument is declared and used."""

from __future__ import annotations

import gc
import re
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

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
from tests.lua_calls import all_calls
from tests.programs import ROOT, run_program

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
    """Reads the names in a chunk that Lua 5.1 has compiled (``string.dump``)."""

    def __init__(self, client: Any, lua: str) -> None:
        self._data: bytes = client.eval("return string.dump(assert(loadstring(ARGV[1])))", 0, lua)
        self._at = 12
        self.locals: list[tuple[str, int, int]] = []
        """The locals of the chunk outside its functions: name, first and last instruction."""
        self.globals = frozenset(self._function())
        """Each name that is read or written and is not a local."""

    def _function(self) -> Iterator[str]:
        self._text()
        self._at += 12
        code = [self._int() for _ in range(self._int())]
        constants = [self._constant() for _ in range(self._int())]
        for instruction in code:
            if instruction & 0x3F in (GET_GLOBAL, SET_GLOBAL):
                yield constants[instruction >> 14].decode()
        for _ in range(self._int()):
            yield from self._function()
        lines = self._int()
        self._at += 4 * lines
        # Those of the chunk itself come last.
        self.locals = [
            (self._text().decode(), self._int(), self._int()) for _ in range(self._int())
        ]
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
    return set(Bytecode(client, lua).globals - BUILT_IN)


def shadowed(client: Any, lua: str) -> set[str]:
    """The names that a Lua text declares again where the first local of that name is still in scope."""
    found = Bytecode(client, lua).locals
    again = {
        name
        for at, (name, begins, _) in enumerate(found)
        if any(name == each and begins < ends for each, _, ends in found[:at])
    }
    # Names of Lua's own (of loops), and the one of what nothing uses.
    return {name for name in again if not name.startswith("(")} - {"_"}


def alone(text: str) -> str:
    """A fragment behind those that it needs, as a script with a namespace has it."""
    fragments = [source("fragments", each) for each in needs_of(text)]
    return f"local ns = ARGV[1]\n{with_offsets(resolved(*fragments, text), FIELDS)}"


def test_every_script_has_a_call_and_every_call_a_script() -> None:
    assert sorted(CALLS) == sorted(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_name_in_a_script_is_defined(redis_client: Any, name: str) -> None:
    assert undefined(redis_client, CALLS[name].script().text) == set()


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_name_in_a_script_hides_another(redis_client: Any, name: str) -> None:
    """An argument with the name of a local of a fragment would be that local."""
    assert shadowed(redis_client, CALLS[name].script().text) == set()


@pytest.mark.parametrize("name", FRAGMENTS)
def test_a_fragment_needs_every_fragment_that_it_uses(redis_client: Any, name: str) -> None:
    assert undefined(redis_client, alone(source("fragments", name))) == set()


def test_a_name_that_is_not_defined_is_found_in_every_branch(redis_client: Any) -> None:
    lua = "local a = {} local function f(b) if b then return c.d end return a, ipairs end e = f"
    assert undefined(redis_client, lua) == {"c", "e"}
    assert undefined(redis_client, alone("return write_record(1, {})")) == {"write_record"}


@pytest.mark.parametrize(
    ("lua", "hidden"),
    [
        ("local counts = ARGV[1] local function counts() end return counts", {"counts"}),
        ("local a, b = 1, 2 local b = 3 return a + b", {"b"}),
        ("local a = 1 for a = 1, 2 do f(a) end return a", {"a"}),
        ("local a = 1 do local b = a end local b = 2 return a + b", set()),
        ("local a = 1 local function f(a) local a = a return a end return f(a)", set()),
        ("for i = 1, 2 do f(i) end for i = 1, 2 do f(i) end local _, x = f() local _ = x", set()),
    ],
)
def test_a_name_that_hides_another_is_found(redis_client: Any, lua: str, hidden: set[str]) -> None:
    assert shadowed(redis_client, lua) == hidden


def test_an_argument_that_a_fragment_hides_is_found(redis_client: Any) -> None:
    """``note`` is a function of a fragment that ``write_note`` needs."""
    call = CALLS["write_note"]
    text = call.script().text
    assert shadowed(redis_client, text.replace("local shown = ", "local note = ", 1)) == {"note"}


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
    program = "import gc; gc.disable(); from tests.lua_calls import all_calls; all_calls()"
    done = run_program(sys.executable, "-c", program, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_fragment_of_many_scripts_is_worked_through_once() -> None:
    """Again for each script, that took most of the time in which a worker started."""
    program = (
        "from asok_core.backends.redis import lua_names; from tests.lua_calls import all_calls\n"
        "for each in all_calls().values(): each.script()\n"
        "print(lua_names._resolved.cache_info().misses)"
    )
    done = run_program(sys.executable, "-c", program, cwd=ROOT)
    assert (done.stderr, int(done.stdout)) == ("", len(SCRIPTS) + len(FRAGMENTS))


@pytest.mark.parametrize(
    "module", ["asok_core.worker.running.process", "asok_core.worker.supervising.supervisor"]
)
def test_a_worker_without_file_descriptors_can_call_each_script(module: str) -> None:
    program = (
        f"import resource, sys, {module}\n"
        "from asok_core.backends.redis.calls.call import ScriptCall\n"
        "from asok_core.backends.redis.scripts import read_sources\n"
        "read_sources()\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "calls = [each for name in list(sys.modules) if '.redis.calls.' in name\n"
        "         for each in vars(sys.modules[name]).values()\n"
        "         if isinstance(each, type) and issubclass(each, ScriptCall)]\n"
        "texts = {each.script().name: each.script().text for each in calls\n"
        "         if each.__module__ != ScriptCall.__module__}\n"
        "print(len(texts))"
    )
    done = run_program(sys.executable, "-c", program, cwd=ROOT)
    assert done.stderr == ""
    assert int(done.stdout) > 15


def test_every_call_has_a_script() -> None:
    """Base classes, which have others below them, declare none."""
    gc.collect()
    kinds: list[type[Any]] = [ScriptCall]
    for kind in kinds:
        kinds += kind.__subclasses__()
    leaves = {script_name(each) for each in kinds if not each.__subclasses__()}
    assert leaves == set(SCRIPTS)
