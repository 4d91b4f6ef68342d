"""Private parts of libraries are only used in the two modules with fallbacks for them."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from tests.programs import ROOT

COMPAT = {Path("asok_core/compat.py"), Path("asok_console/tui/compat.py")}
PRIVATE = re.compile(r"_[a-z]\w*")
# Documented, although the names are private.
DOCUMENTED = frozenset(
    ("_typeshed", "_replace", "_asdict", "_make", "_fields", "_value_", "_missing_", "_exit")
)

MODULES = [
    path.relative_to(ROOT)
    for package in ("asok_core", "asok_console")
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.name != "__main__.py" and path.parent.name != "app"
]


def test_no_private_part_of_a_library_is_used() -> None:
    found: list[str] = []
    for path in MODULES:
        if path not in COMPAT:
            tree = ast.parse((ROOT / path).read_text())
            parts = (
                private_imports(tree),
                private_names_given(tree),
                private_attributes(path, tree),
            )
            found += [f"{path}:{line}: {name}" for line, name in chain.from_iterable(parts)]
    assert not found, "\n".join([*found, f"see {' and '.join(map(str, COMPAT))}"])


def private_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{each.name}" for each in node.names]
        for name in names:
            parts = set(name.split(".")) - DOCUMENTED
            if not name.startswith("asok_") and any(map(PRIVATE.fullmatch, parts)):
                yield getattr(node, "lineno", 0), name


def private_names_given(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Names of private attributes in strings, as for getattr."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("getattr", "setattr", "hasattr", "delattr")
            and isinstance(name := getattr(node.args[1], "value", None), str)
            and PRIVATE.fullmatch(name)
        ):
            yield node.lineno, name


def private_attributes(path: Path, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Private attributes of a library's class that a derived class overrides or uses."""
    module = importlib.import_module(".".join(path.with_suffix("").parts))
    for node in ast.walk(tree):
        kind = getattr(module, node.name, None) if isinstance(node, ast.ClassDef) else None
        if kind is None:
            continue
        theirs = {
            name: base
            for base in kind.__mro__
            if base is not object and not base.__module__.startswith(("asok_", "builtins"))
            for name in private_of(base)
        }
        for inner in ast.walk(node):
            name = getattr(inner, "attr", None) or getattr(inner, "name", None) or ""
            if name in theirs:
                yield getattr(inner, "lineno", 0), f"{theirs[name].__qualname__}.{name}"


@cache
def private_of(kind: type[Any]) -> frozenset[str]:
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):
        source = ""
    names = {*vars(kind), *re.findall(r"\bself\.(_\w+)", source)}
    return frozenset(name for name in names if PRIVATE.fullmatch(name)) - DOCUMENTED


def test_the_two_modules_exist() -> None:
    assert all((ROOT / path).exists() for path in COMPAT)
