"""A process of a worker as its supervisor starts it."""

from __future__ import annotations

import json
import subprocess
import sys

from asok_core.worker import start
from asok_core.worker.shared_state import SharedState, shared_file
from tests.fixtures.worker import Desk, RunWorker
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


def test_tasks_run_with_the_collector_of_python_which_leaves_our_modules_out(
    desk: Desk, run_worker: RunWorker
) -> None:
    job = desk.enqueue("collector")
    run_worker()
    result = desk.reaches(job, "completed").result
    assert result is not None
    enabled, threshold, left_out = json.loads(result)
    assert enabled
    assert threshold == list(thresholds())
    assert left_out > 10_000


def thresholds() -> tuple[int, ...]:
    """Those of a new process of Python."""
    code = "import gc; print(*gc.get_threshold())"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    return tuple(map(int, done.stdout.split()))
