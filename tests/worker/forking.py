"""Tasks of the tests that fork processes and start programs."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from asok_core import hooks
from asok_core.jobs.job import Job
from tests.worker.jobs import hold, sleep_in_c, write_line


def square(number: int) -> int:
    return number * number


def sleep_long() -> None:
    time.sleep(600)


def end_in_its_own_way(way: str) -> int:
    """What a forked fork does that does not call ``os._exit``."""
    write_line(f"fork {os.getpid()}")
    if way == "exit":
        sys.exit(3)
    if way == "exit with words":
        sys.exit("the words of the fork")
    if way == "raise":
        raise ValueError("raised in the fork")
    return 0


def fork_and_wait(way: str) -> int:
    """Fork, and return the exit code of the fork."""
    fork = os.fork()
    if fork == 0:
        return end_in_its_own_way(way)
    return os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])


async def fork_and_wait_in_a_coroutine(way: str) -> int:
    await asyncio.sleep(0)
    fork = os.fork()
    if fork == 0:
        return end_in_its_own_way(way)
    code = os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])  # noqa: ASYNC222
    # Whether the loop is still notified of what its threads have done, through a file that both shared.
    return await asyncio.to_thread(square, code)


def fork_and_continue() -> None:
    """Fork; neither process waits for the other."""
    if os.fork() == 0:
        write_line(f"fork {os.getpid()}")


def fork_in_a_hook() -> None:
    write_line(f"task in {os.getpid()}")


@hooks.before
def _fork(job: Job) -> None:
    if job.function == "fork_in_a_hook":
        fork = os.fork()
        if fork:
            write_line(f"exit code {os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])}")


def leave_a_fork_and_hold(word: str) -> None:
    """Leave a forked fork that lives in a session of its own."""
    fork = os.fork()
    if fork == 0:
        os.setsid()
        time.sleep(600)
        os._exit(0)
    write_line(f"fork {fork}")
    hold(word)


def use_pool(method: str) -> list[int]:
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(square, range(4))


def use_executor(method: str) -> list[int]:
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        return list(executor.map(square, range(4)))


def terminate_a_process(method: str) -> int | None:
    """The exit code of a process of multiprocessing that SIGTERM ended."""
    multiprocessing.set_start_method(method, force=True)
    process = multiprocessing.Process(target=sleep_long)
    process.start()
    process.terminate()
    process.join()
    return process.exitcode


def end_a_program_by(number: int) -> int:
    """Send a signal to a program: its exit code."""
    program = subprocess.Popen(["sleep", "600"])
    program.send_signal(number)
    return program.wait()


def dispositions(how: str) -> dict[str, str]:
    """The signals that a program finds blocked, ignored and caught, as masks."""
    text = _status_of_a_fork() if how == "fork" else _status_of_a_program()
    pairs = (line.split(":\t") for line in text.splitlines())
    return {name: value for name, value in pairs if name in ("SigBlk", "SigIgn", "SigCgt")}


def _status_of_a_program() -> str:
    return subprocess.check_output(["cat", "/proc/self/status"], text=True)


def _status_of_a_fork() -> str:
    read, write = os.pipe()
    fork = os.fork()
    if fork == 0:
        with open("/proc/self/status", "rb") as file:  # noqa: PTH123
            os.write(write, file.read())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(fork, 0)
    return text


def start_programs(count: int = 3, *, own_session: bool = False) -> None:
    """Start programs that outlive the job, and write down their process ids."""
    for _ in range(count):
        program = subprocess.Popen(["sleep", "600"], start_new_session=own_session)
        write_line(f"program {program.pid}")


def start_programs_and_hold(word: str) -> None:
    start_programs()
    hold(word)


def start_programs_and_sleep_in_c(word: str) -> None:
    start_programs()
    sleep_in_c(word)


def start_programs_and_die() -> None:
    start_programs()
    os.kill(os.getpid(), signal.SIGKILL)


def leave_an_orphan(code: int) -> None:
    """Let a program outlive its parent, and end after that."""
    script = f"(sleep 0.1; exit {code}) & echo $!"
    reported = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    write_line(f"orphan {reported.stdout.strip()}")
