"""Plant each situation, check what is explained, and save both texts and screens.

``python -m tests.situations FOLDER [pytest options]``: of each situation ``NAME.txt``, as ``asok explain``
prints it, and ``NAME.svg``, the page of reasons in the console.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def main(words: list[str]) -> int:
    """Run them all; the exit code is that of pytest."""
    folder = Path(words[0] if words else "situations").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", str(Path(__file__).parent), "-q", *words[1:]],
        env={**os.environ, "ASOK_SITUATIONS": str(folder)},
        check=False,
    )
    sys.stdout.write(f"{len(list(folder.glob('*.svg')))} screens in {folder}\n")
    return run.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
