"""The rights of the documented Redis users, from the commands that the code sends.

A command is a name of Redis's that is the first element of a call, a tuple or a list in one of the
modules of a role, or that a script uses which such a module calls.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.lua_calls import all_calls

CORE = Path(__file__).parents[2] / "asok_core"
REDIS = CORE / "backends" / "redis"
SCRIPTS = {call.__name__: name for name, call in all_calls().items()}
"""The script of each call, by the name of the call."""

CONNECTION = ("connection.py", "scripts.py", "server_clock.py", "members.py")
READING = ("reading/*.py", "records.py", "audit.py")
# What `cancel` of an application uses of the operator's modules.
CANCELLING = tuple(
    f"operating/{name}.py" for name in ("session", "scopes", "walks", "bulk", "missing_jobs")
)
ENQUEUEING = ("producing/*.py", "records.py", "bounded_records.py", "locating.py", *CANCELLING)
ROLES = {
    "viewer": (*CONNECTION, *READING),
    "application": (*CONNECTION, *ENQUEUEING),
    # A task may enqueue, wait and cancel as an application does, and `asok worker status` is asked for
    # where workers run.
    "worker": (
        *CONNECTION,
        *READING,
        *ENQUEUEING,
        "consuming/*.py",
        "reconnecting.py",
        "../../worker/**/*.py",
    ),
    # `asok enqueue` is an operator's too.
    "operator": (*CONNECTION, *READING, *ENQUEUEING, "operating/*.py", "consuming/holds.py"),
}
SCRIPTED = {"EVAL", "EVALSHA", "SCRIPT LOAD"}
CLUSTER = {"CLUSTER KEYSLOT", "CLUSTER SLOTS"}
WITHHELD = {
    # It would show the server's passwords. Without it the console does not know `save`,
    # nor always whether Redis refuses changes.
    "CONFIG GET",
    # It ends connections of any user. Without it a dead worker's blocked claim is unblocked, not cut.
    "CLIENT KILL",
    # It opens databases of other programs. Without it a job that is not found is not looked for in them.
    "SELECT",
    *CLUSTER,
}
CHANNELS = {"application", "worker", "operator"}
CONTAINERS = {"CLIENT", "CLUSTER", "CONFIG", "MEMORY", "SCRIPT"}
_COMMAND = re.compile(r"[A-Z]{3,}", re.ASCII)
_IN_LUA = re.compile(r"\b(?:p?call|pushed|placed)\((?P<first>[^,]*)(?:, *'(?P<second>[A-Z]+)')?")
_EITHER = re.compile(r"'([A-Z]+)'")


def rights(role: str) -> list[str]:
    """What follows the password in ``ACL SETUSER``."""
    channels = " &asok:*" if role in CHANNELS else ""
    allowed = sorted(f"+{name.lower().replace(' ', '|')}" for name in commands(role))
    return f"~asok:* resetchannels{channels} {' '.join(allowed)}".split()


def acl_line(role: str) -> str:
    """The line that makes the user."""
    return " ".join(["ACL SETUSER", role, "reset on >PASSWORD", *rights(role)])


def users() -> str:
    """The part of the page on Redis that names the users."""
    return "```acl\n" + "\n\n".join(map(acl_line, ROLES)) + "\n```"


@cache
def commands(role: str) -> frozenset[str]:
    """The commands that a role needs."""
    sent: set[str] = set()
    for module in _modules(role):
        names, firsts = _names(module)
        sent |= firsts
        if role != "viewer":
            called = names & SCRIPTS.keys()
            called |= {"Cancel"} if role in {"application", "worker"} else set()
            sent |= {command for name in called for command in _of_script(SCRIPTS[name])}
    return frozenset(sent - WITHHELD - (SCRIPTED if role == "viewer" else set()))


def _modules(role: str) -> Iterator[Path]:
    for pattern in ROLES[role]:
        folder = CORE / "worker" if pattern.startswith("../") else REDIS
        found = sorted(folder.glob(pattern.removeprefix("../../worker/")))
        assert found, pattern
        yield from found


@cache
def _names(module: Path) -> tuple[frozenset[str], frozenset[str]]:
    """All names in a module, and the commands that it sends."""
    names: set[str] = set()
    sent: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        names |= {node.id} if isinstance(node, ast.Name) else set()
        elements: list[ast.expr] = []
        if isinstance(node, ast.Call):
            # `clipped(most, "ZREVRANGE", ...)` has the command after the limit of its replies.
            after = isinstance(node.func, ast.Attribute) and node.func.attr == "clipped"
            elements = node.args[after:]
        elif isinstance(node, ast.Tuple | ast.List):
            elements = node.elts
        second = _text(elements[1]) if len(elements) > 1 else ""
        for first in elements[:1]:
            # One of two commands, as in `"ZCARD" if ... else "LLEN"`.
            either = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
            sent |= {name for each in either for name in _named(_text(each), second)}
    return frozenset(names), frozenset(sent)


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _named(first: str, second: str) -> set[str]:
    if not _COMMAND.fullmatch(first) or first in NOT_COMMANDS:
        return set()
    return {f"{first} {second}"} if first in CONTAINERS else {first}


@cache
def _of_script(name: str) -> frozenset[str]:
    """The commands that a script calls, with the fragments it needs."""
    text = all_calls()[name].script().text
    sent: set[str] = set()
    for line in text.splitlines():
        code = line.partition("--")[0]
        for call in _IN_LUA.finditer(code):
            firsts, second = _EITHER.findall(call["first"]), call["second"] or ""
            if CONTAINERS.isdisjoint(firsts):
                sent.update(firsts, filter(None, [second]))
            else:
                sent.update(f"{first} {second}" for first in firsts)
    # A command that is chosen before it is called.
    sent.update(*(_EITHER.findall(line) for line in text.splitlines() if "push = " in line))
    return frozenset(sent - NOT_COMMANDS)


NOT_COMMANDS = {"RIGHT", "LEFT"}
