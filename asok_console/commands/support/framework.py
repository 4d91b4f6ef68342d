"""The web framework ``asok``, which installs a program named ``asok`` too.

Whichever was installed last has the name. Where that is ours, it hands what it does not know to the
framework, so that nothing is lost by its coming. ``asok-console`` is always and only ours.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution
from pathlib import Path

from asok_core.suggestions import did_you_mean


def pass_to_framework(words: Sequence[str], ours: Collection[str]) -> None:
    """Become the framework's program with these words; return if it is not installed.

    The framework's error does not name ``ours``, so a word that is like one of them is named first.
    """
    program = _program()
    if program is None:
        return
    if hint := did_you_mean(words[0], ours):
        sys.stderr.write(f"asok: {words[0]!a} goes to the asok framework{hint}\n")
    # The name stays: the framework's messages, and whatever starts itself again, use it.
    start = (
        f"import sys; sys.argv[0] = {sys.argv[0]!r}; from {program.module} import {program.attr}; "
        f"sys.exit({program.attr}())"
    )
    # No shell: the words are arguments as they were typed; an installed package names the module.
    os.execv(sys.executable, [sys.executable, "-P", "-c", start, *words])  # noqa: S606  # nosec B606


def about_help() -> str | None:
    """The line that the help of ours ends with, where there are commands of the framework."""
    program = _program()
    if program is None or program.dist is None:
        return None
    return (
        f"Other commands are handed to the asok framework {program.dist.version}, as in: asok create "
        "NAME. Its own help: python -m asok --help"
    )


def about_deploy() -> str | None:
    """What to say beside our ``deploy``, where the framework has one."""
    if _program() is None:
        return None
    return (
        "This is the worker's unit only; the framework writes its files by: python -m asok deploy"
    )


def _program() -> EntryPoint | None:
    """What the framework's ``asok`` starts, where ours has been started by that name."""
    if Path(sys.argv[0]).name != "asok":
        return None
    try:
        points = distribution("asok").entry_points
    except PackageNotFoundError:
        return None
    return next(iter(points.select(group="console_scripts", name="asok")), None)
