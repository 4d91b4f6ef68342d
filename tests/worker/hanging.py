"""Tasks that let no other thread of their process run."""

from __future__ import annotations

import os
import re
import threading
import time

from asok_core.worker.running.dispatcher import Dispatcher
from tests.worker.jobs import hold, write_line

CATASTROPHIC = re.compile(r"(a+)+$")
TEXT = "a" * 60 + "b"


def search() -> None:
    """Hold the interpreter for years."""
    write_line("search")
    CATASTROPHIC.match(TEXT)


def search_later() -> None:
    """The same from a thread that the job leaves behind."""

    def run() -> None:
        time.sleep(1)
        CATASTROPHIC.match(TEXT)

    threading.Thread(target=run, daemon=True).start()


def write_pid_and_hold(word: str) -> None:
    write_line(f"{os.getpid()}")
    hold(word)


def stop_the_loop_and_hold(word: str) -> None:
    """Let the loop of this process turn no more, while its other threads run."""
    Dispatcher.turn = lambda *_: threading.Event().wait()  # type: ignore[method-assign,assignment]
    hold(word)
