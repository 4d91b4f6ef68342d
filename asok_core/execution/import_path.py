"""Where the application's modules are imported from, and in which order."""

from __future__ import annotations

import os
import sys


def add_application_folder() -> str | None:
    """Let modules be imported from the working directory; return it, or None if it was removed.

    It stands after the standard library and before the installed packages: a file of the application
    that is named ``queue.py`` or ``logging.py`` must not take the place of Python's own module, and
    its other modules must not lose theirs to an installed package. A folder that PYTHONPATH names
    keeps the place that Python gives it.

    What this program itself imports and does not belong to the standard library must be imported
    before this call: a ``redis.py`` of the application would be found instead.
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
    """What to say of a module that was found elsewhere though the application has one of its name.

    Empty where that is not so.
    """
    top = module.partition(".")[0]
    found = sys.modules.get(top)
    origin = getattr(found, "__file__", None) or "part of Python itself"
    for name in (f"{top}.py", os.path.join(top, "__init__.py")):  # noqa: PTH118
        there = found is not None and os.path.isfile(name)  # noqa: PTH113
        if there and origin != os.path.abspath(name):  # noqa: PTH100
            return (
                f"; {top!r} is {origin}, and the application's {name} cannot be imported by that name: "
                "rename it"
            )
    return ""


def _end_of_standard_library() -> int:
    library = os.path.dirname(os.__file__)  # noqa: PTH120
    ours = [
        number
        for number, folder in enumerate(sys.path, 1)
        if folder == library or os.path.basename(folder) == "lib-dynload"  # noqa: PTH119
    ]
    return max(ours, default=0)
