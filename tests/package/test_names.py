"""No two classes have the same name, so that a name in a traceback or a search is unambiguous."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.programs import ROOT


def shared_names(sources: Mapping[str, str]) -> list[str]:
    """A line for each name that several classes of these files have, with where they are."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(f"{path}:{node.lineno}")
    return [
        f"{len(each)} classes are named {name}; rename all but one: {', '.join(each)}"
        for name, each in sorted(found.items())
        if len(each) > 1
    ]


def sources_of(*folders: str) -> dict[str, str]:
    files: Iterable[Path] = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return {str(path.relative_to(ROOT)): path.read_text() for path in sorted(files)}


def test_no_two_classes_share_a_name() -> None:
    shared = shared_names(sources_of("asok_core", "asok_console", "tests"))
    assert not shared, "\n" + "\n".join(shared)


def test_a_shared_name_is_reported_with_all_files_that_have_it() -> None:
    sources = {
        "a.py": "class Terminal: ...\n",
        "b.py": "class Other:\n    class Terminal: ...\n",
        "c.py": "def test() -> None:\n    class Alone: ...\n",
    }
    assert shared_names(sources) == [
        "2 classes are named Terminal; rename all but one: a.py:1, b.py:2"
    ]
