"""Consoles as processes: killed in the middle, two at once, on a Redis with a password."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from tests.conftest import SECRET_KEY
from tests.connections import connections, wait_until_closed
from tests.fixtures.console import OpenTerminal
from tests.programs import wait_until
from tests.servers import tcp_url
from tests.tui import seed
from tests.tui.actions.test_safety import ids
from tests.tui.seed import KEYS
from tests.tui.terminal import CONSOLE, TmuxTerminal

pytestmark = pytest.mark.tmux

BULK = 15_000
QUEUES = ("default", "high", "low")


def requeued(client: Any) -> int:
    """How many jobs are back in their queues."""
    return sum(client.llen(KEYS.queue(name)) for name in QUEUES)


def audit(client: Any) -> list[dict[bytes, bytes]]:
    """The entries of the audit, the newest first."""
    return [fields for _, fields in client.xrevrange(KEYS.audit)]


def all_ids(client: redis.Redis) -> list[str]:
    """Every job there is, dead or back in its queue."""
    return ids(client, KEYS.dead, *(KEYS.queue(name) for name in QUEUES))


def test_a_console_that_is_killed_in_the_middle_loses_and_doubles_nothing(
    redis_client: redis.Redis, open_terminal: OpenTerminal
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), BULK))
    every = all_ids(redis_client)
    before = connections(redis_client)
    terminal = open_terminal("--view dlq", size=(110, 30))
    terminal.sees("1 of 15,000")
    terminal.press("R")
    terminal.sees("Requeue 15,000 dead jobs?")
    terminal.press("Tab", "Enter")
    terminal.sees("Press Y to confirm.")
    console = terminal.child()
    terminal.press("Y")
    wait_until(lambda: requeued(redis_client), terminal.screen, interval=0.001)
    os.kill(console, signal.SIGKILL)
    assert terminal.exit_status() == 128 + signal.SIGKILL
    wait_until_closed(redis_client, but=before)
    done = requeued(redis_client)
    assert 0 < done < BULK
    assert all_ids(redis_client) == every
    (entry,) = audit(redis_client)
    assert entry[b"state"] == b"running"
    assert int(entry[b"applied"]) == done

    again = open_terminal("--view activity", size=(110, 30))
    again.sees("▶ unfinished")
    again.press("6")
    again.sees(f"1 of {BULK - done:,}")
    again.press("R")
    again.sees(f"Requeue {BULK - done:,} dead jobs?")
    again.press("Tab", "Enter")
    again.sees("Press Y to confirm.")
    again.press("Y")
    again.sees(f"Requeued {BULK - done:,} jobs")
    assert redis_client.llen(KEYS.dead) == 0
    assert all_ids(redis_client) == every


def test_two_consoles_at_once_requeue_every_dead_job_once(
    redis_client: redis.Redis, open_terminal: OpenTerminal
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 4000))
    every = all_ids(redis_client)
    both = [open_terminal("--view dlq", size=(110, 30)) for _ in range(2)]
    for terminal in both:
        terminal.sees("1 of 4,000")
        terminal.press("R")
        terminal.sees("Requeue 4,000 dead jobs?")
        terminal.press("Tab")
    for terminal in both:
        terminal.press("Enter")
        terminal.sees("Press Y to confirm.")
    for terminal in both:
        terminal.press("Y")
    for terminal in both:
        terminal.sees("Requeued ")
        terminal.sees("No dead jobs.")
    assert all_ids(redis_client) == every
    assert redis_client.llen(KEYS.dead) == 0
    entries = audit(redis_client)
    assert [entry[b"state"] for entry in entries] == [b"done", b"done"]
    assert sum(int(entry[b"applied"]) for entry in entries) == 4000
    skipped = sum(int(entry.get(b"skipped:no longer there", 0)) for entry in entries)
    assert skipped == 4000


def test_a_read_only_console_has_no_way_to_act(
    redis_client: redis.Redis, open_terminal: OpenTerminal
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 5))
    terminal = open_terminal("--read-only --view dlq")
    screen = terminal.sees("READ-ONLY", "1 of 5")
    assert "requeue" not in screen.splitlines()[-1]
    terminal.press("r", "R", "d", "D", "T", "C")
    terminal.press("?")
    screen = terminal.sees("This session is read-only.")
    assert "requeue" not in screen
    names = {client["name"] for client in redis_client.client_list()}
    assert any(name.startswith("asok-reader") for name in names), names
    assert not any(name.startswith("asok-operator") for name in names), names
    assert redis_client.llen(KEYS.dead) == 5


def test_a_password_is_never_shown(
    embedded_redis: Callable[..., EmbeddedRedis], tmp_path: Path
) -> None:
    server = embedded_redis("--requirepass", "hunter2secret", port=0)
    url = tcp_url(server).replace("redis://", "redis://:hunter2secret@")
    recording = tmp_path / "written"
    terminal = TmuxTerminal(
        f"{CONSOLE} --url {url}",
        tmp_path,
        (120, 30),
        {"SECRET_KEY": SECRET_KEY, "HOME": str(tmp_path)},
        recording=recording,
    )
    try:
        terminal.sees("0 pending", "redis://")
        server.stop()
        terminal.sees("cannot reach Redis")
        terminal.press("7", "?")
        terminal.press("C-c")
        assert terminal.exit_status() == 0, terminal.screen()
        written = recording.read_text()
        assert f"127.0.0.1:{server.port}" in written
        assert "hunter2" not in written
        assert SECRET_KEY not in written
    finally:
        terminal.close()
