"""The ``.env`` file, read as systemd reads it: values are taken literally.

Its content decides which code runs: it has the SECRET_KEY and the URL of the Redis whose jobs run.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from asok_core.errors import SettingsError

VARIABLE = "ASOK_ENV_FILE"
"""Names the file, so that none is searched for. Empty: no file is read."""


def find_env_file(env: Mapping[str, str]) -> Path | None:
    """The file that ASOK_ENV_FILE names, or the nearest ``.env`` from the current directory upwards.

    Raises SettingsError if the named file does not exist, or if other users could have written the
    nearest one: it or its directory belongs to another user or is writable by one.
    """
    named = env.get(VARIABLE)
    if named is not None:
        path = Path(named)
        if named and not os.path.isfile(path):  # noqa: PTH113 - see below
            raise SettingsError(
                f"{VARIABLE} is {named!a}, which is not a file; it must name one, or be empty to read none"
            )
        return path if named else None
    try:
        here = Path.cwd()
    except OSError:
        return None
    candidates = (folder / ".env" for folder in (here, *here.parents))
    # Path.is_file raises for a folder without search permission; no file can be read there.
    found = next((path for path in candidates if os.path.isfile(path)), None)  # noqa: PTH113
    if found is not None and (reason := _distrust(found)):
        # It is not skipped: with other settings, jobs would go to another Redis and be lost.
        raise SettingsError(
            f"{found} is not read: {reason}. It and its directory must belong to you or root and be "
            f"writable by no other user; or set {VARIABLE} to the file to read, or to nothing to read none"
        )
    return found


def _distrust(path: Path) -> str | None:
    """Why other users could have written or replaced the file, or None."""
    try:
        # The target of a symlink is checked as well as its folder.
        real = path.resolve(strict=True)
        locations = dict.fromkeys((path.parent, real.parent, real))
        reasons = ((each, _foreign(each.stat())) for each in locations)
        return next((f"{each} {why}" for each, why in reasons if why), None)
    except OSError as error:
        return f"{error.filename} cannot be checked: {error.strerror}"


def _foreign(status: os.stat_result) -> str | None:
    if status.st_uid not in {0, os.geteuid()}:
        return f"belongs to {_user(status.st_uid)}"
    if status.st_mode & stat.S_IWOTH:
        return "can be written by every user"
    if status.st_mode & stat.S_IWGRP and not _is_private(status.st_gid):
        return f"can be written by group {_group(status.st_gid)}"
    return None


def _is_private(gid: int) -> bool:
    """Whether a group has no member but its user: many systems create one for each user."""
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(gid)
    except KeyError:
        return False
    own = gid == 0 or (gid == user.pw_gid and group.gr_name == user.pw_name)
    return own and set(group.gr_mem) <= {"root", user.pw_name}


def _user(uid: int) -> str:
    import pwd

    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


def _group(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of a file; empty if the file does not exist.

    Raises SettingsError that names the file, and the line if one is invalid.
    """
    try:
        with path.open(encoding="utf-8") as stream:
            values = parse_env(stream, path)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"{path} cannot be read: {reason}") from None
    return {name: value for name, value in values.items() if value is not None}


def parse_env(stream: TextIO, path: Path) -> dict[str, str | None]:
    """The variables of a text; None for a name without a value. ``path`` is for the error.

    Raises SettingsError for an assignment that cannot be parsed. Other lines are ignored.
    """
    # Imported only if a file exists: most processes on a server have none.
    from dotenv.parser import parse_stream

    values: dict[str, str | None] = {}
    for each in parse_stream(stream):
        if each.error and "=" in each.original.string:
            text = each.original.string
            line = each.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            # Not the value, which may be a secret.
            name = text.partition("=")[0].strip()[:60]
            raise SettingsError(
                f"{path}, line {line}: the value of {name!a} cannot be parsed; a quote "
                "at the start of a value must be closed, and only a comment may follow it"
            )
        if each.key is not None:
            values[each.key] = each.value
    return values
