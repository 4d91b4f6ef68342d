"""Compare the coverage of each file with the required percentage, for `make coverage`.

Branches count as lines do. A file with a lower requirement is listed here with a reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import NamedTuple

from tests.programs import ROOT

REQUIRED = 95.0
"""Required percentage of lines and branches, of each file and of all files."""


class Shortfall(NamedTuple):
    """A file with a lower requirement."""

    percent: float
    reason: str


SHORTFALLS: dict[str, Shortfall] = {}


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
        if percent < (required := SHORTFALLS[name].percent if name in SHORTFALLS else REQUIRED)
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
