"""``python -m tests.commands.under_unit UNIT PROGRAM ...``: run a program under a unit's restrictions.

No systemd has to run. What needs none is applied as systemd 252 does it: no new privileges, no
capabilities, the system calls, address families and namespaces that are allowed, no set-user-ID files.
Mounts (``ProtectSystem``, ``PrivateDevices``, ``ProtectProc``) and the user are not. All is read from the
unit; a directive that is not known here is an error.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

from tests.commands.systemd import systemd_analyze

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EQUAL, MASKED = 4, 7
NAMESPACES = 0x7E020000 | 0x00000080
"""CLONE_NEW*: mount, cgroup, UTS, IPC, user, PID, network, time."""
SET_ID = 0o6000
NO_NEW_PRIVILEGES, DROP_FROM_BOUNDING_SET, LAST_CAPABILITY = 38, 24, 40

MOUNTS = {
    *("ProtectSystem", "PrivateDevices", "ProtectProc", "ProtectControlGroups", "ProtectHostname"),
}
"""They need a mount or UTS namespace, or PID 1."""
IN_THE_FILTER = {
    # System calls that are not in @system-service, or capabilities that no process has.
    *("ProtectKernelModules", "ProtectKernelTunables", "ProtectKernelLogs", "ProtectClock"),
    *("RestrictRealtime", "SystemCallArchitectures", "SystemCallErrorNumber", "LockPersonality"),
}
APPLIED = {
    *("NoNewPrivileges", "CapabilityBoundingSet", "SystemCallFilter", "RestrictAddressFamilies"),
    *("RestrictNamespaces", "RestrictSUIDSGID"),
}
OTHERS = {
    *("Type", "User", "WorkingDirectory", "EnvironmentFile", "Environment", "ExecStart"),
    *("SyslogIdentifier", "RuntimeDirectory", "RuntimeDirectoryMode", "RuntimeDirectoryPreserve"),
    *("Restart", "RestartSec", "RestartPreventExitStatus", "WatchdogSec", "KillSignal", "KillMode"),
    *("TimeoutStopSec", "OOMPolicy"),
}


class ArgumentComparison(ctypes.Structure):
    """``struct scmp_arg_cmp``."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("how", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def read_service(path: Path) -> dict[str, str]:
    """The [Service] section."""
    unit = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(path.read_text())
    return dict(unit["Service"])


def system_calls(groups: str) -> set[str]:
    """The system calls of groups, by the systemd of this machine."""
    found: set[str] = set()
    left = groups.split()
    while left:
        name = left.pop()
        if not name.startswith("@"):
            found.add(name)
            continue
        printed = subprocess.run(
            [systemd_analyze(), "syscall-filter", "--no-pager", name],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        lines = [line.strip() for line in printed.splitlines()[1:]]
        left += [line for line in lines if line and not line.startswith("#")]
    return found


class SeccompFilter:
    """A seccomp filter that refuses (EPERM) all system calls that are not allowed."""

    def __init__(self) -> None:
        # systemd itself requires the library.
        self._library = ctypes.CDLL("libseccomp.so.2")
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.seccomp_init(ERRNO | errno.EPERM))

    def rule(self, action: int, name: str, *comparisons: ArgumentComparison) -> None:
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number == -1:
            return
        array = (ArgumentComparison * len(comparisons))(*comparisons)
        self._library.seccomp_rule_add_array(
            self._context, ctypes.c_uint32(action), number, len(comparisons), array
        )

    def load(self) -> None:
        if self._library.seccomp_load(self._context):
            raise OSError("the filter was refused")


def restrict(service: dict[str, str]) -> None:
    """Apply the restrictions of a unit to this process permanently."""
    unknown = set(service) - APPLIED - MOUNTS - IN_THE_FILTER - OTHERS
    if unknown:
        raise SystemExit(f"under_unit knows no {', '.join(sorted(unknown))}")
    filtered = SeccompFilter()
    allowed = system_calls(service["SystemCallFilter"])
    special = {
        *("socket", "unshare", "clone", "clone3", "setns", "personality"),
        *("chmod", "fchmod", "fchmodat"),
    }
    for name in allowed - special:
        filtered.rule(ALLOW, name)
    for family in service["RestrictAddressFamilies"].split():
        number = getattr(socket, family)
        filtered.rule(ALLOW, "socket", ArgumentComparison(0, EQUAL, number, 0))
    filtered.rule(ALLOW, "clone", ArgumentComparison(0, MASKED, NAMESPACES, 0))
    filtered.rule(ALLOW, "unshare", ArgumentComparison(0, MASKED, NAMESPACES, 0))
    # Its flags are behind a pointer, which a filter cannot read: programs then use clone.
    filtered.rule(ERRNO | errno.ENOSYS, "clone3")
    for name, argument in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2)):
        filtered.rule(ALLOW, name, ArgumentComparison(argument, MASKED, SET_ID, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0 and service.get("CapabilityBoundingSet") == "":
        for capability in range(LAST_CAPABILITY + 1):
            libc.prctl(DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    filtered.load()


if __name__ == "__main__":
    restrict(read_service(Path(sys.argv[1])))
    os.execv(sys.argv[2], sys.argv[2:])
