"""The systemd unit of a project's worker, as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asok_core.errors import UsageError

Sandbox = Literal["strict", "basic"]

LEAVING = 25.0
"""Seconds beyond the jobs' deadline in which a worker ends its processes and returns their jobs."""
LEAST_WATCHDOG = 120.0
"""Seconds. A heartbeat is late by about a minute when Redis takes calls and answers none."""

_PROJECT = re.compile(r"[A-Za-z0-9_.-]{1,200}", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}", re.ASCII)
_NOT_IN_A_COMMAND = frozenset("\"'\\")

_UNIT = """\
# The worker of {project}. Written by `asok deploy`: change it there, or beside it with
# `systemctl edit {name}`.
[Unit]
Description={project} worker
Wants=network-online.target
After=network-online.target redis-server.service redis.service
# A server that starts before its Redis is not a reason to give up.
StartLimitIntervalSec=0

[Service]
Type=notify
User={user}
WorkingDirectory={directory}
EnvironmentFile={env_file}
# The file is read above, as root; the worker's user needs no right to read it.
Environment=PYTHONUNBUFFERED=1 ASOK_ENV_FILE=
ExecStart={command}
SyslogIdentifier={project}-worker
# A lock in it proves to the next worker that this one is dead. It outlives a restart for that.
RuntimeDirectory={project}-worker
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes

Restart=always
RestartSec=2
# Exit code 2 means that a setting is invalid, and trying again would not help.
RestartPreventExitStatus=2
# A worker sends a heartbeat six times in ASOK_WORKER_LEASE ({lease:g} s).
WatchdogSec={watchdog:g}

# The first process asks the others to finish. What is left at the end is killed, and other
# workers take over its jobs. ASOK_WORKER_SHUTDOWN_TIMEOUT ({shutdown:g} s) has to be shorter.
KillSignal=SIGTERM
KillMode=mixed
TimeoutStopSec={stop:g}
# A process that took too much memory is replaced; the worker continues.
OOMPolicy=continue

{sandbox}
[Install]
WantedBy=multi-user.target
"""
_BASIC = """\
# Few jobs need what these take away. Those that call sudo or sendmail need NoNewPrivileges=no.
NoNewPrivileges=yes
ProtectSystem=full
ProtectControlGroups=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectHostname=yes
RestrictRealtime=yes
"""
_STRICT = """
# `asok deploy --sandbox basic` leaves the rest out, for jobs that use devices (a GPU), a sandbox of their
# own (a browser), or system calls that services do not use. Files and the network stay as they are.
PrivateDevices=yes
ProtectClock=yes
ProtectKernelLogs=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
"""
# Root without capabilities may less than another user.
_NOT_AS_ROOT = """\
CapabilityBoundingSet=
"""


@dataclass(frozen=True, slots=True)
class WorkerUnit:
    """What the unit says. ``shutdown_timeout`` and ``lease`` are seconds; paths are absolute.

    Raises UsageError for a name or path that a unit cannot hold.
    """

    project: str
    user: str
    directory: Path
    python: Path
    env_file: Path
    shutdown_timeout: float
    lease: float
    sandbox: Sandbox = "strict"

    def __post_init__(self) -> None:
        if not _PROJECT.fullmatch(self.project):
            raise UsageError(
                f"{self.project!r} cannot name a service: letters, digits and . _ - are allowed; "
                "give one with --project"
            )
        if not _USER.fullmatch(self.user):
            raise UsageError(f"{self.user!r} is not the name of a user")

    @property
    def name(self) -> str:
        """The file's name, which systemd knows the service by."""
        return f"{self.project}-worker.service"

    @property
    def text(self) -> str:
        """The whole file."""
        return _UNIT.format(
            name=self.name,
            project=self.project,
            user=self.user,
            directory=whole_path(self.directory),
            env_file=whole_path(self.env_file),
            command=command(self.python, "-P", "-m", "asok_console", "worker", "run"),
            lease=self.lease,
            watchdog=max(LEAST_WATCHDOG, self.lease),
            shutdown=self.shutdown_timeout,
            stop=self.shutdown_timeout + LEAVING,
            sandbox=self._sandbox,
        )

    @property
    def _sandbox(self) -> str:
        if self.sandbox == "basic":
            return _BASIC
        return _BASIC + _STRICT + ("" if self.user in {"root", "0"} else _NOT_AS_ROOT)


def whole_path(path: Path) -> str:
    """A path as the whole of a value, where systemd knows no quotes."""
    text = str(path)
    if text != text.strip() or text.endswith("\\"):
        raise UsageError(f"{text!r} ends in a character that systemd would take for its own")
    return _line(text)


def command(program: Path, *arguments: str) -> str:
    """A command line for ``ExecStart``, nothing in it replaced by variables."""
    words = [str(program), *arguments]
    if _NOT_IN_A_COMMAND & set(words[0]):
        # systemd refuses such a program by name, and takes it as an argument.
        words = ["/bin/sh", "-c", 'exec "$0" "$@"', *words]
    return ":" + " ".join(_word(word) for word in words)


def _word(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_./-]+", text, re.ASCII):
        return text
    return '"' + _line(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _line(text: str) -> str:
    if not text.isprintable():
        raise UsageError(f"{text!r} holds a character that a unit cannot")
    return text.replace("%", "%%")
