"""The file that a process of a worker starts from: ``python -P start.py STATE_FD ...``.

A start with ``python -m`` puts the working directory, which is the application's folder, before the
standard library: a ``queue.py`` in it would be imported instead of Python's own, and no process
would live. The folder is added to the path after our own imports instead.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

FAULT_BYTES = 512
"""Bytes at the end of the shared state that name the fault which ended the process; NUL where none did."""
WORN = 75
"""Exit code of a process that cannot run jobs, where a new one may."""


def note_fault(shared: int, line: str) -> None:
    """Write to the shared state (a file descriptor) why this process ends. Never raises."""
    try:
        text = line.encode("utf-8", "backslashreplace")[: FAULT_BYTES - 1]
        os.pwrite(shared, text.ljust(FAULT_BYTES, b"\0"), os.fstat(shared).st_size - FAULT_BYTES)
    except OSError:
        return


def load_packages_of_supervisor() -> None:
    """Import ``asok_core`` from where this file is, also if another or none is installed."""
    spec = PathFinder.find_spec("asok_core", [str(Path(__file__).parents[2])])
    assert spec is not None, "this file is in the package"
    assert spec.loader is not None, "it is not a namespace package"
    package = module_from_spec(spec)
    sys.modules["asok_core"] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    # Our modules stay as long as the process: the garbage collector looks through them neither while
    # they are imported nor later, when tasks run.
    gc.disable()
    try:
        load_packages_of_supervisor()
        # By name: the supervisor imports this file for its constants, and never the process.
        process = import_module("asok_core.worker.running.process")
        gc.freeze()
        gc.enable()
        code: int = process.main()
    except BaseException as error:
        # No code of the application has run so far: the text of the error is harmless.
        note_fault(int(sys.argv[1]), f"{type(error).__name__}: {error}")
        raise
    sys.exit(code)
