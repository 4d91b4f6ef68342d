"""What a client can write into each key: values of the wrong form, and keys of the wrong type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import redis

from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.parsing import WORKER_FIELDS
from asok_core.backends.redis.record_replies import RECORD_FIELDS
from asok_core.inspection.events import EventKind
from asok_core.inspection.worker_shape import concurrency_in, queues_in
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from tests.conftest import SECRET_KEY

KEYS = Keys()
KEYRING = Keyring(SECRET_KEY.encode())
HUGE = b"1" + b"0" * 400
"""A number that JSON has and no float holds."""
VALUES = {
    "a word": b"word",
    "nothing": b"",
    "401 digits": HUGE,
    "5000 digits": b"9" * 5000,
    "nan": b"nan",
    "inf": b"inf",
    "-inf": b"-inf",
    "the largest float": b"1.7e308",
    "-1": b"-1",
    "bytes": b"\xff\x00\xfe\n[1]",
    "nested JSON": b"[" * 960 + b"]" * 960,
}
TASK = "tests.worker.jobs.give"
"""A task that runs all the time."""
SCORES = ("inf", "-inf", "1.7e308", "-1.7e308", "0")


Write = Callable[[Any, str], object]


class Poison(NamedTuple):
    """One attack on a key. ``write`` is called with a client; the key is deleted afterwards."""

    label: str
    write: Callable[[Any], object]


@dataclass(frozen=True)
class Target:
    """What the attacked worker and jobs are called."""

    worker: str
    running: str
    """Id of a job that runs."""
    queue: str
    operation: str
    machine: str


ORDERED = ("ordered_concurrency", "ordered_queues")
"""The fields of a worker that it follows."""

TYPES: dict[str, Write] = {
    "string": lambda client, key: client.set(key, b"word"),
    "list": lambda client, key: client.rpush(key, b"word", b"\xff"),
    "set": lambda client, key: client.sadd(key, b"word", b"\xff"),
    "zset": lambda client, key: client.zadd(key, {b"word": 1, b"\xff": 2}),
    "hash": lambda client, key: client.hset(key, mapping={b"word": b"1", b"\xff": b"2"}),
}


def _do(*command_and_client: Any) -> None:
    *command, client = command_and_client
    client.execute_command(*command)


def _fields(key: str, mapping: dict[str, bytes]) -> Callable[[Any], object]:
    return partial(_do, "HSET", key, *(part for pair in mapping.items() for part in pair))


def _other_types(key: str, kind: str) -> Iterator[Poison]:
    for name, write in TYPES.items():
        if name != kind:
            yield Poison(f"{key} is a {name}", partial(_replace, key, write))


def _replace(key: str, write: Write, client: Any) -> None:
    # At once: what runs could write the key again between the two.
    with client.pipeline() as together:
        together.delete(key)
        write(together, key)
        together.execute()


def _string(key: str) -> Iterator[Poison]:
    for label, value in VALUES.items():
        yield Poison(f"{key} holds {label}", partial(_do, "SET", key, value))


def _hash(key: str, fields: Iterable[str]) -> Iterator[Poison]:
    names = list(fields)
    for label, value in VALUES.items():
        yield Poison(f"each field of {key} is {label}", _fields(key, dict.fromkeys(names, value)))
    yield Poison(f"{key} has pairs of bytes", partial(_do, "HSET", key, b"\xff", b"\xfe:1 nan"))


def _invalid_orders(key: str) -> Iterator[Poison]:
    """A value that is valid is an order, which a worker carries out: what is in Redis may be one."""
    for label, value in VALUES.items():
        ordered = value.decode("utf-8", "surrogateescape")
        invalid = [
            field
            for field, valid in zip(
                ORDERED, (concurrency_in(ordered), queues_in(ordered)), strict=True
            )
            if not valid
        ]
        if invalid:
            yield Poison(
                f"an order in {key} is {label}", _fields(key, dict.fromkeys(invalid, value))
            )


def _set(key: str) -> Iterator[Poison]:
    yield Poison(f"{key} has any member", partial(_do, "SADD", key, *VALUES.values()))


def _zset(key: str, members: Iterable[bytes | str]) -> Iterator[Poison]:
    named = list(members)
    for score in SCORES:
        pairs = [part for each in named for part in (score, each)]
        yield Poison(f"members of {key} have the score {score}", partial(_do, "ZADD", key, *pairs))


def _list(key: str, elements: Iterable[bytes]) -> Iterator[Poison]:
    found = [*VALUES.values(), *elements]
    yield Poison(f"{key} has any element", partial(_do, "LPUSH", key, *found))


def record(queue: str, **fields: Any) -> bytes:
    """A record as the framework has it, with numbers as they are given."""
    base = {"status": '"running"', "function": '"shop.mail"', "queue": json.dumps(queue)}
    parts = base | {name: str(value) for name, value in fields.items()}
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in parts.items()) + "}").encode()


def _records(key: str, queue: str) -> Iterator[Poison]:
    numbers = ("ts", "retry_count", "retries", "enqueued_at", "started_at", "finished_at")
    texts = {"401 digits": HUGE.decode(), "5000 digits": "9" * 5000, "NaN": "NaN"}
    texts |= {
        "Infinity": "Infinity",
        "1e400": "1e400",
        "a list": "[1]",
        "nested": "[" * 960 + "]" * 960,
    }
    for label, text in texts.items():
        for status in ('"running"', text):
            fields = dict.fromkeys(
                (*numbers, "result", "error", "worker", "attempts", "progress"), text
            )
            raw = record(queue, **(fields | {"status": status}))
            yield Poison(
                f"{key} is JSON with {label}, {status[:12]}", partial(_do, "SET", key, raw)
            )
    for status in ("completed", "failed"):
        for label, value in VALUES.items():
            mapping = dict.fromkeys(RECORD_FIELDS, value) | {"status": status.encode()}
            yield Poison(f"each field of {key} is {label}, {status}", _fields(key, mapping))


def _envelopes(queue: str) -> Iterator[bytes]:
    """Jobs whose numbers are none, signed and not."""
    text = json.dumps(
        {
            "args": [],
            "backoff": 2,
            "function": "mail",
            "id": "poisoned",
            "kwargs": {},
            "module": "shop",
            "queue": queue,
            "retries": 0,
            "retry_count": 0,
            "enqueued_at": 1.5,
        }
    )
    for name, plain in (
        ("backoff", "2"),
        ("retries", "0"),
        ("retry_count", "0"),
        ("enqueued_at", "1.5"),
    ):
        for value in (HUGE.decode(), "NaN", "-Infinity", "1e400", "[]", "-1", '"x"'):
            bad = text.replace(f'"{name}": {plain}', f'"{name}": {value}')
            yield json.dumps({"v": 1, "job": bad, "sig": KEYRING.sign(bad)}).encode()
            yield bad.encode()
    deep = text.replace('"args": []', '"args": [' + "[" * 960 + "]" * 960 + "]")
    yield json.dumps({"v": 1, "job": deep, "sig": "0" * 64}).encode()
    yield b"[" * 100_000


def _dead_jobs(queue: str) -> Iterator[bytes]:
    sealed = seal(Job("letter", "shop", "mail", queue=queue), KEYRING)
    good = dead_entry(sealed, failed_at=1.5, error="E: e", traceback="T")
    for value in (HUGE.decode(), "NaN", "Infinity", "[]", "{}", '"x"', "null", "-1"):
        yield good.replace(b'"failed_at": 1.5', f'"failed_at": {value}'.encode())
        yield good.replace(b'"error": "E: e"', f'"error": {value}'.encode())
        yield good.replace(b'"traceback": "T"', f'"traceback": {value}'.encode())
    good = b'{"v": 1, "oversized": {"size": 1, "sha1": "%s"}, "failed_at": 1.5}' % (b"0" * 40)
    for value in (HUGE.decode(), "-1", "[]", "NaN", '"x"', "null"):
        yield good.replace(b'"size": 1', f'"size": {value}'.encode())
        yield good.replace(b'"%s"' % (b"0" * 40), value.encode())
    yield from _envelopes(queue)


def _buckets(
    key_of: Callable[[str, int], str], queue: str, width: int
) -> tuple[str, str, Iterable[Poison]]:
    """Buckets that are read now: an hour is enough that one of them is."""
    fields = ("enqueued", "completed", "failed", "run_ms", "wait_ms", "run_b3", "wait_b999")
    wrong = ("run_b", "run_b-1", "x")

    def fill(write: Write, client: Any) -> None:
        seconds = client.time()[0]
        first = seconds - seconds % width
        for start in range(first - 6 * width, first + 3 * width, width):
            _replace(key_of(queue, start), write, client)

    def counters(value: bytes, client: Any, key: str) -> None:
        client.hset(key, mapping=dict.fromkeys((*fields, *wrong), value))

    contents = [
        Poison(f"each counter is {label}", partial(fill, partial(counters, value)))
        for label, value in VALUES.items()
    ]
    types = [
        Poison(f"buckets are {kind}s", partial(fill, write))
        for kind, write in TYPES.items()
        if kind != "hash"
    ]
    # Each of them replaces what was there before.
    return key_of(queue, 0), "hash", [*contents, *types]


def _figures(
    key_of: Callable[[int], str], width: int, kind: str
) -> tuple[str, str, Iterable[Poison]]:
    """Keys of the time that is now, and of the next: what figures by task are written to."""

    def fill(write: Write, client: Any) -> None:
        start = client.time()[0] // width * width
        for each in (start - width, start, start + width):
            _replace(key_of(each), write, client)

    found = [Poison(f"figures are {name}s", partial(fill, write)) for name, write in TYPES.items()]
    if kind == "string":
        blocks = {**VALUES, "zeros": b"\0" * 999, "ones": b"\xff" * 999, "large": b"w" * 200_000}
        found += [
            Poison(f"a block of figures is {label}", partial(fill, partial(_set_string, value)))
            for label, value in blocks.items()
        ]
    return key_of(0), kind, found


def _set_string(value: bytes, client: Any, key: str) -> None:
    client.set(key, value)


def poisons(name: str, target: Target) -> list[Poison]:
    """The attacks on the key that ``Keys`` has under ``name``."""
    key, kind, contents = attacked(target)[name]
    return [*contents, *_other_types(key, kind)]


def attacked(target: Target) -> dict[str, tuple[str, str, Iterable[Poison]]]:
    """Every key by its name in ``Keys``: the key, its type, and attacks on what it holds."""
    queue, worker, operation = target.queue, target.worker, target.operation
    process = f"{worker}.1"
    ghosts = (worker, b"ghost", b"\xff\xfe", b"ghost:x", b"", b"9" * 300)
    audit = ("operation", "at", "applied", "refused:x", "skipped:y", "state", "who", "action")
    members = [*VALUES.values(), *_envelopes(queue)]
    requests: list[Any] = [
        *([], {}, 1, None, ["t"], ["t", target.running], [None, None, None]),
        *(["t", target.running, 1 << 80], ["t", target.running, -1], ["t", "ghost", 1e300]),
        *(["\n" * 90, target.running, 1], ["t", "x" * 5000, 2], ["t", target.running, "1"]),
    ]
    asked = [json.dumps(each).encode() for each in requests]
    notices = [b"%s 0 {}" % value for value in VALUES.values()] + [b"1 0 x", b"1 1"]

    def audited(client: Any) -> None:
        for value in VALUES.values():
            client.xadd(KEYS.audit, dict.fromkeys(audit, value))

    def happened(client: Any) -> None:
        for value in VALUES.values():
            client.xadd(KEYS.events, {"kind": value, "at": value, "queue": value, "worker": value})
        for kind in EventKind:
            client.xadd(KEYS.events, {"kind": kind, "reason": b"\xff", b"\xff": "x"})
        last = "18446744073709551615-18446744073709551615"
        client.xadd(KEYS.events, {"kind": "the last that there can be"}, id=last)

    return {
        "queue": ((key := KEYS.queue(queue)), "list", _list(key, _envelopes(queue))),
        "delayed": (KEYS.delayed, "zset", _zset(KEYS.delayed, members)),
        "dead": (KEYS.dead, "list", _list(KEYS.dead, _dead_jobs(queue))),
        "workers": (KEYS.workers, "zset", _zset(KEYS.workers, ghosts)),
        "promoting": (KEYS.promoting, "string", _string(KEYS.promoting)),
        "paused": (KEYS.paused, "set", _set(KEYS.paused)),
        "pauses": (
            KEYS.pauses,
            "hash",
            [*_hash(KEYS.pauses, (queue, "", "ghost")), *_pauses(queue)],
        ),
        "holds": (
            KEYS.holds,
            "hash",
            [
                *_hash(
                    KEYS.holds,
                    ("generation", "ghost", "ended:ghost", "", f"limit:queue:{queue}", "limit:"),
                ),
                *_holds(),
            ],
        ),
        "held_lists": (KEYS.held_lists, "set", _set(KEYS.held_lists)),
        "held": (
            (key := KEYS.held("ghost", queue)),
            "list",
            [
                Poison("a list of held jobs that is named", partial(_name_held, queue)),
                *_list(key, ()),
            ],
        ),
        "limits": (KEYS.limits, "zset", _zset(KEYS.limits, (b"limit-0", b"\xff", b"", b"9" * 300))),
        "limit": (
            (key := KEYS.limit("limit-0")),
            "hash",
            _hash(key, ("identity", "value", "declared", "free_at")),
        ),
        "limit_running": (
            (key := KEYS.limit_running("limit-0")),
            "hash",
            _hash(key, (target.running, "ghost", "\n")),
        ),
        "limit_next": (
            (key := KEYS.limit_next("limit-0")),
            "hash",
            _hash(key, (target.running, "ghost", "\n")),
        ),
        "queues": (KEYS.queues, "set", _set(KEYS.queues)),
        "recent": (KEYS.recent, "list", _list(KEYS.recent, ())),
        "audit": (KEYS.audit, "stream", [Poison("any entry of the audit", audited)]),
        "events": (KEYS.events, "stream", [Poison("any entry of the events", happened)]),
        "notes": (
            KEYS.notes,
            "hash",
            [
                *_hash(
                    KEYS.notes, (f"job:{target.running}", f"queue:{queue}", "error:x", "job:", "")
                ),
                *_notes(f"job:{target.running}", f"queue:{queue}", "error:ValueError: no"),
            ],
        ),
        "server": (
            KEYS.server,
            "hash",
            _hash(KEYS.server, ("run_id", "seen_at", "events_max", "events_age", "release")),
        ),
        "job": ((key := KEYS.job(target.running)), "hash", _records(key, queue)),
        "active": ((key := KEYS.active(process, queue)), "list", _list(key, _envelopes(queue))),
        "worker": (
            (key := KEYS.worker(worker)),
            "hash",
            chain(
                _hash(key, ({*WORKER_FIELDS} - {*ORDERED}) | {"lease", "wanted_by"}),
                _invalid_orders(key),
            ),
        ),
        "cancels": ((key := KEYS.cancels(worker)), "set", _set(key)),
        "ends": ((key := KEYS.ends(worker)), "hash", _hash(key, (target.running, "ghost", "\n"))),
        "stacks": ((key := KEYS.stacks(worker)), "list", _list(key, asked)),
        "stack": ((key := KEYS.stack("t")), "string", _string(key)),
        "machine": ((key := KEYS.machine(target.machine)), "set", _set(key)),
        "crashes": ((key := KEYS.crashes(target.running)), "string", _string(key)),
        "fine": _buckets(KEYS.fine, queue, 10),
        "coarse": _buckets(KEYS.coarse, queue, 60),
        "tasks": _figures(KEYS.tasks, 86_400, "zset"),
        "task_minutes": _figures(partial(KEYS.task_minutes, TASK), 3_600, "string"),
        "task_hours": _figures(partial(KEYS.task_hours, TASK), 86_400, "string"),
        "sampling": (KEYS.sampling, "string", _string(KEYS.sampling)),
        "depths": _figures(KEYS.depths, 3_600, "string"),
        "queue_depths": _figures(partial(KEYS.queue_depths, queue), 3_600, "string"),
        "hours": _figures(KEYS.hours, 86_400, "string"),
        "queue_hours": _figures(partial(KEYS.queue_hours, queue), 86_400, "string"),
        "trash": ((key := KEYS.trash(operation)), "list", _list(key, _dead_jobs(queue))),
        "trash_positions": ((key := KEYS.trash_positions(operation)), "list", _list(key, ())),
        "notices": ((key := KEYS.notices(queue)), "zset", _zset(key, notices)),
        "oversized": ((key := KEYS.oversized("0" * 40)), "list", _list(key, ())),
        "operation": ((key := KEYS.operation(operation)), "hash", _hash(key, audit)),
        "unique": ((key := KEYS.unique("one")), "string", _string(key)),
        "renewal": (
            KEYS.renewal,
            "hash",
            _hash(KEYS.renewal, ("began", "last", "location", "at", "lost")),
        ),
        "renewing": (KEYS.renewing, "string", _string(KEYS.renewing)),
        "waits": (KEYS.waits, "hash", _hash(KEYS.waits, (process, "ghost", "\n"))),
        "dubious": (KEYS.dubious, "string", _string(KEYS.dubious)),
    }


def _pauses(queue: str) -> Iterator[Poison]:
    """What is known of a pause, with each value as its end and as its reason, and forms of other types."""
    known = {"by": "\x1b]0;x\x07", "at": "1", "since": "1", "operation": "op"}
    for label, value in VALUES.items():
        text = value.decode("utf-8", "replace")
        pause = json.dumps({**known, "until": text, "reason": text}).encode()
        yield Poison(f"a pause with {label}", partial(_pause, {queue: pause, "ghost": pause}))
    odd: list[Any] = [None, [], {"until": 1}, {"until": []}, {"by": {}, "reason": "\ud800"}]
    for each in odd:
        text = json.dumps(each)
        yield Poison(f"the pause {text}", partial(_pause, {queue: text.encode()}))


def _pause(known: dict[str, bytes], client: Any) -> None:
    """What is known of a pause is read only where the queue is paused."""
    with suppress(redis.ResponseError):
        # Beside other attacks it may be no set.
        client.sadd(KEYS.paused, *known)
    client.hset(KEYS.pauses, mapping=known)


def _holds() -> Iterator[Poison]:
    """Rules of other forms, and with values of other types."""
    whole = {"form": 1, "task": "x", "conditions": [], "by": "x", "at": 1.0, "reason": "x"}
    odd: list[dict[str, Any]] = [
        *(
            {"form": 2},
            {"task": ""},
            {"task": []},
            {"until": "nan"},
            {"until": 1e300},
            {"until": 1},
        ),
        *(
            {"conditions": value}
            for value in (1, [1], [["args[0]", "~", 1]], [["x" * 9, "in", {}]])
        ),
        *({"conditions": [["args[0]", "<", None]]}, {"by": {}, "reason": "\ud800", "at": []}),
    ]
    for each in odd:
        text = json.dumps({**whole, **each}).encode()
        fields = {"ghost": text, "ended:ghost": text, "generation": b"7"}
        yield Poison(f"the hold {text[:80]!r}", _fields(KEYS.holds, fields))


def _name_held(queue: str, client: Any) -> None:
    client.sadd(KEYS.held_lists, f"ghost:{queue}")
    client.lpush(KEYS.held("ghost", queue), *_envelopes(queue), b"\xff")


def _notes(*fields: str) -> Iterator[Poison]:
    """Notes that are JSON of another form, or with texts that no operator wrote."""
    values: list[Any] = [
        *(None, [], {"text": []}, {"text": "x", "at": "nan"}, {"text": "x", "at": 1e300}),
        *({"text": "\x1b[2J\u202e[/]" * 900, "who": "\x1b]0;x\x07", "at": 2e9, "about": {}},),
        *({"text": "x", "at": 2e9, "who": {}, "about": "\ud800"},),
    ]
    for value in values:
        text = json.dumps(value).encode()
        label = f"the note {text[:60]!r}"
        yield Poison(label, _fields(KEYS.notes, dict.fromkeys(fields, text)))


def keep(client: Any) -> dict[bytes, tuple[bytes | None, int]]:
    """Every key as it is, for ``restore``."""
    keys = list(client.scan_iter("asok:*", count=1000))
    return {key: (client.dump(key), client.pttl(key)) for key in keys}


def restore(client: Any, kept: dict[bytes, tuple[bytes | None, int]]) -> None:
    """Put every key back as it was."""
    for key in client.scan_iter("asok:*", count=1000):
        if key not in kept:
            client.delete(key)
    for key, (dump, ttl) in kept.items():
        # What was not touched stays: a lease may have been renewed since.
        if dump is not None and (key != KEYS.workers.encode() or client.type(key) != b"zset"):
            client.restore(key, max(ttl, 0), dump, replace=True)
