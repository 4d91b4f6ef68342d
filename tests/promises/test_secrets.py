"""The SECRET_KEY and the password of Redis are where they have to be, and nowhere else."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.settings.settings import Settings
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import Desk, Starter
from tests.programs import family, wait_until
from tests.servers import tcp_url
from tests.tui.terminal import CONSOLE, TmuxTerminal

KEY = "k3y-of-the-test-of-secrets-" + "5e7b220d" * 4
FALLBACK = "f4llb4ck-of-the-test-of-secrets-" + "9c1e44aa" * 4
PASSWORD = "p4ss-of-the-test-of-secrets"
SECRETS = (KEY, FALLBACK, PASSWORD)


@pytest.fixture
def guarded(embedded_redis: Callable[..., EmbeddedRedis], tmp_path: Path) -> Desk:
    """A desk on a Redis that asks for a password."""
    server = embedded_redis("--requirepass", PASSWORD, port=0)
    url = tcp_url(server).replace("redis://", f"redis://:{PASSWORD}@")
    settings = Settings.load(
        {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": url,
            "SECRET_KEY": KEY,
            "SECRET_KEY_FALLBACKS": FALLBACK,
        }
    )
    return Desk(settings, redis.Redis.from_url(url), RedisProducer(settings), tmp_path)


def environment_of(desk: Desk) -> dict[str, object]:
    return {
        "ASOK_REDIS_URL": desk.settings.redis_url,
        "SECRET_KEY": KEY,
        "SECRET_KEY_FALLBACKS": FALLBACK,
    }


def nowhere_in(text: str | bytes, what: object) -> None:
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    for secret in SECRETS:
        assert secret not in shown, what
        assert secret[:16] not in shown, what


def command_lines(pids: list[int]) -> str:
    return " ".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in pids)


def everything_in(client: Any) -> bytes:
    """Every key and what it holds, as Redis stores it (DUMP would compress it)."""
    found = []
    for name in client.scan_iter(count=1000):
        found.append(name)
        kind = client.type(name)
        if kind == b"string":
            found.append(client.get(name))
        elif kind == b"hash":
            found += [part for pair in client.hgetall(name).items() for part in pair]
        elif kind == b"list":
            found += client.lrange(name, 0, -1)
        elif kind == b"set":
            found += client.smembers(name)
        elif kind == b"zset":
            found += client.zrange(name, 0, -1)
        else:
            found.append(repr(client.xrange(name)).encode())
    return b"\n".join(found)


def test_a_worker_reports_no_secret(guarded: Desk, tmp_path: Path) -> None:
    """Not by its processes, clients, log at its most talkative, stacks, crashes and keys in Redis."""
    desk = guarded
    starter = Starter(desk.settings.redis_url, tmp_path)
    worker = starter.start((), ("--log-level", "debug", "--log-arguments"), environment_of(desk))
    try:
        desk.reaches(desk.enqueue("give", 1), "completed")
        desk.enqueue("hold", "door")
        desk.wait_for_lines("begin door")
        pids = family(worker.name)
        assert len(pids) >= 2
        nowhere_in(command_lines(pids), "command lines")
        clients = [
            {name: each[name] for name in ("name", "user", "cmd", "addr")}
            for each in desk.client.client_list()
        ]
        assert any("asok" in each["name"] for each in clients)
        nowhere_in(json.dumps(clients), "clients")
        # Stacks of every thread, and a process that is killed while it runs a job.
        worker.signal(signal.SIGUSR1)
        worker.wait_for_log("Stacks of process")
        os.kill(worker.only_process(), signal.SIGSEGV)
        desk.release("door")
        desk.reaches(desk.enqueue("give", 2), "completed")
        # One that Redis does not let in.
        url = desk.settings.redis_url.replace(PASSWORD, PASSWORD + "x")
        wrong = environment_of(desk) | {"ASOK_REDIS_URL": url}
        refused = starter.start((), ("--log-level", "debug"), wrong)
        refused.wait_for_log("refuses the user or password")
        refused.signal(signal.SIGTERM)
        refused.ends()
        nowhere_in(refused.log, "the log of a worker that was refused")
        nowhere_in(everything_in(desk.client), "keys of Redis")
        assert worker.stop() == 0
        nowhere_in(worker.log, "the log")
    finally:
        for each in starter.workers:
            each.kill()


@pytest.mark.parametrize("fault", ["wrong password", "no listener", "no host", "unknown option"])
@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["plain", "debug"])
def test_no_error_of_a_command_has_a_secret(
    fault: str,
    debug: tuple[str, ...],
    guarded: Desk,
    asok: Callable[..., Ran],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = guarded.settings.redis_url
    broken = {
        "wrong password": url.replace(PASSWORD, PASSWORD + "x"),
        "no listener": f"redis://me:{PASSWORD}@127.0.0.1:1/0",
        "no host": f"redis://me:{PASSWORD}@no-such-host.invalid:6379/0",
        "unknown option": f"{url}?passwd={PASSWORD}&colour=red",
    }[fault]
    monkeypatch.setenv("SECRET_KEY", KEY)
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", FALLBACK)
    for given in ((), ("--url", broken)):
        monkeypatch.setenv("ASOK_REDIS_URL", url if given else broken)
        ran = asok("queue", "list", *given, *debug)
        assert ran.code in {1, 2, 3}, ran
        nowhere_in(ran.out + ran.err, ran)


def test_a_console_shows_and_leaves_no_secret(guarded: Desk, tmp_path: Path) -> None:
    recording = tmp_path / "written"
    env = {name: str(value) for name, value in environment_of(guarded).items()}
    terminal = TmuxTerminal(
        CONSOLE,
        tmp_path,
        (120, 40),
        env | {"ASOK_QUEUE_BACKEND": "redis", "HOME": str(tmp_path)},
        recording=recording,
    )
    try:
        for view in "1234567":
            terminal.press(view)
        terminal.press("?")
        terminal.sees("Esc")
        names = [each["name"] for each in guarded.client.client_list()]
        assert any(name.startswith("asok-") for name in names), names
        nowhere_in(json.dumps(names), "clients")
    finally:
        terminal.close()
    wait_until(recording.exists, "what was written")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            nowhere_in(path.read_bytes(), path)
