"""Tasks of the tests. They write what happens into a journal, and wait for files that a test makes."""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import gc
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from asok_core import JobCancelled, cancelled, current_job, resumable

FOLDER = Path(os.environ.get("ASOK_TEST_FOLDER", "."))


def write_line(words: str) -> None:
    """Append one line to the journal, whole however many write at once."""
    file = os.open(FOLDER / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{words}\n".encode())
    os.close(file)


def note(word: str) -> None:
    write_line(word)


def nap(number: int) -> None:
    """Run for so short a time that others of its kind are claimed ahead."""
    time.sleep(0.002)
    write_line(f"{number}")


def note_first(word: str, *_rest: object) -> None:
    write_line(word)


def charge(merchant: int, order: int) -> None:
    """Charge a card, while the test has not made the file ``down``."""
    if (FOLDER / "down").exists():
        raise ConnectionError("bank down")
    write_line(f"charged {merchant} {order} {time.time():.3f}")


def give(value: Any = None, **named: Any) -> Any:
    return value if value is not None else named


def hold(word: str) -> None:
    """Run until the test makes the file ``word``."""
    write_line(f"begin {word}")
    while not (FOLDER / word).exists():
        time.sleep(0.01)
    write_line(f"end {word}")


def hold_without_handler(word: str) -> None:
    """The same in a process that SIGUSR1 does not make write its stacks."""
    faulthandler.unregister(signal.SIGUSR1)
    hold(word)


def hold_until_cancelled(word: str) -> None:
    """Run until it is asked to stop."""
    write_line(f"begin {word}")
    while not cancelled():
        time.sleep(0.01)
    raise JobCancelled("as asked")


def ignore_cancels(word: str) -> None:
    """Run until the test makes the file ``word``, whatever is raised."""
    write_line(f"begin {word}")
    while not (FOLDER / word).exists():
        try:
            time.sleep(0.01)
        except JobCancelled:
            write_line(f"ignored {word}")


def run_until_cancelled() -> None:
    """Run until the job is asked to stop."""
    while not cancelled():
        time.sleep(0.01)
    raise JobCancelled("stopped")


def wait_for(path: str) -> None:
    """Run until there is a file ``path``."""
    while not Path(path).exists():
        time.sleep(0.01)


def fail(words: str = "no luck") -> None:
    raise ValueError(words)


def say_and_fail(words: str) -> None:
    """Log words of a client, and fail with them."""
    logging.getLogger("shop").warning("no such user: %s", words)
    raise ValueError(words)


def fail_at_a_file() -> None:
    """Fail with the name of a file in it that is not UTF-8."""
    raise ValueError(f"cannot read {os.fsdecode(b'caf' + bytes([0xE9]))}")


def end_process(code: int) -> None:
    """End the whole process, as a library does that calls ``_exit``."""
    os._exit(code)


def close_files(word: str) -> None:
    """Close every file of the process, connections to Redis too, and return as if nothing was wrong."""
    write_line(word)
    os.closerange(3, 1024)


def leave_a_program_and_hold(word: str) -> None:
    """Start a program that inherits what it may, and leave it alone."""
    # Longer than the test; which ends it, by the process id that it reads.
    program = subprocess.Popen(["sleep", "300"], close_fds=False, start_new_session=True)
    write_line(f"{program.pid}")
    hold(word)


def hold_and_fail(word: str) -> None:
    hold(word)
    raise ValueError(word)


def fail_until(count: int, word: str) -> str:
    """Fail until the journal has ``count`` lines ``word``."""
    write_line(word)
    tries = (FOLDER / "journal").read_text().splitlines().count(word)
    if tries < count:
        raise RuntimeError(f"try {tries}")
    return f"done at try {tries}"


def leave(code: int) -> None:
    sys.exit(code)


def die(word: str) -> None:
    write_line(word)
    os.kill(os.getpid(), signal.SIGKILL)


def die_alone(word: str) -> None:
    write_line(word)
    os._exit(9)


def hold_the_interpreter(seconds: float) -> None:
    """Keep the GIL, so that no other thread of the process runs."""
    write_line("begin")
    libc = ctypes.PyDLL(None)
    libc.usleep.argtypes = [ctypes.c_uint]
    end = time.monotonic() + seconds
    libc.usleep(int(seconds * 1e6))
    write_line("end" if time.monotonic() >= end - 0.1 else "woken early")


def end_by_fault(word: str) -> None:
    """End the process as C code does that writes where it must not."""
    write_line(f"begin {word}")
    ctypes.string_at(0)


def end_by_fault_on_stop(word: str) -> None:
    """The same once its worker stops."""
    write_line(f"begin {word}")
    while not (FOLDER / word).exists():
        time.sleep(0.01)
    end_by_fault(word)


def write_to_its_stacks() -> None:
    """Write to the file for the stacks of this process without a pause until it is emptied."""
    # As ``start.py`` gets it.
    file = int(sys.argv[2])
    os.write(file, b"x" * (8 << 20))
    before = os.fstat(file).st_size
    while os.fstat(file).st_size >= before:
        os.write(file, b"x")
        time.sleep(0.01)


def leave_a_fork_that_ends_by_fault(word: str) -> None:
    """Let a fork end so, and then this process by another signal."""
    fork = os.fork()
    if fork == 0:
        end_by_fault("fork")
    os.waitpid(fork, 0)
    die(word)


async def wait_a_little(value: int) -> int:
    await asyncio.sleep(0.01)
    return value + 1


def loop_forever() -> None:
    write_line("begin")
    while True:
        time.sleep(0.01)


def sleep_in_c(word: str) -> None:
    """Catch every soft limit."""
    write_line(word)
    while True:
        time.sleep(3600)


def grow(megabytes: int) -> None:
    KEPT.append(bytearray(megabytes << 20))
    write_line(f"{os.getpid()}")


KEPT: list[bytearray] = []


def pid() -> int:
    write_line(f"{os.getpid()}")
    return os.getpid()


def collector() -> tuple[bool, tuple[int, ...], int]:
    """How garbage is collected, and how many objects are left out."""
    return gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()


not_a_function = 7


def report_often(times: int) -> None:
    """Report progress and make checkpoints as fast as it can."""
    job = current_job()
    for done in range(times):
        job.progress(done + 1, times, f"item {done}")
        job.checkpoint(done)


def report_and_hold(word: str) -> None:
    """Report progress, and run until the test makes the file ``word``."""
    current_job().progress(1, 2, word)
    hold(word)


def report_after(word: str, end: str) -> None:
    """Report progress once the test makes the file ``word``, and run until it makes ``end``."""
    hold(word)
    current_job().progress(3)
    write_line(f"reported {word}")
    write_line(f"resumes from {current_job().cursor}")
    while not (FOLDER / end).exists():
        time.sleep(0.01)


def step_through(word: str, count: int) -> None:
    """Note each item that no earlier attempt has done; slowly, unless the test makes ``fast``."""
    for number in resumable(range(count)):
        write_line(f"{word} {number}")
        if not (FOLDER / "fast").exists():
            time.sleep(0.05)


def keep_and_hang(word: str) -> None:
    """Make a checkpoint and wait where no exception can be raised; the next attempt returns."""
    found = current_job().cursor
    write_line(f"{word} {found}")
    current_job().checkpoint("hangs")
    if found is None:
        time.sleep(60)


def keep_and_fail(word: str) -> None:
    """Note from where it resumes, make a checkpoint beyond that, and fail."""
    found = current_job().cursor
    write_line(f"{word} {found}")
    current_job().checkpoint((found or 0) + 1)
    raise ValueError(word)


def report_argument(user: str, password: str) -> None:
    """Report progress with what is not to be shown."""
    current_job().progress(1, note=f"signed in {user} with password={password}")


def report_and_fail() -> None:
    """Report the number of the attempt as progress, and fail."""
    attempt = current_job().attempt
    current_job().progress(attempt, 40, f"attempt {attempt}")
    raise ValueError("no more")
