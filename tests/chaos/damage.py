"""What people and disks do to a Redis: keys that are deleted by hand, and a disk that is full."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

DISK_SIZE = 64 * 2**20
DERIVED = (
    *("asok:workers", "asok:queues", "asok:recent", "asok:suspects", "asok:renewal"),
    *("asok:worker:*", "asok:stats:*", "asok:place:*", "asok:crashes:*", "asok:job:*"),
)
"""Keys that are no location of jobs: who deletes one may cost a figure or a repeated run, never a job."""


def delete_by_hand(client: Any) -> list[str]:
    """Delete some keys of one kind; the names of those that there were."""
    kind = random.choice(DERIVED)
    names = [name.decode() for name in client.scan_iter(match=kind, count=1000)]
    chosen = random.sample(names, min(len(names), 20))
    return [name for name in chosen if client.delete(name)]


class Disk:
    """A small disk of its own, in memory. ``fill`` leaves no byte of it.

    Raises OSError where this user may not mount one: there the scenario cannot be run.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="asok-disk-"))
        mount = ("mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE},mode=700", "asok", self.folder)
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode:
            self.folder.rmdir()
            raise OSError(f"a disk of its own cannot be mounted here: {done.stderr.strip()}")

    def fill(self) -> None:
        """Take all the room there is."""
        with suppress(OSError), (self.folder / "ballast").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65_536))

    def free(self) -> None:
        """Give it back."""
        (self.folder / "ballast").unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(("umount", "-l", self.folder), check=False)
        if not os.path.ismount(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)
