from __future__ import annotations

from tests.cli.conftest import asok
from tests.operator.conftest import bench
from tests.tui.conftest import open_console
from tests.worker.conftest import desk, run_worker, starter

__all__ = ["asok", "bench", "desk", "open_console", "run_worker", "starter"]
