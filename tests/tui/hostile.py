"""What strangers, bugs and attackers may have left in Redis: each a way to seed it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import redis

from asok_core.jobs.envelope import dead_entry, seal
from tests.hidden import samples
from tests.tui import seed
from tests.tui.seed import KEYRING, KEYS

DAY = 86_400
DISTANT = 1e17
"""A moment that no calendar holds."""

TEXTS = {
    "markup": "[/red][@click=app.quit]quit[/][bold $nothing",
    "ansi": "\x1b[2J\x1b[1;1H\x1b[41;5mred\x1b[0m\x1b[?1049l\x1bc",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "title": "\x1b]0;owned\x07\x1b]2;owned\x1b\\\x1bkowned\x1b\\",
    "device control": "\x1bP+q544e\x1b\\\x1b_apc\x1b\\\x1b^pm\x1b\\",
    "bells": "\a" * 20,
    "c1": "\x9b31m\x9d0;owned\x9c\x90q\x9c\x85",
    "bidi": "user\u202efdp.exe\u202c \u2066a\u2067b\u2068c\u2069 \u200f\u061c",
    "zero width": "pay\u200bpal\u200d\u200c\u2060\ufeff\u00ad\u180e\U000e0041",
    "wide": "支払い決済" * 60,
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪❤️" * 20,
    "combining": "Z" + "\u0335\u0327\u0301\u0316" * 40 + "algo",
    "nul": "a\0b\0",
    "lines": "one\r\ntwo\rthree\x0bfour\x0cfive\u2028six\u2029\x85end\t\b\b\b",
    "surrogate": "\udcff\ud83d",
    "long": "x" * 5000,
    "categories": " ".join(samples()),
}
"""Texts that must come through as something visible and harmless wherever they are shown."""

GROUPS = {
    "markup": ("markup", "long"),
    "escape sequences": ("ansi", "clipboard", "title", "device control", "bells", "c1"),
    "hidden characters": ("bidi", "zero width", "surrogate"),
    "wide characters": ("wide", "emoji", "combining"),
    "broken lines": ("nul", "lines"),
    "every category": ("categories",),
}
"""The same by what they are after."""

ODD_NAMES = (
    "two words", " ", "-", "..", "a/b", "*", "?[a]*", "{asok}", "a:b", ":", "high:s1690000000",
    "\n", "\x1b[2J", "\u202eevil", "queue", "Größe", "列", "x" * 300, "%s", "$(reboot)", "--all", "'",
)  # fmt: skip


def text_everywhere(client: redis.Redis, text: str) -> None:
    """Put one text wherever a job, worker or operator can leave words."""
    now, first = seed.server_time(client), 100 * list(TEXTS.values()).index(text)
    raw = text.encode("utf-8", "surrogatepass")
    job = replace(
        seed.job(1, text), module=text, function=text, args=(text, {text: [text]}),
        kwargs={text: text}, enqueued_at=now - 30,
    )  # fmt: skip
    trace = f'Traceback (most recent call last):\n  File "{text}", line 3, in {text}\n    {text}\n'
    error = f"{text}: {text}"
    for n in range(2):
        this = replace(job, id=seed.job_id(first + n))
        envelope = seal(this, KEYRING)
        dead_job = dead_entry(envelope, failed_at=now - 5, error=error, traceback=trace + error)
        client.lpush(KEYS.dead, dead_job)
        client.lpush(
            KEYS.queue("default"), seal(replace(this, id=seed.job_id(first + 10 + n)), KEYRING)
        )
        client.lpush(KEYS.queue("default"), seal(replace(this, id=text), KEYRING))
        client.zadd(
            KEYS.delayed, {seal(replace(this, id=seed.job_id(first + 20 + n)), KEYRING): now + n}
        )
        worded = {"status": text, "function": text, "queue": text, "error": trace + error}
        worded |= {"result": json.dumps({text: text}), "worker": text}
        fields = {name: value.encode("utf-8", "surrogatepass") for name, value in worded.items()}
        for number in (first + 20 + n, first + 30 + n):
            record(client, seed.job_id(number), {"ts": now - n, "finished_at": now - n} | fields)
        client.lpush(KEYS.recent, seed.job_id(first + 30 + n))
    client.lpush(KEYS.recent, raw)
    client.sadd(KEYS.queues, raw)
    client.sadd(KEYS.paused, raw)
    pause = {"by": text, "reason": text, "until": f"{now + 900:.3f}", "since": text}
    client.hset(KEYS.pauses, raw, json.dumps(pause))
    client.lpush(
        KEYS.queue("").encode() + raw, seal(replace(job, id=seed.job_id(first + 40)), KEYRING)
    )
    worker(client, raw, dict.fromkeys(("host", "pid", "version", "queues", "wanted"), raw))
    client.lpush(b"asok:active:" + raw + b".1:default", seal(replace(job, id="7" + text), KEYRING))
    names = ("operation", "who", "where", "action", "place", "queue", "words", "state")
    audit(client, dict.fromkeys(names, raw) | {b"skipped:" + raw: b"3", "at": str(now - 9)})


def record(client: redis.Redis, job_id: str, fields: dict[str, Any]) -> None:
    """A record as another program may have written it."""
    client.hset(KEYS.job(job_id), mapping=cast("Any", fields))
    client.expire(KEYS.job(job_id), DAY)


def worker(client: redis.Redis, worker_id: bytes, fields: dict[str, Any]) -> None:
    """A live worker that says of itself what it likes."""
    client.zadd(KEYS.workers, {worker_id: (seed.server_time(client) + 3600) * 1000})
    client.hset(b"asok:worker:" + worker_id, mapping=cast("Any", fields))
    client.expire(b"asok:worker:" + worker_id, 3600)


def audit(client: redis.Redis, fields: dict[Any, Any]) -> None:
    """An entry of the audit."""
    client.xadd(KEYS.audit, fields)


def _megabytes(client: redis.Redis) -> None:
    now = seed.server_time(client)
    for n in range(2):
        job = replace(seed.job(n), args=("x" * 5_000_000,))
        envelope = seal(job, KEYRING)
        client.lpush(KEYS.queue("default"), envelope)
        client.zadd(KEYS.delayed, {envelope: now + 90})
        client.lpush(
            KEYS.dead,
            dead_entry(envelope, failed_at=now - 5, error="y" * 100_000, traceback="z\n" * 100_000),
        )
        huge = {"status": "failed", "error": "e\n" * 1_000_000, "result": '"' + "r" * 10**6 + '"'}
        record(client, job.id, huge)
        client.lpush(KEYS.recent, job.id)


def _no_text(client: redis.Redis) -> None:
    now = seed.server_time(client)
    for junk in (b"\xff\xfe\x00junk", b'{"v": 1, "job": "\xff", "sig": "\xfe"}', bytes(range(256))):
        client.lpush(KEYS.queue("default"), junk)
        client.lpush(KEYS.dead, junk)
        client.zadd(KEYS.delayed, {junk: now + 5})
        client.lpush(KEYS.recent, junk)
        client.sadd(KEYS.queues, junk)
        client.lpush(b"asok:active:w\xff.1:" + junk, junk)
        worker(client, b"w\xff" + junk, {"host": junk, "queues": junk})
        audit(client, {"who": junk, "words": junk, junk: junk})


def _no_json(client: redis.Redis) -> None:
    now = seed.server_time(client)
    broken = (
        b"", b"{", b'{"v": 1, "job": "{", "sig": ""}', b"null", b"[]", b"17", b'"text"', b"NaN",
        b"[" * 50_000, b'{"v": 1, "job": 5, "sig": 7}', b'{"v": "one", "job": "{}", "sig": "00"}',
        b'{"id": 1, "module": [], "function": {}, "args": "no", "kwargs": 3, "retries": "x"}',
        json.dumps({"v": 1, "job": json.dumps({"id": None, "args": None}), "sig": None}).encode(),
    )  # fmt: skip
    for junk in broken:
        client.lpush(KEYS.queue("default"), junk)
        client.lpush(KEYS.dead, junk)
        client.zadd(KEYS.delayed, {junk: now + 5})
        client.lpush(KEYS.active("web-1.1", "default"), junk)
    worker(client, b"web-1", {"queues": "default", "running": "many", "beat_at": "{"})
    for n, junk in enumerate(broken):
        client.set(KEYS.job(seed.job_id(n)), junk, ex=DAY)
        client.lpush(KEYS.recent, seed.job_id(n))


def _records_of_another_type(client: redis.Redis) -> None:
    seed.shop(client)
    wrong: tuple[Callable[[str], object], ...] = (
        lambda key: client.rpush(key, "a", "b"),
        lambda key: client.sadd(key, "a"),
        lambda key: client.zadd(key, {"a": 1}),
        lambda key: client.xadd(key, {"a": "b"}),
        lambda key: client.set(key, "no json"),
    )
    # Those of finished, running and delayed jobs.
    for n in (*range(7000, 7010), *range(200, 224), *range(9000, 9014)):
        key = KEYS.job(seed.job_id(n))
        client.delete(key)
        wrong[n % len(wrong)](key)
        client.expire(key, DAY)


def _keys_of_another_type(client: redis.Redis) -> None:
    now = int(seed.server_time(client))
    client.rpush(KEYS.dead, *seed.dead_jobs(now, 3))
    for key in (KEYS.queue("default"), KEYS.queues, KEYS.audit, KEYS.delayed, KEYS.recent):
        client.set(key, "a string")
    client.lpush(KEYS.paused, "default")
    client.lpush(KEYS.workers, "web-1")
    for start in range(now - now % 10 - 300, now + 10, 10):
        client.set(KEYS.fine("default", start), "a string", ex=3600)


def _times_to_come(client: redis.Redis) -> None:
    now = seed.server_time(client)
    moments = (now + 3600, now + 1e9, DISTANT, 1e300, -1e300, float("inf"), 0, -now)
    for n, moment in enumerate(moments):
        finite = moment if abs(moment) < 1e301 else 1e308
        job = seed.job(n, enqueued_at=finite, due_at=finite)
        envelope = seal(job, KEYRING)
        client.lpush(KEYS.queue("default"), envelope)
        client.zadd(KEYS.delayed, {envelope: moment})
        client.lpush(KEYS.dead, dead_entry(envelope, failed_at=finite, error="E: early"))
        times = dict.fromkeys(("ts", "enqueued_at", "started_at", "finished_at"), str(moment))
        record(client, job.id, {"status": "running", "function": "a.b", **times})
        client.lpush(KEYS.recent, job.id)
        client.lpush(KEYS.active(f"w{n}.1", "default"), envelope)
        worker(client, f"w{n}".encode(), {"beat_at": str(moment), "started_at": str(moment)})
        audit(client, {"at": str(moment), "action": "purge", "state": "done", "operation": f"o{n}"})


def _negative_counts(client: redis.Redis) -> None:
    now = int(seed.server_time(client))
    for n in range(3):
        job = replace(seed.job(n), retries=-3, retry_count=-7, backoff=-2)
        envelope = seal(job, KEYRING)
        client.lpush(KEYS.queue("default"), envelope)
        client.zadd(KEYS.delayed, {envelope: -5})
        client.lpush(KEYS.dead, dead_entry(envelope, failed_at=-1, error="E: minus"))
        record(client, job.id, {"status": "failed", "retries": -3, "retry_count": -9, "ts": -4})
        client.lpush(KEYS.recent, job.id)
    minus = dict.fromkeys(("concurrency", "processes", "running", "rss", "pid"), "-4")
    worker(client, b"web-1", minus | {"queues": "default"})
    audit(client, {"action": "purge", "applied": "-3", "skipped:gone": "-1", "at": str(now)})
    names = ("enqueued", "completed", "failed", "retried", "dead", "run_ms", "wait_ms", "run_b3")
    for start in range(now - now % 10 - 300, now + 10, 10):
        client.hset(KEYS.fine("default", start), mapping=dict.fromkeys(names, -12))
        client.expire(KEYS.fine("default", start), 3600)


def _odd_queues(client: redis.Redis) -> None:
    for n, name in enumerate(ODD_NAMES):
        seed.pending(client, name, 2 + n, first=100 * n, age=50)
    client.sadd(KEYS.queues, "")


BROKEN: dict[str, Callable[[redis.Redis], None]] = {
    "megabytes": _megabytes,
    "no UTF-8": _no_text,
    "no JSON": _no_json,
    "records of another type": _records_of_another_type,
    "keys of another type": _keys_of_another_type,
    "times to come": _times_to_come,
    "negative counts": _negative_counts,
    "odd queue names": _odd_queues,
}
"""Data that no program of ours writes."""
