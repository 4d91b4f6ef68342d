"""Replies of Redis as values. Whatever another program wrote there, nothing here raises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from asok_core.backends.redis.keys import process_numbers
from asok_core.clock import DAY
from asok_core.inspection.partial_payload import ListElement
from asok_core.inspection.queues import COUNTERS, Bucket
from asok_core.inspection.snapshot import ServerInfo
from asok_core.inspection.worker_shape import WorkerShape, concurrency_in, queues_in
from asok_core.inspection.workers import WorkerInfo
from asok_core.jobs.numbers import count, number, score, whole

WORKER_FIELDS = (
    "host",
    "pid",
    "version",
    "release",
    "release_source",
    "queues",
    "concurrency",
    "processes",
    "slots",
    "started_at",
    "beat_at",
    "lease",
    "running",
    "rss",
    "outcomes_dropped",
    "quiet",
    "stopping",
    "wanted",
    "able",
    "deaths",
    "deaths_seconds",
    "death",
    "refusal",
    "hanging",
    "hang_seconds",
    "hang",
    "memory_rate",
    "envelopes",
    "ends_pauses",
    "holds",
    "serves",
    "configured_concurrency",
    "configured_queues",
    "ordered_concurrency",
    "ordered_queues",
    "ordered_by",
    "ordered_at",
)

SAVE, STOPS_ON_SAVE_ERROR, REQUIRED_REPLICAS = SERVER_SETTINGS = (
    "save",
    "stop-writes-on-bgsave-error",
    "min-replicas-to-write",
)
"""Settings of Redis that ``server`` reads."""
_LONGEST_REASON = 512
_LONGEST_NAME = 200
LONGEST_FIELD = 65_536
"""Bytes of a field of a worker's hash that ``read_worker.lua`` sends."""
MOST_SERVED = 1000
"""Queues of one worker that are read."""
_HISTOGRAM = re.compile(r"(run|wait)_b(\d{1,3})")


def text(raw: object) -> str:
    """Bytes as text that makes the same bytes again: what is no UTF-8 becomes lone surrogates."""
    return raw.decode("utf-8", "surrogateescape") if isinstance(raw, bytes) else ""


def raw(name: str) -> bytes:
    """The bytes of a name that ``text`` made, as a command must carry them."""
    return name.encode("utf-8", "surrogateescape")


def items(parts: object, *, scored: bool = False) -> list[ListElement]:
    """The items of a reply that ``outline`` in the Lua scripts put together."""
    if not isinstance(parts, list):
        return []
    step = 5 if scored else 4
    found = []
    for at in range(0, len(parts) - step + 1, step):
        size, text, rest, sha1 = parts[at + step - 4 : at + step]
        found.append(ListElement(size, text, rest, sha1, score(parts[at]) if scored else None))
    return found


def buckets(parts: object, width: int) -> list[Bucket]:
    """The buckets of ``read_buckets``, oldest first."""
    if not isinstance(parts, list):
        return []
    return [
        bucket(int(start), width, flat)
        if isinstance(flat, list)
        else Bucket(int(start), width, readable=False)
        for start, flat in zip(parts[::2], parts[1::2], strict=False)
    ]


def bucket(start: int, width: int, flat: object) -> Bucket:
    """One bucket of the flat reply with its fields."""
    found: dict[str, dict[int, int]] = {"": {}, "run": {}, "wait": {}}
    if isinstance(flat, list):
        for name, value in zip(flat[::2], flat[1::2], strict=False):
            kind, key = _field(name)
            if kind is not None:
                found[kind][key] = count(value)
    counters = {COUNTERS[key]: value for key, value in found[""].items()}
    return Bucket(start, width, runs=found["run"], waits=found["wait"], readable=True, **counters)


@lru_cache(maxsize=1024)
def _field(name: object) -> tuple[str | None, int]:
    # Thousands of buckets have the same few fields.
    word = text(name)
    if word in COUNTERS:
        return "", COUNTERS.index(word)
    histogram = _HISTOGRAM.fullmatch(word)
    return (histogram[1], int(histogram[2])) if histogram else (None, 0)


