"""What jobs of applications usually do, and what the unit of ``asok deploy`` prevents."""

from __future__ import annotations

import asyncio
import concurrent.futures
import ctypes
import mmap
import multiprocessing
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

MEMBERS = (
    "threads",
    "programs",
    "processes",
    "network",
    "files",
    "database",
    "loop",
    "memory",
    "clocks",
)


def threads() -> int:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return sum(pool.map(lambda number: number, range(100)))


def programs() -> str:
    code = "import os; os.nice(1); print(sum(range(10)))"
    piped = f"{sys.executable} -c '{code}' | cat"
    return subprocess.run(
        piped, shell=True, capture_output=True, text=True, check=True
    ).stdout.strip()


def processes() -> int:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return sum(pool.map(abs, range(-10, 0)))


def network() -> str:
    ssl.create_default_context()
    socket.getaddrinfo("localhost", 80)
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = threading.Thread(target=lambda: server.accept()[0].sendall(b"hello"))
        answer.start()
        with socket.create_connection(server.getsockname()) as client:
            said = client.recv(5).decode()
        answer.join()
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"there")
        return f"{said} {right.recv(5).decode()}"


def files() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_text("x")
        path.chmod(0o640)
        os.utime(path, (1, 1))
        path.with_name("symlink").symlink_to(path)
        path.with_name("hard").hardlink_to(path)
        path.rename(path.with_name("moved"))
        with path.with_name("moved").open("r+") as file:
            os.fsync(file.fileno())
            os.posix_fallocate(file.fileno(), 0, 4096)
        return sorted(each.name for each in Path(folder).iterdir())


def database() -> int:
    with tempfile.TemporaryDirectory() as folder:
        base = sqlite3.connect(Path(folder) / "base")
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("CREATE TABLE t (n INTEGER)")
        base.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(10)])
        base.commit()
        total: int = base.execute("SELECT sum(n) FROM t").fetchone()[0]
        base.close()
        return total


def loop() -> str:
    async def main() -> str:
        process = await asyncio.create_subprocess_exec("true")
        await asyncio.sleep(0)
        return f"exit {await process.wait()}"

    return asyncio.run(main())


def memory() -> int:
    with mmap.mmap(-1, 1 << 20) as block:
        block[0] = 7
        called = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda number: number + 1)
        return int(block[0]) + int(called(1))


def clocks() -> int:
    time.sleep(0)
    time.clock_gettime(time.CLOCK_BOOTTIME)
    signal.pthread_sigmask(signal.SIG_BLOCK, ())
    os.getloadavg()
    return min(1, len(os.sched_getaffinity(0)))


def refused() -> dict[str, str]:
    """What an intruder would try, with the result of each. If it is allowed, it does no harm."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *arguments: object) -> str:
        return "done" if getattr(libc, name)(*arguments) >= 0 else os.strerror(ctypes.get_errno())

    with tempfile.NamedTemporaryFile() as file:
        try:
            Path(file.name).chmod(0o4755)
            set_id = "done"
        except OSError as error:
            set_id = os.strerror(error.errno or 0)
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW):
            packets = "done"
    except OSError as error:
        packets = os.strerror(error.errno or 0)
    status = Path("/proc/self/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return {
        "a user namespace": call("unshare", 0x10000000),
        "a mount": call("mount", None, None, None, 0, None),
        "another process": call("ptrace", 0x4206, 0, None, None),
        "the swap space": call("swapoff", None),
        "the kernel's log": call("klogctl", 10, None, 0),
        "a set-user-ID file": set_id,
        "packets": packets,
        "capabilities": fields["CapEff"].strip(),
        "no new privileges": fields["NoNewPrivs"].strip(),
    }
