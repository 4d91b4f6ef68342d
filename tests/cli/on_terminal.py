"""A program for a terminal: runs the command lines that it reads, each a JSON list, one after the other.

After each it writes the end mark that is its argument, and the exit code.
"""

from __future__ import annotations

import json
import os
import sys

from asok_console.cli.main import main


def run(mark: str) -> None:
    """Run until the end of the input."""
    orders = os.fdopen(int(os.environ["ORDERS"]))
    for line in orders:
        code = main(json.loads(line))
        sys.stderr.flush()
        sys.stdout.write(f"{mark} {code}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    run(sys.argv[1])
