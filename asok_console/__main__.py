"""``python -m asok_console`` is the same program as ``asok``."""

import os
import sys


def move_working_directory_to_end() -> None:
    """Let no file of the working directory be imported in place of Python's own or a dependency.

    ``python -m`` puts that folder first, unless it was removed.
    """
    try:
        first = not sys.flags.safe_path and sys.path[0] == os.getcwd()  # noqa: PTH109
    except OSError:
        return
    if first:
        sys.path.append(sys.path.pop(0))


if __name__ == "__main__":
    move_working_directory_to_end()
    from asok_console.cli.main import main

    sys.exit(main())
