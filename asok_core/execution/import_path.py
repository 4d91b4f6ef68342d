"""The import path of the application's modules."""

from __future__ import annotations

import os
import sys

_app: list[str] = []
"""The folder that was given with ``--app``, if any."""


def application_folder(given: str) -> str:
    """Return the absolute path of a directory that was given with ``--app`` or ASOK_APP.

    Raises:
        ValueError: It is not a directory.
    """
    if not os.path.isdir(given):  # noqa: PTH112 - pathlib is one more import of every start
        raise ValueError
    return os.path.abspath(given)  # noqa: PTH100


def add_application_folder(app: str = "") -> str | None:
    """Add the working directory to ``sys.path``; return it, or None if it was removed.

    It comes after the standard library and before the installed packages: a ``queue.py`` or
    ``logging.py`` of the application must not replace the module of the standard library, and an
    installed package must not replace a module of the application. ``app``, the absolute path of
    another folder, comes right before it. A folder in PYTHONPATH keeps its position.

    All other modules that this program uses must be imported before this call: a ``redis.py`` of
    the application would be found instead.
    """
    try:
        folder = os.getcwd()  # noqa: PTH109 - pathlib is one more import of every start
    except OSError:
        folder = None
    position = _end_of_standard_library()
    folders = dict.fromkeys((app, folder))
    added = [each for each in folders if each and each not in sys.path[:position]]
    if sys.path[position : position + len(added)] != added:
        sys.path[position:position] = added
    _app[:] = [app] if app else []
    return folder


def about_hidden(module: str) -> str:
    """Explain that a module of the application is hidden by another of the same name.

    Empty if it is not.
    """
    top = module.partition(".")[0]
    found = sys.modules.get(top)
    origin = getattr(found, "__file__", None) or "part of Python itself"
    for folder in (*_app, ""):
        for name in (f"{top}.py", os.path.join(top, "__init__.py")):  # noqa: PTH118
            file = os.path.join(folder, name)  # noqa: PTH118
            there = found is not None and os.path.isfile(file)  # noqa: PTH113
            if there and origin != os.path.abspath(file):  # noqa: PTH100
                return f"; {top!r} is {origin}, and hides the application's {file}: rename it"
    return ""


def _end_of_standard_library() -> int:
    library = os.path.dirname(os.__file__)  # noqa: PTH120
    ours = [
        number
        for number, folder in enumerate(sys.path, 1)
        if folder == library or os.path.basename(folder) == "lib-dynload"  # noqa: PTH119
    ]
    return max(ours, default=0)
