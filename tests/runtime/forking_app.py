"""An application whose task forks; the first argument is the backend."""

from __future__ import annotations

import os
import sys
from queue import SimpleQueue

from asok_core import background, hooks

PATIENCE = 60.0


def fork(way: str) -> int:
    child = os.fork()
    if child == 0:
        if way == "raise":
            raise ValueError("raised in the child")
        if way == "exit":
            sys.exit(3)
        return 0
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_where() -> int:
    return os.getpid()


def fork_again_and_enqueue(_way: str) -> int:
    """A forked process has its own threads, and jobs in them end as usual."""
    child = os.fork()
    if child == 0:
        os._exit(0 if background(run_where).result(timeout=30) == os.getpid() else 9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(task: str, way: str) -> None:
    ended: SimpleQueue[int] = SimpleQueue()
    hooks.after(lambda _job, result: ended.put(result))
    result = background(globals()[task], way).result(timeout=PATIENCE)
    # The hook is called after the result is set, so it may be later.
    after = [ended.get(timeout=PATIENCE)]
    sys.stdout.write(f"{os.getpid() == PID} {result} {after}\n")


PID = os.getpid()
main(*sys.argv[1:])
