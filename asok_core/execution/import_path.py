"""The import path of the application's modules."""

from __future__ import annotations

import os
import sys


def add_application_folder() -> str | None:
    """Add the working directory to ``sys.path``; return it, or None if it was removed.

    It comes after the standard library and before the installed packages: a ``queue.py`` or
    ``logging.py`` of the application must not replace the module of the standard library, and an
    installed package must not replace a module of the application. A folder in PYTHONPATH keeps its
    position.

    All other modules that this program uses must be imported before this call: a ``redis.py`` of
    the application would be found instead.
    """
    try:
        folder = os.getcwd()  # noqa: PTH109 - pathlib is one more import of every start
    except OSError:
        return None
    position = _end_of_standard_library()
    if folder not in sys.path[: position + 1]:
        sys.path.insert(position, folder)
    return folder


def about_hidden(module: str) -> str:
    """Explain that a module of the application is hidden by another of the same name.

    Empty if it is not.
    """
    top = module.partition(".")[0]
    found = sys.modules.get(top)
    origin = getattr(found, "__file__", None) or "part of Python itself"
    for name in (f"{top}.py", os.path.join(top, "__init__.py")):  # noqa: PTH118
        there = found is not None and os.path.isfile(name)  # noqa: PTH113
        if there and origin != os.path.abspath(name):  # noqa: PTH100
            return f"; {top!r} is {origin}, and hides the application's {name}: rename it"
    return ""


def _end_of_standard_library() -> int:
    library = os.path.dirname(os.__file__)  # noqa: PTH120
    ours = [
        number
        for number, folder in enumerate(sys.path, 1)
        if folder == library or os.path.basename(folder) == "lib-dynload"  # noqa: PTH119
    ]
    return max(ours, default=0)
