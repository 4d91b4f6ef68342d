"""What is exhausted, found in the chain of an error."""

from __future__ import annotations

import errno
import os
import resource
import socket

import pytest

from asok_core.runtime.exhaustion import failed_start, shortage


def chained(number: int, above: int) -> BaseException:
    error: BaseException = OSError(number, os.strerror(number))
    for _ in range(above):
        outer = RuntimeError("connection failed")
        outer.__cause__ = error
        error = outer
    return error


@pytest.mark.parametrize(
    ("number", "named"),
    [
        (errno.EMFILE, "file descriptor left of"),
        (errno.ENFILE, "fs.file-max"),
        (errno.ENOMEM, "memory left"),
        (errno.ENOBUFS, "memory left for sockets"),
        (errno.ECONNREFUSED, None),
    ],
)
@pytest.mark.parametrize("above", [0, 2])
def test_the_resource_is_named(number: int, named: str | None, above: int) -> None:
    found = shortage(chained(number, above))
    assert found is None if named is None else named in (found or "")


def test_a_chain_that_leads_back_to_itself_ends() -> None:
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__context__, other.__context__ = other, one
    assert shortage(one) is None


def test_a_resolver_without_a_file_descriptor_says_so() -> None:
    assert shortage(socket.gaierror(-3, "Temporary failure in name resolution")) is None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        found = shortage(socket.gaierror(-3, "Temporary failure in name resolution"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "no file descriptor left" in (found or "")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(errno.EAGAIN, "x"), "no more processes and threads"),
        (OSError(errno.EMFILE, "x"), "no file descriptor left"),
        (OSError(errno.EPERM, "Operation not permitted"), "Operation not permitted"),
        (OSError(), "OSError"),
    ],
)
def test_why_a_process_could_not_be_started(error: OSError, why: str) -> None:
    assert why in failed_start(error)
