"""``python -m tests.package FOLDER``: build the files of a release."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.package.release import NotReleasable, build
from tests.programs import ROOT

if __name__ == "__main__":
    try:
        build(ROOT, Path(sys.argv[1]).resolve())
    except NotReleasable as error:
        sys.exit(f"make build: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"make build: {error.cmd[2]} failed, see above")
