"""Programs of systemd that tests run."""

from __future__ import annotations

import os
import shutil
import sys

import pytest


def systemd_analyze() -> str:
    """The path of systemd-analyze. If it is missing, the test is skipped, or fails in CI."""
    found = shutil.which("systemd-analyze")
    if found is None:
        if sys.platform == "linux" and os.environ.get("CI"):
            pytest.fail("systemd-analyze is missing: on Debian, apt install systemd", pytrace=False)
        pytest.skip("systemd-analyze is missing: on Debian, apt install systemd")
    return found
