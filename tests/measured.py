"""Compare the coverage with the required percentages, for `make coverage`.

Branches count as lines do. A file of which less is executed is listed here with the reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import NamedTuple

from tests.programs import ROOT

REQUIRED = 95.0
"""Required percentage of lines and branches of all files together."""
LEAST = 80.0
"""That of each file: what is left are errors of the operating system, and releases of Python and of
libraries other than those that are tested."""


class Shortfall(NamedTuple):
    """A file with a lower requirement, and why."""

    percent: float
    reason: str


SHORTFALLS = {
    "asok_core/backends/redis/producing/deadlocks.py": Shortfall(
        40.0,
        "it runs in processes that wait for each other: tests end them by SIGKILL, without data",
    ),
}


def main() -> int:
    """Print a line for each file below its requirement; the exit code is 1 if there is one."""
    done = subprocess.run(
        [sys.executable, "-m", "coverage", "json", "--quiet", "-o", "-"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    measured = json.loads(done.stdout)
    found = {name: file["summary"]["percent_covered"] for name, file in measured["files"].items()}
    failures = [
        f"{name}: {percent:.1f} %, {required:g} % required"
        for name, percent in sorted(found.items())
        if percent < (required := SHORTFALLS[name].percent if name in SHORTFALLS else LEAST)
    ]
    failures += [
        f"{name}: is listed with a reason and does not exist"
        for name in SHORTFALLS.keys() - found.keys()
    ]
    total = measured["totals"]["percent_covered"]
    if total < REQUIRED:
        failures.append(f"all files: {total:.1f} %, {REQUIRED:g} % required")
    sys.stdout.writelines(f"{line}\n" for line in failures)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
