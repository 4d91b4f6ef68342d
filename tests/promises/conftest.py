from __future__ import annotations

from tests.cli.conftest import asok
from tests.operator.conftest import bench
from tests.tui.conftest import open_console, open_terminal
from tests.worker.conftest import desk, run_worker, starter

__all__ = ["asok", "bench", "desk", "open_console", "open_terminal", "run_worker", "starter"]
