"""Why Redis accepts no changes, or no new jobs."""

from __future__ import annotations

from collections.abc import Iterator

from asok_core.inspection.reason import Reason
from asok_core.inspection.snapshot import Snapshot


def of_server(snapshot: Snapshot) -> Iterator[Reason]:
    """Why Redis accepts no changes, without which no job starts or ends, or no new jobs."""
    server = snapshot.server
    if server.role == "slave":
        yield _replica(snapshot)
    if server.is_full:
        # Workers claim and settle all the same: only what adds data is refused.
        yield Reason(
            "redis_full", "Redis is out of memory: it refuses new jobs, and registered workers run those "
            "that it has",
            evidence={"used_bytes": server.used_memory or 0, "maxmemory_bytes": server.max_memory or 0},
            remedy="raise maxmemory, or empty the trash (asok trash empty)",
        )  # fmt: skip
    if server.last_append_ok is False:
        yield Reason(
            "redis_append_failed", "Redis cannot write its append-only file: it refuses changes",
            remedy="free disk space; the log of Redis names the error", blocking=True,
        )  # fmt: skip
    if server.last_save_ok is False and server.persistence != "none":
        yield Reason(
            "redis_save_failed", "Redis could not save its data to disk: it may refuse changes",
            remedy="free disk space; the log of Redis names the error",
        )  # fmt: skip


def _replica(snapshot: Snapshot) -> Reason:
    server = snapshot.server
    evidence: dict[str, str | int | float] = {
        "connection_to_master": server.master_link or "not known"
    }
    remedy = "use the URL of the master, or promote this server"
    refuses = (
        "it refuses every change" if server.read_only else "its master does not get its changes"
    )
    if server.is_cut_off:
        since = None if server.master_gone_s is None else snapshot.taken_at - server.master_gone_s
        return Reason(
            "redis_replica", f"this Redis is a replica without its master: {refuses}, and what has "
            "changed on the master is not known", since, evidence, remedy, blocking=True,
        )  # fmt: skip
    if server.read_only and snapshot.alive:
        # A heartbeat comes from the master. A lease outlives the demotion of the server that granted it.
        now = snapshot.taken_at
        live = [each for each in snapshot.workers if each.is_alive(now)]
        use = "workers that send heartbeats use its master"
        if all(each.no_heartbeat_for(now) is not None for each in live):
            use = "no worker sends heartbeats, and whether one uses its master is not known"
        return Reason(
            "redis_replica", f"this Redis is a replica: {refuses}; {use}", None, evidence,
            "to change anything, use the URL of the master",
        )  # fmt: skip
    return Reason(
        "redis_replica",
        f"this Redis is a replica: {refuses}",
        None,
        evidence,
        remedy,
        blocking=True,
    )
