"""Exhausted resources of a process or host, by the errno of a system call, and what to do."""

from __future__ import annotations

import errno
import os
import resource
import socket

DEEPEST = 10
"""Exceptions of a chain that are checked."""


def open_files_limit() -> int:
    """The limit of file descriptors of this process. Very large if there is none."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 30


def shortage(error: BaseException | None) -> str | None:
    """The exhausted resource that caused ``error`` or an OSError in its chain, and what to do.

    None if it has another cause.
    """
    for _ in range(DEEPEST):
        if error is None:
            break
        number = error.errno if isinstance(error, OSError) else None
        if isinstance(error, socket.gaierror):
            # The resolver opens files, and its error does not have an errno.
            number = _why_no_file_opens()
        if number in _SHORTAGES:
            return _SHORTAGES[number].format(limit=open_files_limit())
        error = error.__cause__ or error.__context__
    return None


_SHORTAGES = {
    errno.EMFILE: "this process has no file descriptor left of {limit}; raise the limit "
    "(ulimit -n, LimitNOFILE= of systemd)",
    errno.ENFILE: "this host has no file descriptor left (fs.file-max)",
    errno.ENOMEM: "this host or its container has no memory left",
    errno.ENOBUFS: "this host has no memory left for sockets",
}


def failed_start(error: OSError) -> str:
    """Why a process or its pipe could not be created, and what to do."""
    if error.errno == errno.EAGAIN:
        return (
            "this user or container may have no more processes and threads; raise the limit "
            "(ulimit -u, TasksMax= of systemd, --pids-limit of Docker)"
        )
    return shortage(error) or error.strerror or type(error).__name__


def _why_no_file_opens() -> int | None:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno
    return None
