"""No two classes have the same name, so that a name in a traceback or a search is unambiguous."""

from __future__ import annotations

import ast
from collections import defaultdict

from tests.programs import ROOT


def test_no_two_classes_share_a_name() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for package in ("asok_core", "asok_console"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    found[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    shared = {name: locations for name, locations in found.items() if len(locations) > 1}
    assert not shared, "\n".join(f"{name}: {', '.join(each)}" for name, each in shared.items())
