"""Local tasks at the exit of their process, in separate processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

PREAMBLE = """
import asyncio, logging, os, sys, time
logging.basicConfig(format="%(levelname)s %(message)s", level="INFO")
import asok_core
from asok_core import Background, background

def note(text, seconds=0.0):
    time.sleep(seconds)
    os.write(1, f"{text}\\n".encode())

async def note_by_thread(text):
    await asyncio.to_thread(note, text)
"""


STARTERS = """
import concurrent.futures, socket, subprocess, threading

def main_thread_ends():
    if threading._SHUTTING_DOWN:
        return True
    # Python 3.12.0 to 3.12.2 wait for tasks before that: see process_exit.py.
    frame = sys._current_frames().get(threading.main_thread().ident)
    while frame and not frame.f_code.co_filename.endswith("process_exit.py"):
        frame = frame.f_back
    return frame is not None

def wait_for_the_end_of_the_main_thread():
    # Not join(): it waits for these jobs itself.
    limit = time.monotonic() + 50
    while not main_thread_ends():
        assert time.monotonic() < limit, "the main thread does not end"
        time.sleep(0.01)

def start_threads(word):
    wait_for_the_end_of_the_main_thread()
    thread = threading.Thread(target=note, args=(f"{word}: thread",))
    thread.start()
    thread.join()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(note, f"{word}: executor").result()
    subprocess.run([sys.executable, "-c", "pass"], check=True)

async def start_threads_from_a_loop(word):
    wait_for_the_end_of_the_main_thread()
    await asyncio.to_thread(note, f"{word}: to_thread")
    await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
    note(f"{word}: looked up")
"""
STARTED = ["executor", "looked up", "thread", "to_thread"]


def start(code: str, *, measured: bool = True) -> subprocess.Popen[str]:
    """Start a program; without ``measured``, one in which `make coverage` installs nothing."""
    left_out = () if measured else ("COVERAGE_PROCESS_CONFIG",)
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**env, "BG_WORKERS": "2"},
    )


def run(code: str) -> tuple[int, str, str]:
    process = start(code)
    out, err = process.communicate(timeout=50)
    return process.returncode, out, err


def test_a_process_that_ends_finishes_its_tasks_first() -> None:
    code, out, err = run(
        """
        for n in range(6):
            background(note, f"task {n}", 0.05)
        background(note_by_thread, "by thread")
        """
    )
    assert code == 0, err
    assert sorted(out.splitlines()) == ["by thread", *(f"task {n}" for n in range(6))]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError('the end')", 1),
        ("def end(): sys.exit(4)\nend()", 4),
        ("threading.Thread(target=time.sleep, args=(0.6,)).start()", 0),
    ],
    ids=["falls off", "exits", "raises", "exits deep down", "leaves a thread"],
)
def test_tasks_may_start_threads_while_the_process_ends(end: str, code: int) -> None:
    """On every Python: this requires a private function, or on 3.12.0 to 3.12.2 sys.monitoring."""
    ended, out, err = run(
        f"{STARTERS}\nbackground(start_threads, 1)\n"
        f"background(start_threads_from_a_loop, 1)\n{end}\n"
    )
    assert ended == code, err
    assert sorted(out.splitlines()) == [f"1: {each}" for each in STARTED], err
    assert "ERROR" not in err
    assert ("ValueError: the end" in err) is ("raise" in end)


@pytest.mark.parametrize("how", ["file", "module", "standard input"])
def test_it_works_however_the_program_was_started(tmp_path: Path, how: str) -> None:
    program = tmp_path / "program.py"
    text = f"{PREAMBLE}{STARTERS}\nbackground(start_threads_from_a_loop, 1)\n"
    program.write_text(text)
    arguments = {"file": [str(program)], "module": ["-m", "program"], "standard input": ["-"]}[how]
    done = subprocess.run(
        [sys.executable, *arguments],
        input=text if how == "standard input" else "",
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["1: looked up", "1: to_thread"], done.stderr


def test_a_line_of_an_interactive_session_is_not_the_end() -> None:
    done = subprocess.run(
        [sys.executable, "-i", "-c", f"{PREAMBLE}\nbackground(note, 'first').result()"],
        input="background(note, 'second').result()\nbackground(note_by_thread, 'third').result()\n",
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stdout.splitlines() == ["first", "second", "third"], done.stderr


def test_this_python_has_the_private_function_for_exit() -> None:
    """Without it, tasks cannot start threads at exit: process_exit.py would need another way."""
    assert callable(getattr(threading, "_register_atexit", None))


def test_tasks_that_do_not_finish_before_the_exit_are_logged_by_name() -> None:
    code, out, err = run(
        """
        import asok_core.backends.local as local
        local.EXIT_TIMEOUT = 0.3
        background(note, "never", 600)
        background(note, "never", _delay=900)
        background(note, "quick")
        """
    )
    assert code == 0
    assert out.splitlines() == ["quick"]
    assert "WARNING Waiting up to 0 s for note" in err
    before = "did not finish before the shutdown"
    assert f"ERROR Background task note {before}: it was still running" in err
    assert f"ERROR Background task note {before}: it waited for its start" in err


def test_sigterm_ends_an_application_in_order() -> None:
    process = start(
        """
        app = Background(bg_workers=1)
        app.background(note, "first", 1.0)
        app.background(note, "second")
        print("ready", flush=True)
        time.sleep(600)
        """,
        measured=False,  # coverage has a handler of SIGTERM, and ours replaces none
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=50)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert out.splitlines() == ["first", "second"]
    assert "Waiting up to 20 s for note (2)" in err


def test_an_existing_sigterm_handler_is_not_replaced() -> None:
    code, _, err = run(
        """
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Background()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        """
    )
    assert code == 0, err


def test_a_server_may_fork_after_the_application_was_created() -> None:
    code, out, err = run(
        """
        app = Background(bg_workers=2)
        app.background(note, "parent", 0.3)
        children = []
        for n in range(3):
            child = os.fork()
            if child == 0:
                app.background(note, f"child {n}", 0.1)
                sys.exit(0)
            children.append(child)
        assert [os.waitpid(each, 0)[1] for each in children] == [0, 0, 0]
        """
    )
    assert code == 0, err
    assert sorted(out.splitlines()) == ["child 0", "child 1", "child 2", "parent"]


@pytest.mark.parametrize("call", ["app.shutdown(wait=False)", "app.shutdown(timeout=0.2)"])
def test_an_application_can_be_shut_down_without_waiting_long(call: str) -> None:
    code, out, err = run(
        f"""
        app = Background(bg_workers=1)
        app.background(note, "never", 600)
        assert {call} is False
        try:
            app.background(note)
        except RuntimeError as error:
            print(error)
        """
    )
    assert code == 0, err
    assert out == "the application was shut down; it accepts no more tasks\n"
    assert "did not finish before the shutdown" in err
