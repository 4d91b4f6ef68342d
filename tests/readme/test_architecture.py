"""The files and functions that ARCHITECTURE.md names exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.programs import ROOT

TEXT = (ROOT / "ARCHITECTURE.md").read_text()
WAYS = re.findall(
    r"^### ([^\n]+)\n\n(.*?)(?=\n##|\Z)",
    TEXT.partition("\n## Three ways through the code\n")[2],
    re.MULTILINE | re.DOTALL,
)
_STEP = re.compile(r"`(asok_\w+/[\w/.]+)(?:::([\w.]+))?`")


def test_there_are_three_ways_of_numbered_steps() -> None:
    assert len(WAYS) == 3
    for title, way in WAYS:
        numbers = [int(number) for number in re.findall(r"^(\d+)\. ", way, re.MULTILINE)]
        assert numbers == list(range(1, len(numbers) + 1)), title
        assert len(numbers) >= 6, title
        for step in re.split(r"^\d+\. ", way, flags=re.MULTILINE)[1:]:
            assert _STEP.search(step), f"this step names no file: {step}"


@pytest.mark.parametrize(("title", "way"), WAYS, ids=[title for title, _ in WAYS])
def test_every_file_and_function_of_a_way_exists(title: str, way: str) -> None:
    steps = _STEP.findall(way)
    assert steps, title
    for path, name in steps:
        assert (ROOT / path).is_file(), path
        if name:
            assert name in names_in(ROOT / path), f"{path} has no {name}"


def test_every_file_that_is_named_exists() -> None:
    known = [
        path.relative_to(ROOT).as_posix()
        for tree in ("asok_core", "asok_console", "tests", "docs")
        for path in (ROOT / tree).rglob("*.*")
    ]
    named = set(re.findall(r"`([\w/]*\w+\.(?:py|lua|md))`", TEXT))
    assert len(named) > 60
    for each in named:
        assert any(f"/{path}".endswith(f"/{each}") for path in known), each


def test_every_package_is_named() -> None:
    """But for those of commands, whose words are their paths."""
    for tree in ("asok_core", "asok_console"):
        for file in (ROOT / tree).rglob("__init__.py"):
            parts = file.parent.relative_to(ROOT / tree).parts
            if parts and parts[0] != "commands":
                assert f"{parts[-1]}/" in TEXT, file.parent


def names_in(path: Path) -> set[str]:
    """The functions, classes, methods and variables of a module."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        found |= _names(node)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{each}" for member in node.body for each in _names(member)}
    return found


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {each.id for each in node.targets if isinstance(each, ast.Name)}
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return {node.target.id}
    return set()
