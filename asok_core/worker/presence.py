"""Proof by the kernel that no process of a worker lives, long before its lease ends.

A supervisor takes a lock on a file in a directory of its user's own, and each process inherits the file
descriptor: the lock is free again when the last process of the worker has ended, however it ended. What
can take the lock has proved that death. Where there is no such directory (RUNTIME_DIRECTORY of a systemd
unit, XDG_RUNTIME_DIR of a session), an abstract unix socket name does the same. Any user of the machine
could take that as well: then nothing is proved, and the lease decides.

The proof is good on the same *machine* only: one boot of one kernel, and one directory (or network
namespace) of it. Elsewhere, and where there is neither (macOS), or when a task left a forked process
behind that has the descriptor, the lease decides.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LOCK = ":lock:"


class WorkerPresence:
    """Shows that a worker lives, until the last process that has ``files`` ends.

    ``machine`` is where that can be seen, '' if nowhere; ``files`` are descriptors for its processes.
    """

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._file: int | None = None
        self._name: socket.socket | None = None
        self.machine = ""
        boot = _boot()
        folder = _folder(make=True)
        if boot and folder is not None:
            self._file = _locked(folder / _file_name(worker), os.O_CREAT)
            self.machine = _machine_of(boot, folder) if self._file is not None else ""
        if boot and not self.machine and (network := _network()):
            self._name = _taken(worker)
            self.machine = f"{boot}:{network}" if self._name else ""
        held = self._file if self._name is None else self._name.fileno()
        self.files: tuple[int, ...] = () if held is None else (held,)

    def close(self) -> None:
        """Give it up; processes that live still hold it."""
        if self._name is not None:
            self._name.close()
        if self._file is not None:
            # Without the file nothing can be proved, and there is nothing left to prove.
            _remove(self._worker)
            os.close(self._file)
            self._file = None


def keep_from_tasks(files: list[int]) -> None:
    """In a process of a worker: let the programs that tasks start not inherit ``files``."""
    for file in files:
        os.set_inheritable(file, False)


def is_gone(worker: str, machine: str = "") -> bool:
    """Whether no process lives of a worker that was on this machine, which is also ``machine``."""
    if _LOCK in machine:
        folder = _folder()
        if folder is None:
            return False
        # A file that is not there proves nothing: it may have been deleted.
        file = _locked(folder / _file_name(worker))
        if file is None:
            return False
        os.close(file)
        return True
    name = _taken(worker)
    if name is None:
        return False
    name.close()
    return True


def remove_traces(worker: str, machine: str) -> None:
    """Remove what a dead worker left on this machine."""
    if _LOCK in machine and is_gone(worker, machine):
        _remove(worker)


def _remove(worker: str) -> None:
    folder = _folder()
    if folder is not None:
        with suppress(OSError):
            (folder / _file_name(worker)).unlink()


def _file_name(worker: str) -> str:
    return f"{worker.replace('/', '_')}.lock"


def _locked(path: Path, flags: int = 0) -> int | None:
    """A descriptor with the lock on a file; None when it is in use, or cannot be had."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
    except (OSError, ValueError):
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file


def _folder(*, make: bool = False) -> Path | None:
    """The directory of locks, in one that belongs to this user and that no other user can write to."""
    for parent in _parents():
        if not _is_own(parent):
            continue
        folder = parent / "asok"
        if make:
            with suppress(OSError):
                folder.mkdir(mode=0o700, exist_ok=True)
        if _is_own(folder):
            return folder
    return None


def _parents() -> Iterator[Path]:
    for variable in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        first = os.environ.get(variable, "").split(":")[0]
        if first.startswith("/"):
            yield Path(first)


def _is_own(path: Path) -> bool:
    try:
        found = path.lstat()
    except (OSError, ValueError):
        return False
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return own and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _machine_of(boot: str, folder: Path) -> str:
    try:
        found = folder.stat()
    except OSError:
        return ""
    return f"{boot}{_LOCK}{found.st_dev}:{found.st_ino}"


def _taken(worker: str) -> socket.socket | None:
    """The name of a worker; None when it is in use, or cannot be had, which proves nothing."""
    try:
        name = socket.socket(socket.AF_UNIX)
    except OSError:
        return None
    try:
        name.bind(f"\0asok:{worker}")
    except OSError:
        name.close()
        return None
    return name


def _boot() -> str:
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
    return text.strip()


def _network() -> int:
    """The network namespace: unique among all that live; in one that has ended, no process lives."""
    try:
        return Path("/proc/self/ns/net").stat().st_ino
    except OSError:
        return 0