def worker(worker_id: str, lease_ms: float | None, fields: Mapping[str, Any]) -> WorkerInfo:
    """A worker of its lease and the fields of its hash (WORKER_FIELDS)."""
    named = fields.get("queues") or b""
    queues = text(named).split(",")
    is_cut = len(named) >= LONGEST_FIELD
    if is_cut:
        # The last name was cut with it.
        queues = queues[:-1]
    processes = min(count(fields.get("processes")), 256)
    listed = tuple(dict.fromkeys(each for each in queues[:MOST_SERVED] if each))
    configured = _configured(fields)
    serves = queues_in(text(fields.get("serves")))[:MOST_SERVED] if configured else ()
    # What it serves is among the queues of which it may hold jobs; else another program wrote it.
    serves = serves if {*serves} <= {*listed} else ()
    return WorkerInfo(
        id=worker_id,
        host=text(fields.get("host"))[:200],
        pid=whole(fields.get("pid")),
        version=text(fields.get("version"))[:50],
        release=text(fields.get("release"))[:64],
        release_source=text(fields.get("release_source"))[:20],
        queues=serves or listed,
        former_queues=tuple(each for each in listed if each not in serves) if serves else (),
        more_queues=is_cut or len(queues) > MOST_SERVED,
        concurrency=count(fields.get("concurrency")),
        configured=configured,
        ordered_concurrency=concurrency_in(text(fields.get("ordered_concurrency"))),
        ordered_queues=queues_in(text(fields.get("ordered_queues"))),
        ordered_by=text(fields.get("ordered_by"))[:_LONGEST_NAME],
        ordered_at=number(fields.get("ordered_at")),
        processes=processes,
        process_numbers=tuple(
            (process_numbers(text(fields.get("slots")), f"{processes or 1}") or ())[:256]
        ),
        started_at=number(fields.get("started_at")),
        beat_at=number(fields.get("beat_at")),
        lease_until=None if lease_ms is None else lease_ms / 1000,
        lease=min((number(fields.get("lease")) or 0.0) / 1000, DAY),
        running=count(fields.get("running")),
        rss=whole(fields.get("rss")),
        memory_rate=number(fields.get("memory_rate")),
        envelopes=text(fields.get("envelopes"))[:20],
        ends_pauses=fields.get("ends_pauses") == b"1",
        # What a later release may write confirms nothing here, and is not that of an earlier one.
        holds=None if fields.get("holds") is None else count(fields.get("holds")),
        outcomes_dropped=count(fields.get("outcomes_dropped")),
        quiet=fields.get("quiet") in (b"1", b"true", b"True"),
        stopping=fields.get("stopping") == b"1",
        command=text(fields.get("wanted"))[:20],
        able=whole(fields.get("able")),
        deaths=count(fields.get("deaths")),
        deaths_seconds=number(fields.get("deaths_seconds")) or 0.0,
        death=text(fields.get("death"))[:_LONGEST_REASON],
        refusal=text(fields.get("refusal"))[:_LONGEST_REASON],
        hanging=count(fields.get("hanging")),
        hang_seconds=number(fields.get("hang_seconds")) or 0.0,
        hang=text(fields.get("hang"))[:_LONGEST_REASON],
    )


def _configured(fields: Mapping[str, Any]) -> WorkerShape | None:
    threads = concurrency_in(text(fields.get("configured_concurrency")))
    queues = queues_in(text(fields.get("configured_queues")))
    return WorkerShape(threads, queues) if threads and queues else None


def server(
    url: str,
    info_reply: object,
    config: Mapping[str, object],
    keys_reply: object,
    round_trip: float,
) -> ServerInfo:
    """What INFO, CONFIG GET of some settings and DBSIZE say; what Redis refuses to say stays unknown."""
    info = {}
    if isinstance(info_reply, bytes):
        lines = (line.partition(":") for line in text(info_reply).splitlines())
        info = {name: value for name, found, value in lines if found}
    set_to = {name: _setting(reply) for name, reply in config.items()}
    stops = set_to.get(STOPS_ON_SAVE_ERROR)
    saved, appended = info.get("rdb_last_bgsave_status"), info.get("aof_last_write_status")
    return ServerInfo(
        url=url,
        version=info.get("redis_version", ""),
        role=info.get("role", ""),
        used_memory=whole(info.get("used_memory")),
        uncounted_memory=whole(info.get("mem_not_counted_for_evict")),
        max_memory=whole(info.get("maxmemory")),
        eviction_policy=info.get("maxmemory_policy"),
        ops_per_second=number(info.get("instantaneous_ops_per_sec")),
        persistence=_persistence(info, set_to.get(SAVE)),
        clients=whole(info.get("connected_clients")),
        uptime=number(info.get("uptime_in_seconds")),
        evicted_keys=whole(info.get("evicted_keys")),
        last_save_ok=None if saved is None else saved == "ok",
        last_append_ok=None if appended is None else appended == "ok",
        stops_on_save_error=None if stops is None else stops == "yes",
        # Redis reports them only where it requires some.
        good_replicas=whole(info.get("min_slaves_good_slaves")),
        required_replicas=whole(set_to.get(REQUIRED_REPLICAS)),
        run_id=info.get("run_id", ""),
        keys=whole(keys_reply),
        master_link=info.get("master_link_status", ""),
        # Redis gives -1 where it was never connected.
        master_gone_s=whole(info.get("master_link_down_since_seconds")),
        read_only=info.get("slave_read_only") != "0",
        round_trip_ms=round_trip * 1000,
    )


def _setting(reply: object) -> str | None:
    """A setting, of the reply of CONFIG GET; None for a user who may not ask."""
    return text(reply[1]) if isinstance(reply, list) and len(reply) == 2 else None


def _persistence(info: Mapping[str, str], save: str | None) -> str | None:
    if "aof_enabled" not in info:
        return None
    if save is not None:
        snapshots = bool(save)
    else:
        # Where CONFIG is forbidden: a server that has saved in the background does so by a rule.
        tried = info.get("rdb_last_bgsave_time_sec", "-1") != "-1"
        snapshots = tried or info.get("rdb_last_bgsave_status") == "err"
    kinds = ["aof"] * (info["aof_enabled"] == "1") + ["rdb"] * snapshots
    return "+".join(kinds) or "none"
