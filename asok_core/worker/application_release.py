"""The release of the application that a worker runs: by ASOK_RELEASE, else by a commit or a version.

These are looked for in the directory in which the worker was started: tasks are imported from there, and
it is known before the first job. A commit takes precedence over the version of a package, which may stay
the same over many deployments.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any, NamedTuple

from asok_core.inspection.workers import GIVEN_RELEASE
from asok_core.settings import kinds
from asok_core.settings.settings import Settings

COMMIT, VERSION = "git commit", "package version"
"""Sources of a release that was not stated."""
SHORT = 12
"""Characters of a commit that are kept: as many as git shows of the commits of a large repository."""
_DEEPEST = 64
"""Directories in which a repository is looked for, upwards."""
_REFERENCES = 5
"""Symbolic references that are followed."""
_SMALL, _LARGEST = 4_096, 8 * 1024 * 1024
"""Bytes of a file that are read at most: of one with a line, and of packed-refs."""
_LARGEST_PROJECT = 262_144
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REFERENCE = re.compile(r"ref: (refs/[^\s\\:?*\[~^]+)")


class Release(NamedTuple):
    """A release and what it was read from; both '' where it is not known."""

    name: str = ""
    source: str = ""


UNKNOWN = Release()


def release_of(settings: Settings) -> Release:
    """The release by ASOK_RELEASE, else by the directory in which this program was started."""
    if settings.release:
        return Release(settings.release, GIVEN_RELEASE)
    try:
        return found_in(Path.cwd())
    except OSError:
        return UNKNOWN


def found_in(folder: Path) -> Release:
    """The commit of the git working tree that ``folder`` is in, else the version in its pyproject.toml.

    Reads a few small files, runs no program, and raises nothing. A commit is the one that is checked out:
    whether files were changed since is not known.
    """
    if commit := _commit(folder):
        return Release(commit[:SHORT], COMMIT)
    if version := _version(folder):
        return Release(version, VERSION)
    return UNKNOWN


def _commit(folder: Path) -> str:
    """The commit that is checked out; '' where there is none, or it cannot be read."""
    directory = _git_directory(folder)
    if directory is None:
        return ""
    # A working tree that `git worktree` has added keeps its HEAD apart, and shares branches and tags.
    common = _line(directory / "commondir")
    shared = directory / common if common else directory
    head = _line(directory / "HEAD")
    for _ in range(_REFERENCES):
        reference = _REFERENCE.fullmatch(head)
        if reference is None:
            break
        name = reference[1]
        if ".." in name.split("/"):
            return ""
        head = _line(directory / name) or _line(shared / name) or _packed(shared, name)
    return head if _COMMIT.fullmatch(head) else ""


def _git_directory(folder: Path) -> Path | None:
    """The git directory of the working tree that ``folder`` is in; None where it is in none."""
    for number, each in enumerate((folder, *folder.parents)):
        if number == _DEEPEST:
            break
        beside = each / ".git"
        mode = _mode(beside)
        if stat.S_ISDIR(mode):
            return beside
        if stat.S_ISREG(mode):
            key, _, path = _line(beside).partition(": ")
            return each / path if key == "gitdir" and path else None
    return None


def _packed(shared: Path, name: str) -> str:
    """The commit of a reference that is not in a file of its own."""
    for line in _text(shared / "packed-refs", _LARGEST).split("\n"):
        commit, _, reference = line.partition(" ")
        if reference == name:
            return commit
    return ""


def _version(folder: Path) -> str:
    """The version that the pyproject.toml of ``folder`` states; '' where it states none."""
    text = _text(folder / "pyproject.toml", _LARGEST_PROJECT)
    if not text:
        return ""
    import tomllib

    try:
        read: Any = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return ""
    for path in (("project",), ("tool", "poetry")):
        table = read
        for name in path:
            table = table.get(name) if isinstance(table, dict) else None
        version = table.get("version") if isinstance(table, dict) else None
        if isinstance(version, str):
            return _accepted(version)
    return ""


def _accepted(name: str) -> str:
    try:
        return kinds.RELEASE.parse(name)
    except ValueError:
        return ""


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _line(path: Path) -> str:
    """The only line of a small file; '' where it cannot be read."""
    return _text(path, _SMALL).rstrip("\r\n")


def _text(path: Path, most: int) -> str:
    """The text of a file of at most ``most`` bytes; '' where it is larger or cannot be read."""
    try:
        # To open a pipe would block the start until another program writes to it.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return ""
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode) or about.st_size > most:
            return ""
        return os.read(file, most).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    finally:
        os.close(file)
