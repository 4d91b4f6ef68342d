"""What an operator should know without asking: trouble that is there or on its way."""

from __future__ import annotations

from asok_console.tui.figures import ago, span
from asok_console.tui.views.workers import stale
from asok_core.snapshot import ServerInfo, Snapshot

NEARLY_FULL = 0.9
"""Part of the dead letters' cap, or of Redis' memory, from which it is said."""
OVERDUE = 10
"""Due jobs that are not promoted, from which it is said."""


def warnings(snapshot: Snapshot, dead_cap: int) -> list[str]:
    """One line each, the gravest first. A queue that was paused on purpose is no trouble."""
    found = [
        f"worker {worker.id} is {worker.trouble}"
        for worker in snapshot.workers
        if worker.trouble and not stale(worker, snapshot.taken_at)
    ]
    alone = [q for q in snapshot.queues if q.pending and not q.consumers and not q.paused]
    if alone:
        names = ", ".join(f"{q.name} ({q.pending:,})" for q in alone[:3])
        more = f" and {len(alone) - 3} more" if len(alone) > 3 else ""
        found.append(f"no worker claims jobs of {names}{more}")
    found += [
        f"worker {worker.id} has not beaten for {ago(worker.beat_at, snapshot.taken_at)}"
        for worker in snapshot.workers
        if stale(worker, snapshot.taken_at)
    ]
    if snapshot.due > OVERDUE:
        found.append(f"{snapshot.due:,} delayed jobs are due, and no worker promotes them")
    if snapshot.orphaned:
        found.append(f"{snapshot.orphaned:,} jobs of dead workers wait to be recovered")
    if snapshot.dead >= NEARLY_FULL * dead_cap:
        oldest = snapshot.oldest_dead_at
        lost = f"; the oldest ({span(snapshot.taken_at - oldest)}) goes first" if oldest else ""
        found.append(f"dead letters are at {snapshot.dead:,} of {dead_cap:,}{lost}")
    return found + _of_server(snapshot.server)


def _of_server(server: ServerInfo) -> list[str]:
    found = []
    policy = server.eviction_policy
    if server.max_memory and policy and policy != "noeviction":
        found.append(f"Redis may evict jobs when memory is short (maxmemory-policy {policy})")
    used, most = server.used_memory or 0, server.max_memory
    if most and used >= most and policy == "noeviction":
        found.append("Redis is out of memory (maxmemory): it accepts no new jobs")
    elif most and used > NEARLY_FULL * most:
        found.append("Redis is nearly out of memory")
    if server.persistence == "none":
        found.append("Redis keeps nothing on disk: a restart loses every job")
    return found
