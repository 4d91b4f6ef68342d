"""What kinds of faults a run injects, and how often each comes, in proportion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

KILLS = {"process": 40, "supervisor": 12, "worker": 12, "redis": 9, "terminate": 5}
FREEZES = {"freeze worker": 6, "freeze supervisor": 4, "freeze process": 4, "freeze redis": 4}
NETWORK = {"cut": 8, "hold": 3, "strand": 2}
SERVER = {"full": 6, "replica": 4, "client kill": 8, "script flush": 8}
HOLDS = {"hold add": 14, "hold release": 12, "hold remove": 4}
LIMITS = {"limit set": 10, "limit reset": 8}
CLOCKS = {"clock forward": 4, "clock back": 4}

SCENARIOS: Mapping[str, Mapping[str, int]] = {
    "kills": KILLS | FREEZES | NETWORK | HOLDS | LIMITS,
    "limits": LIMITS
    | {"process": 12, "worker": 5, "terminate": 5, "redis": 2}
    | {"cut": 4, "client kill": 4, "script flush": 3},
    "holds": HOLDS
    | {"process": 12, "worker": 5, "terminate": 5, "redis": 2}
    | {"cut": 4, "client kill": 4, "script flush": 3},
    "server": SERVER | {"redis": 6, "freeze redis": 2, "process": 10},
    "network": {"cut": 20, "hold": 10, "strand": 5, "process": 10, "worker": 5},
    "clock": {"clock forward": 8, "clock back": 8, "process": 10, "worker": 6},
    "suspend": {"suspend all": 10, "process": 10, "worker": 4},
    "suspend long": {"suspend long": 1},
    "by hand": {"rename": 20, "delete": 20, "script flush": 5, "client kill": 5, "process": 10},
    "disk": {"disk full": 10, "process": 6, "worker": 3, "cut": 4},
    "everything": KILLS
    | FREEZES
    | NETWORK
    | SERVER
    | CLOCKS
    | HOLDS
    | LIMITS
    | {"suspend all": 2, "rename": 4}
    | {"delete": 4},
}
"""By name. ``kills`` is the one of ``make chaos`` and of the test suite."""

PRODUCTION = "tests/production"
SITUATIONS: Mapping[str, Sequence[str]] = {
    "failover": (f"{PRODUCTION}/test_failover.py", f"{PRODUCTION}/test_lost_writes.py"),
    "replicas": (f"{PRODUCTION}/test_lost_writes.py", "-k", "min_replicas"),
    "certificates": (f"{PRODUCTION}/test_certificates.py",),
    "dns": (f"{PRODUCTION}/test_dns.py",),
    "hosts": (f"{PRODUCTION}/test_hosts.py", "-rs"),
    "namespaces": ("tests/worker/test_namespaces.py",),
    "framework": ("tests/peer/test_killed.py",),
    "daylight": ("tests/worker/test_daylight.py",),
}
"""Scenarios that are no matter of chance: each is a test, or some, with what pytest is given for it."""
GREEN = ("gevent", "eventlet")
"""Libraries of green threads under which a producer is tried, where they are installed."""
