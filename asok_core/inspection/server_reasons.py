"""Why Redis accepts no changes, or no new jobs."""

from __future__ import annotations

from collections.abc import Iterator

from asok_core.inspection.reason import Reason
from asok_core.inspection.snapshot import Snapshot


def of_server(snapshot: Snapshot) -> Iterator[Reason]:
    """Why Redis accepts no changes, without which no job starts or ends, or no new jobs."""
    server = snapshot.server
    if server.role == "slave":
        # What memory and disk it lacks holds up no change of its master.
        yield _replica(snapshot)
        return
    if server.last_append_ok is False:
        yield Reason(
            "redis_append_failed", "Redis cannot write its append-only file: it refuses changes",
            remedy="free disk space; the log of Redis names the error", blocking=True,
        )  # fmt: skip
    unsaved = server.refuses_unsaved
    if unsaved is not False:
        yield Reason(
            "redis_save_failed", f"Redis could not save its data to disk: it {_refuses(unsaved)}",
            remedy="free disk space; the log of Redis names the error", blocking=unsaved is True,
        )  # fmt: skip
    few = server.refuses_unreplicated
    if few or (few is None and snapshot.refuses_heartbeats):
        required = "not known" if server.required_replicas is None else server.required_replicas
        yield Reason(
            "redis_lacks_replicas", "Redis requires replicas that do not lag (min-replicas-to-write), and "
            f"has {server.good_replicas}: it {_refuses(few)}",
            evidence={"replicas_that_do_not_lag": server.good_replicas or 0, "required": required},
            remedy="connect its replicas again, or lower min-replicas-to-write", blocking=few is True,
        )  # fmt: skip
    if server.is_full:
        # Workers still claim and settle: only what adds data is refused.
        yield Reason(
            "redis_full", "Redis is out of memory: it refuses new jobs, and registered workers run those "
            "that it has",
            evidence={"used_bytes": server.used_memory or 0, "maxmemory_bytes": server.max_memory or 0},
            remedy="raise maxmemory, or empty the trash (asok trash empty)",
        )  # fmt: skip


def _refuses(known: bool | None) -> str:
    return "refuses changes, heartbeats of workers too" if known else "may refuse changes"


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
    if server.read_only and (live := snapshot.has_live_worker) is not False:
        # A heartbeat comes from the master. A lease outlives the demotion of the server that granted it.
        use = "workers that send heartbeats use its master"
        if live is None:
            why = snapshot.workers_unread or (
                "by its clock, which may differ from that of its master, none sent a heartbeat just now"
            )
            use = f"how workers are that use its master is not known: {why}"
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
