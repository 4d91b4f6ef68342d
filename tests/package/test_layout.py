"""ARCHITECTURE.md describes the packages that exist, and every module has a layer."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.programs import ROOT

TEXT = (ROOT / "ARCHITECTURE.md").read_text()
CORE = ROOT / "asok_core"
LOOSE = {"__init__", "clock", "compat", "errors", "version"}
FILE = re.compile(r"`((?:[\w.]+/)*\w+\.(?:py|lua))`")


def contracts() -> dict[str, list[str]]:
    """The layers in pyproject.toml of each container whose contract is exhaustive."""
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


def test_only_a_few_modules_of_the_core_are_in_no_package() -> None:
    assert {path.stem for path in CORE.glob("*.py")} == LOOSE


@pytest.mark.parametrize("package", packages(CORE))
def test_every_package_of_the_core_has_layers(package: str) -> None:
    modules = list((ROOT / package.replace(".", "/")).glob("[!_]*.py"))
    assert package in contracts() or not modules


def test_the_map_has_the_layers_of_the_core() -> None:
    shown = re.search(r"^    asok_core +(.+)$", TEXT, re.MULTILINE)
    assert shown is not None
    assert shown[1].split(" > ") == contracts()["asok_core"]


def test_the_map_has_a_row_for_every_package_of_the_core() -> None:
    rows = set(re.findall(r"^\| `([\w/]+)/` \|", TEXT, re.MULTILINE))
    assert {path.parent.name for path in CORE.glob("*/__init__.py")} <= rows


@pytest.mark.parametrize("named", sorted(set(FILE.findall(TEXT))))
def test_every_file_that_is_named_exists(named: str) -> None:
    last = named.rsplit("/", 1)[-1]
    found = [
        path
        for folder in ("asok_core", "asok_console", "tests")
        for path in (ROOT / folder).rglob(last)
        if path.as_posix().endswith(f"/{named}")
    ]
    assert found
