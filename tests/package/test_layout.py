"""ARCHITECTURE.md describes all packages, and every module has a layer."""

from __future__ import annotations

import re
import tomllib
from keyword import iskeyword
from pathlib import Path
from typing import Any

import pytest

from asok_console.cli.parser import COMMANDS
from tests.programs import ROOT

TEXT = (ROOT / "ARCHITECTURE.md").read_text()
CORE, CONSOLE = ROOT / "asok_core", ROOT / "asok_console"
LOOSE = {
    CORE: {"__init__", "clock", "compat", "errors", "suggestions", "version"},
    CONSOLE: {"__init__", "__main__"},
    CONSOLE / "commands": {
        "__init__",
        "audit",
        "console",
        "deploy",
        "enqueue",
        "events",
        "explain",
        "init",
    },
    CONSOLE / "tui": {"__init__", "app", "compat", "navigation", "options", "theme"},
}
"""Modules of these folders that are not in a package."""
LONG = {
    "asok_core/settings/settings.py": "declares every setting, with its meaning",
    "asok_core/backends/local.py": "the thread pool: what starts, times and ends jobs shares its lock",
    "asok_core/backends/roles.py": "declares every method of the roles of a backend",
    "asok_core/backends/redis/keys.py": "declares every key, with what it holds",
    "asok_core/backends/redis/operating/operator.py": "has a method for each operation of the role",
    "asok_core/backends/redis/operating/bulk.py": "the one loop of batches of all operations",
    "asok_core/backends/redis/reading/reader.py": "has a method for each question of the role",
    "asok_core/backends/redis/reading/pages.py": "has a method for each location that is listed",
    "asok_core/inspection/history.py": "the past of a job from records of four kinds",
    "asok_core/worker/running/dispatcher.py": "a turn of a process, read from top to bottom",
    "asok_core/worker/supervising/processes.py": "the life of a process: start, watch, replace, stop",
    "asok_console/cli/parser.py": "declares every command, with its help",
    "asok_console/tui/keys/actions.py": "declares every key, with its help",
    "asok_console/tui/screens/job.py": "the page of a job: keys of all its sections",
}
"""Files of more than 300 lines, and why each is not divided."""
LONGEST = 300
FILE = re.compile(r"`((?:[\w.]+/)*\w+\.(?:py|lua))`")


def contracts() -> dict[str, list[str]]:
    """The layers in pyproject.toml of each container with an exhaustive contract."""
    tool: Any = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    return {
        container: contract["layers"]
        for contract in tool["importlinter"]["contracts"]
        if contract.get("exhaustive")
        for container in contract["containers"]
    }


def packages(root: Path) -> list[str]:
    return [
        ".".join(path.parent.relative_to(ROOT).parts) for path in sorted(root.rglob("__init__.py"))
    ]


def test_every_contract_states_its_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    headers = [at for at, line in enumerate(lines) if line == "[[tool.importlinter.contracts]]"]
    assert headers
    assert [lines[at + 1] for at in headers if not lines[at + 1].startswith("# ")] == []


@pytest.mark.parametrize("folder", LOOSE, ids=lambda folder: folder.name)
def test_only_a_few_modules_are_not_in_a_package(folder: Path) -> None:
    assert {path.stem for path in folder.glob("*.py")} == LOOSE[folder]


@pytest.mark.parametrize("package", packages(CORE) + packages(CONSOLE))
def test_every_package_has_layers(package: str) -> None:
    modules = list((ROOT / package.replace(".", "/")).glob("[!_]*.py"))
    assert package in contracts() or not modules


@pytest.mark.parametrize("root", ["asok_core", "asok_console", "asok_console.tui"])
def test_the_map_has_the_layers(root: str) -> None:
    shown = re.search(rf"^    {root} +(.+)$", TEXT, re.MULTILINE)
    assert shown is not None
    assert shown[1].split(" > ") == [each for each in contracts()[root] if each != "__main__"]


@pytest.mark.parametrize("folder", [CORE, CONSOLE, CONSOLE / "tui"], ids=lambda folder: folder.name)
def test_the_map_has_a_row_for_every_package(folder: Path) -> None:
    rows = set(re.findall(r"^\| `(?:tui/)?([\w/]+)/` \|", TEXT, re.MULTILINE))
    assert {path.parent.name for path in folder.glob("*/__init__.py")} <= rows


def test_a_long_file_has_a_reason() -> None:
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
        for folder in (CORE, CONSOLE)
        for path in [*folder.rglob("*.py"), *folder.rglob("*.lua")]
    }
    assert {path for path, length in lines.items() if length > LONGEST} == set(LONG)


def test_every_command_has_a_module() -> None:
    for command in COMMANDS:
        module = "asok_console.commands." + command.words.replace(" ", ".")
        # A module cannot be named by a keyword.
        assert command.module == module + "_" * iskeyword(module.rsplit(".", 1)[-1])


@pytest.mark.parametrize("named", sorted(set(FILE.findall(TEXT))))
def test_every_named_file_exists(named: str) -> None:
    last = named.rsplit("/", 1)[-1]
    found = [
        path
        for folder in ("asok_core", "asok_console", "tests")
        for path in (ROOT / folder).rglob(last)
        if path.as_posix().endswith(f"/{named}")
    ]
    assert found
