"""Nothing runs but what was signed, wherever in Redis it lies and however it is packed."""

from __future__ import annotations

import ast
import base64
import bz2
import gzip
import hashlib
import hmac
import json
import lzma
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asok_core.errors import EnvelopeError, TaskNotFound
from asok_core.execution.tasks import resolve
from asok_core.jobs.envelope import dead_entry, seal, unseal
from asok_core.jobs.job import Job
from asok_core.jobs.job_text import to_text
from asok_core.jobs.keyring import V1, V2
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import KEYRING, TASKS, Desk, RunWorker, foreign_envelope
from tests.programs import ROOT, wait_until
from tests.worker.jobs import write_line

PACKAGES = ("asok_core", "asok_console")


class Armed:
    """Runs when it is unpickled."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return write_line, (self.word,)


def unsigned(text: str, **changes: Any) -> bytes:
    """An envelope whose signature was not made by the key."""
    return json.dumps({"v": 1, "job": text} | changes).encode()


def attacks(desk: Desk) -> dict[str, bytes]:
    """Jobs that write their name into the journal where they run, by that name."""

    def job(name: str) -> Job:
        return Job(f"id-{name}", TASKS, "note", (f"attack {name}",))

    def text(name: str) -> str:
        return to_text(job(name))

    def wrong(name: str, key: bytes) -> bytes:
        return unsigned(text(name), sig=hmac.new(key, text(name).encode(), "sha256").hexdigest())

    good = seal(desk.job("note", "never"), KEYRING)
    signature = json.loads(good)["sig"]
    key = SECRET_KEY.encode()
    hashed = hashlib.sha256(text("a hash").encode()).hexdigest()
    extended = hashlib.sha256(key + text("key before text").encode()).hexdigest()
    deeper = json.dumps({"v": 1, "job": text("nested"), "sig": signature})
    return {
        # As the framework wrote jobs before it signed them, and as its dead jobs are.
        "legacy": text("legacy").encode(),
        "legacy dead": json.dumps(
            json.loads(text("legacy dead")) | {"failed_at": 1.0, "error": "E"}
        ).encode(),
        "legacy object": json.dumps({"v": 1, "job": json.loads(text("legacy object"))}).encode(),
        "no signature": unsigned(text("no signature")),
        "empty": unsigned(text("empty"), sig=""),
        "null": unsigned(text("null"), sig=None),
        "a list": unsigned(text("a list"), sig=[signature]),
        "true": unsigned(text("true"), sig=True),
        "of another": unsigned(text("of another"), sig=signature),
        "cut": wrong("cut", key)[:-10] + b'"}',
        "longer": unsigned(text("longer"), sig=signature + "00"),
        "a hash": unsigned(text("a hash"), sig=hashed),
        "key before text": unsigned(text("key before text"), sig=extended),
        "another key": wrong("another key", b"x" * 32),
        "no key": wrong("no key", b""),
        "version 2 by the raw key": unsigned(
            text("version 2 by the raw key"),
            v=2,
            sig=json.loads(wrong("version 2 by the raw key", key))["sig"],
        ),
        "version 0": unsigned(text("version 0"), v=0, sig=KEYRING.sign(text("version 0"), V2)),
        "version true": unsigned(
            text("version true"), v=True, sig=KEYRING.sign(text("version true"), V2)
        ),
        "version 2 as 1": unsigned(
            text("version 2 as 1"), sig=KEYRING.sign(text("version 2 as 1"), V2)
        ),
        "two jobs": (
            f'{{"v": 1, "job": {json.dumps(json.loads(good)["job"])}, '
            f'"job": {json.dumps(text("two jobs"))}, "sig": "{signature}"}}'
        ).encode(),
        "raw beside": json.dumps(
            json.loads(good) | {"raw": text("raw beside"), "sig": "00"}
        ).encode(),
        "nested": unsigned(deeper, sig=signature),
        "buried": dead_entry(
            unsigned(text("buried"), sig="00"), failed_at=1.0, error="E", traceback=""
        ),
        "a byte order mark": b"\xef\xbb\xbf" + text("a byte order mark").encode(),
        "utf-16": text("utf-16").encode("utf-16"),
        "pickle": pickle.dumps(Armed("attack pickle")),
        "pickle in it": unsigned(
            base64.b64encode(pickle.dumps(Armed("attack pickle in it"))).decode(), sig=signature
        ),
    }


def packed() -> dict[str, bytes]:
    """Jobs whose signature is good, compressed: they are not unpacked."""
    found = {}
    for name, pack in (
        ("zlib", zlib.compress),
        ("gzip", gzip.compress),
        ("bz2", bz2.compress),
        ("xz", lzma.compress),
        ("base64", base64.b64encode),
        ("zlib64", lambda raw: base64.b64encode(zlib.compress(raw))),
    ):
        job = Job(f"id-{name}", TASKS, "note", (f"attack {name}",))
        found[name] = pack(seal(job, KEYRING))
        text = base64.b64encode(pack(to_text(job).encode())).decode()
        found[f"{name} inside"] = unsigned(text, sig=KEYRING.sign(text, V1))
    # 10 MB in a few kB.
    found["bomb"] = gzip.compress(b"0" * 10_000_000)
    return found


def among_good_ones(desk: Desk, raws: list[bytes]) -> list[bytes]:
    """A good job after each: a worker that meets only bad ones takes the fault for its own, and waits."""
    return [each for raw in raws for each in (raw, seal(desk.job("give", 1), KEYRING))]


def put(desk: Desk, where: str, raws: list[bytes]) -> None:
    if where == "pending":
        desk.client.lpush(desk.keys.queue("default"), *raws)
    elif where == "delayed":
        desk.client.zadd(desk.keys.delayed, {raw: float(at) for at, raw in enumerate(raws)})
    else:
        desk.client.lpush(desk.keys.active("ghost.1", "default"), *raws)
        desk.client.zadd(desk.keys.workers, {"ghost": 1.0})


@pytest.mark.parametrize("where", ["pending", "delayed", "held by a worker that died"])
def test_nothing_without_a_good_signature_runs(
    where: str, desk: Desk, run_worker: RunWorker
) -> None:
    raws = list((attacks(desk) | packed()).values())
    worker = run_worker()
    desk.reaches(desk.enqueue("note", "good"), "completed")
    put(desk, where, among_good_ones(desk, raws))
    wait_until(lambda: len(desk.dead()) == len(raws), f"{len(raws)} dead jobs")
    desk.reaches(desk.enqueue("note", "good"), "completed")
    assert desk.journal() == ["good", "good"]
    assert all(dead_job.error for dead_job in desk.dead())
    assert worker.process.poll() is None
    assert worker.stop() == 0


@pytest.mark.parametrize("version", [V1, V2])
def test_every_change_of_a_signature_is_noticed(version: Any) -> None:
    job = Job("j", "shop", "send", (1,))
    raw = seal(job, KEYRING, version)
    assert unseal(raw, KEYRING) == job
    envelope = json.loads(raw)
    signature = bytes.fromhex(envelope["sig"])
    changed = [
        (int.from_bytes(signature) ^ 1 << bit).to_bytes(len(signature)).hex()
        for bit in range(8 * len(signature))
    ]
    changed += [envelope["sig"][:length] for length in range(0, 64, 2)]
    for other in changed:
        with pytest.raises(EnvelopeError):
            unseal(json.dumps(envelope | {"sig": other}).encode(), KEYRING)


def sources() -> list[tuple[Path, ast.Module]]:
    return [
        (path.relative_to(ROOT), ast.parse(path.read_text()))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    ]


UNPACKING = {
    *("pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "yaml"),
    *("zlib", "gzip", "bz2", "lzma", "zipfile", "tarfile", "zstandard", "brotli"),
}


def test_no_module_of_ours_can_unpickle_or_decompress() -> None:
    found = []
    for path, tree in sources():
        for node in ast.walk(tree):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                # exec, eval, compile and __import__ of a text: the last is how a task is found.
                called = node.func.id
                if called in {"eval", "exec", "compile"}:
                    found.append((str(path), called))
            found += [(str(path), name) for name in names if name.partition(".")[0] in UNPACKING]
    assert found == []


def test_signatures_are_compared_in_constant_time_only() -> None:
    """The time of a comparison that ends at the first difference shows an attacker how much is right."""
    computing = {
        str(path)
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import) and any(each.name == "hmac" for each in node.names)
    }
    assert computing == {"asok_core/jobs/keyring.py"}
    [keyring] = [tree for path, tree in sources() if str(path) in computing]
    compared = [ast.unparse(node) for node in ast.walk(keyring) if isinstance(node, ast.Compare)]
    assert compared == []
    called = [ast.unparse(node.func) for node in ast.walk(keyring) if isinstance(node, ast.Call)]
    assert called.count("hmac.compare_digest") == 1, "one function verifies"


CONFUSABLE = (
    *("nоte", "ｎote", "noté", "note\u200b", "note\u00ad", "NOTE", "note ", " note", "note\0"),
    *("__import__", "__builtins__", "__class__", "__doc__", "__loader__", "__dict__"),
    *("os.system", "sys.exit", "note.__globals__", "note.__call__", "Path.write_text"),
    *("note()", "note;note", "lambda: 0", "", "*", "1", "note\n", "../note", "note/note"),
)  # fmt: skip
MODULES = (
    *("tests.worker.jоbs", "tests.worker.ｊobs", "tests.worker.jobs\u200b", "tests.worker.jobs "),
    *(" tests.worker.jobs", "tests/worker/jobs", "./tests/worker/jobs.py", "tests.worker.jobs\0"),
    *("tests.worker.jobs.note", ".jobs", "tests.worker.jobs.__builtins__", "Tests.worker.jobs"),
    *("tests..worker.jobs", "tests.worker.jobs.", "", "__main__", "builtins", "os"),
    *("tests.worker.jobs:note", "tests.worker.jobs\n", "\u202etests.worker.jobs"),
)  # fmt: skip


@pytest.mark.parametrize(("module", "function"), [
    *((TASKS, function) for function in CONFUSABLE),
    *((module, "note") for module in MODULES),
], ids=ascii)  # fmt: skip
def test_a_name_that_only_looks_like_a_task_leads_nowhere(module: str, function: str) -> None:
    with pytest.raises(TaskNotFound):
        resolve(module, function)


def test_no_signed_job_with_such_a_name_runs(desk: Desk, run_worker: RunWorker) -> None:
    named = [(TASKS, function) for function in CONFUSABLE] + [(each, "note") for each in MODULES]
    worker = run_worker()
    desk.reaches(desk.enqueue("note", "good"), "completed")
    raws = [
        foreign_envelope(Job(f"id-{number}", module, function, (f"attack {number}",)))
        for number, (module, function) in enumerate(named)
    ]
    put(desk, "pending", among_good_ones(desk, raws))
    wait_until(lambda: len(desk.dead()) == len(named), f"{len(named)} dead jobs")
    desk.reaches(desk.enqueue("note", "good"), "completed")
    assert desk.journal() == ["good", "good"]
    assert worker.stop() == 0
