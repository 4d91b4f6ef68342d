"""``asok deploy``: write the systemd unit that runs this project's worker on a server."""

from __future__ import annotations

import argparse
import os
import pwd
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from asok_console.commands.support.env_file import read_otherwise, systemd_values
from asok_console.commands.support.framework import about_deploy
from asok_console.commands.support.systemd_unit import WorkerUnit
from asok_core.errors import AsokError, SettingsError, UsageError
from asok_core.runtime.whole_file import new_file
from asok_core.settings.settings import Settings

FOLDER = Path("deployment")
KEYS = ("SECRET_KEY", "SECRET_KEY_FALLBACKS")
ENVIRONMENTS = (".venv", "venv", "env")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--project", metavar="NAME", help="what the service is named by [this directory's name]"
    )
    parser.add_argument(
        "--user",
        metavar="USER",
        help="who the worker runs as [you; as root: this directory's owner]",
    )
    parser.add_argument(
        "--venv", metavar="DIR", help=f"the virtual environment [{', '.join(ENVIRONMENTS)} or this]"
    )
    parser.add_argument(
        "--env-file",
        metavar="FILE",
        default=".env",
        help="where SECRET_KEY and the rest are [.env]",
    )
    parser.add_argument(
        "--sandbox",
        choices=("strict", "basic"),
        default="strict",
        help="what systemd takes away from jobs; basic for those that use devices or namespaces [strict]",
    )
    parser.add_argument("--force", action="store_true", help="replace a unit that is there")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the unit, and print the commands that install it. Returns 0."""
    here = _working_directory()
    unit = WorkerUnit(
        project=args.project or re.sub(r"[^A-Za-z0-9_.-]+", "-", here.name).strip("-.") or "asok",
        user=args.user or _user(),
        directory=here,
        python=_python(here, args.venv),
        env_file=_plain(here / args.env_file),
        shutdown_timeout=settings.worker_shutdown_timeout,
        lease=settings.worker_lease,
        sandbox=args.sandbox,
    )
    path = FOLDER / unit.name
    text = unit.text
    if path.exists() and not args.force:
        raise UsageError(f"{path} exists already and is left as it is; replace it with --force")
    try:
        FOLDER.mkdir(exist_ok=True)
    except OSError as error:
        raise AsokError(f"{FOLDER} cannot be made: {error.strerror}") from None
    with new_file(path, mode=0o644, replace=args.force) as stream:
        stream.write(text)
    for line in (f"Wrote {path}, which runs {unit.python} as {unit.user}.", *_notes(unit)):
        _report(line)
    _report("On the server, these install it and start it (again):")
    for command in _commands(path):
        print(command)
    return 0


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise UsageError(f"the working directory cannot be used: {error.strerror}") from None


def _report(line: str) -> None:
    from asok_console.presentation.text import safe

    sys.stderr.write(f"{safe(line)}\n")


def _commands(path: Path) -> Iterator[str]:
    as_root = "" if os.geteuid() == 0 else "sudo "
    yield f"{as_root}cp {shlex.quote(str(path))} /etc/systemd/system/"
    yield f"{as_root}systemctl daemon-reload"
    yield f"{as_root}systemctl enable {shlex.quote(path.name)}"
    yield f"{as_root}systemctl restart {shlex.quote(path.name)}"


def _plain(path: Path) -> Path:
    """A path without ``..``, which systemd refuses."""
    return Path(os.path.normpath(path))


def _user() -> str:
    uid = os.geteuid() or Path().stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise UsageError(f"user {uid} has no name; give one with --user") from None


def _python(directory: Path, named: str | None) -> Path:
    """The interpreter of the virtual environment that has this package.

    A symbolic link must stay one: by its path Python knows which environment it is.
    """
    if named is not None:
        python = _plain(directory / named) / "bin" / "python"
        if not _has_worker(python):
            raise UsageError(f"{python} is not there or cannot import asok_console")
        return python
    active = os.environ.get("VIRTUAL_ENV")
    candidates = [directory / name for name in ENVIRONMENTS] + ([Path(active)] if active else [])
    pythons = (each / "bin" / "python" for each in candidates)
    return next(filter(_has_worker, pythons), Path(sys.executable))


def _has_worker(python: Path) -> bool:
    try:
        found = subprocess.run(
            [python, "-P", "-c", "import asok_console"],
            capture_output=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return found.returncode == 0


def _notes(unit: WorkerUnit) -> Iterator[str]:
    """What should be known before the unit is installed."""
    if line := about_deploy():
        yield line
    if unit.user == "root":
        yield "The worker would run as root; name another user with --user."
    try:
        text = unit.env_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        yield f"{unit.env_file} is not there yet: `asok init` makes one."
        return
    except (OSError, UnicodeDecodeError) as error:
        yield f"{unit.env_file} cannot be read: {error}"
        return
    try:
        names = read_otherwise(text, unit.env_file)
        yield from _key_notes(text, unit.env_file)
    except SettingsError as error:
        yield f"{error}."
        return
    if names:
        yield (
            f"{unit.env_file}: systemd reads {', '.join(names)} otherwise than asok; put the value in "
            "single quotes, with no `export` before and no comment behind it, and no \\ or ' in it."
        )


def _key_notes(text: str, env_file: Path) -> Iterator[str]:
    """What is wrong with the secret keys in the file."""
    values = systemd_values(text)
    settings = Settings.load({name: values[name] for name in KEYS if name in values})
    try:
        if settings.secret_key is not None:
            settings.require_secret_key()
    except SettingsError as error:
        yield f"{env_file}: {error}."
    yield from (f"{env_file}: {line}." for line in settings.key_warnings())
