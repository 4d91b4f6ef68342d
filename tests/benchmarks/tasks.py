"""The tasks that every peer runs. Each appends a line to the same file.

A short append is atomic and takes about a microsecond, so a drain can be counted without using
Redis, whose load is measured."""

from __future__ import annotations

import asyncio
import os
import time

MARKS = "BENCH_MARKS"
"""The environment variable with the path of the file."""

NAP = 1.0
"""The duration of a ``nap`` in seconds."""

_file = os.open(os.environ[MARKS], os.O_WRONLY | os.O_APPEND) if MARKS in os.environ else -1


def mark() -> bool:
    """Do nothing. Returns True, as some peers do not store None."""
    os.write(_file, b".")
    return True


def stamp(sent: float) -> bool:
    """Report how many seconds after ``sent`` (epoch) it began."""
    os.write(_file, f"stamp {time.time() - sent:.6f}\n".encode())
    return True


def nap(number: int) -> bool:
    """Sleep in a thread, and report the start and the end."""
    begun(number)
    time.sleep(NAP)
    return done(number)


async def async_nap(number: int) -> bool:
    """Sleep on an event loop, and report the start and the end."""
    begun(number)
    await asyncio.sleep(NAP)
    return done(number)


def begun(number: int) -> None:
    """Report that nap ``number`` begins, and in which process."""
    os.write(_file, f"begun {number} {os.getpid()}\n".encode())


def done(number: int) -> bool:
    """Report that nap ``number`` has ended."""
    os.write(_file, f"done {number} {os.getpid()}\n".encode())
    return True
