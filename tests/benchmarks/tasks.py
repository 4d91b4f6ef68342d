"""The tasks that every peer runs. What they did is appended to one file, the same for all.

An append of some bytes is atomic and takes about a microsecond, so a drain can be counted without
asking Redis, which is under measurement itself.
"""

from __future__ import annotations

import asyncio
import os
import time

MARKS = "BENCH_MARKS"
"""The environment variable that names the file."""

NAP = 1.0
"""Seconds a ``nap`` takes."""

_file = os.open(os.environ[MARKS], os.O_WRONLY | os.O_APPEND) if MARKS in os.environ else -1


def mark() -> bool:
    """Do nothing. Returns True, for some peers keep no None."""
    os.write(_file, b".")
    return True


def stamp(sent: float) -> bool:
    """Tell how many seconds after ``sent`` (epoch) it began."""
    os.write(_file, f"stamp {time.time() - sent:.6f}\n".encode())
    return True


def nap(number: int) -> bool:
    """Run for a while, in a thread, and tell when it began and ended."""
    begun(number)
    time.sleep(NAP)
    return done(number)


async def async_nap(number: int) -> bool:
    """Run for a while, on an event loop."""
    begun(number)
    await asyncio.sleep(NAP)
    return done(number)


def begun(number: int) -> None:
    """Tell that nap ``number`` begins, and in which process."""
    os.write(_file, f"begun {number} {os.getpid()}\n".encode())


def done(number: int) -> bool:
    """Tell that nap ``number`` has ended."""
    os.write(_file, f"done {number} {os.getpid()}\n".encode())
    return True
