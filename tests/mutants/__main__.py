"""Mutation testing: change lines of core modules, and report changes that no test detects.

    python -m tests.mutants [--list] [MODULE ...]

Each module is changed by mutmut in a copy of the tree. The exit code is 1 if a mutant survives
without an entry in ``subjects.EXPLAINED``."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutants.subjects import EXPLAINED, SUBJECTS, Change
from tests.programs import ROOT

MUTMUT = Path(sys.executable).with_name("mutmut")


def copy_of_the_tree(folder: Path) -> None:
    """Copy the files of the work tree that git tracks."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, names.stdout.decode().split("\0")):
        source, copy = ROOT / name, folder / name
        if source.is_file() and source.suffix not in {".svg", ".png"}:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)


def configure(folder: Path, module: str, tests: tuple[str, ...]) -> None:
    """Configure mutmut in the copy's pyproject.toml."""
    values: dict[str, object] = {
        "source_paths": ["asok_core"],
        "only_mutate": [module],
        "also_copy": ["asok_console", "docs", "README.md", "CHANGELOG.md"],
        "pytest_add_cli_args": [
            *("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"),
            "--hypothesis-profile=mutants",
        ],
        "pytest_add_cli_args_test_selection": list(tests),
        "use_setproctitle": False,
        "use_git_change_detection": False,
        "track_dependencies": False,
    }
    with (folder / "pyproject.toml").open("a") as file:
        file.write("\n[tool.mutmut]\n")
        file.writelines(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def mutmut(folder: Path, *words: str) -> str:
    """Run mutmut in the copy and return its output."""
    done = subprocess.run(
        [MUTMUT, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"mutmut {' '.join(words)} failed:\n{done.stdout[-3000:]}")
    return done.stdout


def change_of(folder: Path, mutant: str) -> Change:
    """The line that a mutant changes."""
    lines = mutmut(folder, "show", mutant).splitlines()
    removed = [line[1:].strip() for line in lines if line.startswith("-") and line[1:2] != "-"]
    added = [line[1:].strip() for line in lines if line.startswith("+") and line[1:2] != "+"]
    return Change("\n".join(removed), "\n".join(added))


def survivors(module: str, tests: tuple[str, ...]) -> list[Change]:
    """Mutate a module, run its tests, print the figures, and return the surviving changes."""
    with tempfile.TemporaryDirectory(prefix="asok-mutants-") as name:
        folder = Path(name)
        copy_of_the_tree(folder)
        configure(folder, module, tests)
        mutmut(folder, "run", "--max-children", "1")
        states: dict[str, list[str]] = {}
        for line in mutmut(folder, "results", "--all", "true").splitlines():
            mutant, _, state = line.strip().rpartition(": ")
            if mutant:
                states.setdefault(state, []).append(mutant)
        counts = ", ".join(f"{len(of)} {state}" for state, of in sorted(states.items()))
        sys.stdout.write(f"{module}: {counts}\n")
        sys.stdout.flush()
        left = [*states.get("survived", ()), *states.get("no tests", ())]
        return [change_of(folder, mutant) for mutant in left]


def main() -> int:
    """Run the modules that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="a part of a module's path")
    parser.add_argument("--list", action="store_true", help="list the modules and their tests")
    asked = parser.parse_args()
    chosen = {
        module: tests
        for module, tests in SUBJECTS.items()
        if not asked.modules or any(part in module for part in asked.modules)
    }
    if asked.list or not chosen:
        sys.stdout.writelines(f"{each}: {' '.join(SUBJECTS[each])}\n" for each in SUBJECTS)
        return 0 if asked.list else 2
    os.nice(19)
    unexplained = 0
    for module, tests in chosen.items():
        for change in survivors(module, tests):
            reason = EXPLAINED.get(change)
            unexplained += reason is None
            shown = f"survived: {reason}" if reason else "SURVIVED"
            sys.stdout.write(f"  {shown}\n    - {change.removed}\n    + {change.added}\n")
            sys.stdout.flush()
    return 1 if unexplained else 0


if __name__ == "__main__":
    raise SystemExit(main())
