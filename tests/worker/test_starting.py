"""A process of a worker as its supervisor starts it."""

from __future__ import annotations

import subprocess
import sys

from asok_core.worker import start
from asok_core.worker.shared_state import SharedState, shared_file
from tests.programs import environment


def test_a_process_whose_supervisor_died_as_it_started_it_says_so_in_one_line() -> None:
    with shared_file("state") as shared, shared_file("stacks") as stacks:
        SharedState(shared, 1).clear()
        done = subprocess.run(
            [
                *(sys.executable, "-P", start.__file__),
                *(
                    str(shared.fileno()),
                    str(stacks.fileno()),
                    str(stacks.fileno()),
                    str(stacks.fileno()),
                    "1",
                    "worker.1",
                ),
            ],
            env=environment({}),
            pass_fds=(shared.fileno(), stacks.fileno()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "asok worker: the supervisor ended before it sent the configuration\n"
