"""The console in a terminal: tmux, signals, and streams that are not a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from asok_core.jobs.envelope import dead_entry, seal
from tests.conftest import SECRET_KEY
from tests.tui import seed
from tests.tui.seed import KEYS
from tests.tui.terminal import CONSOLE, TmuxTerminal

pytestmark = pytest.mark.tmux


def test_by_keys_alone_from_the_queue_that_hurts_to_a_clean_list(
    redis_client: redis.Redis, terminal: TmuxTerminal
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 5))
    terminal.sees("5 dead")
    terminal.press("6")
    terminal.sees("1 of 5")
    terminal.press("j", "Enter")
    terminal.sees("ConnectionError: smtp.example.org")
    terminal.press("r")
    terminal.sees("Requeue 1 dead job?")
    terminal.press("Tab", "Enter")
    terminal.sees("Requeued 1 job")
    assert redis_client.llen(KEYS.queue("high")) == 1
    terminal.press("Escape")
    terminal.sees("of 4   oldest")
    terminal.press("D")
    terminal.sees("Purge 4 dead jobs?")
    terminal.type_word("purge")
    terminal.sees("Purged 4 jobs")
    assert redis_client.llen(KEYS.dead) == 0
    terminal.press("q")
    assert terminal.exit_status() == 0


@pytest.mark.parametrize(("signal", "status"), [("TERM", 143), ("HUP", 129)])
def test_a_signal_ends_it_and_leaves_the_terminal_whole(
    terminal: TmuxTerminal, signal: str, status: int
) -> None:
    terminal.sees("0 pending")
    assert terminal.format("#{alternate_on} #{mouse_any_flag}") == "1 1"
    subprocess.run(["kill", f"-{signal}", str(terminal.child())], check=True)
    assert terminal.exit_status() == status
    assert terminal.format("#{alternate_on} #{mouse_any_flag}") == "0 0"


def test_hostile_text_changes_nothing_of_the_terminal(
    redis_client: redis.Redis, terminal: TmuxTerminal
) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x1b]52;c;ZXZpbA==\x07\x9b31m\u202e[/red][@click=app.quit]x[/]"
    job = seed.job(1, evil[:40], retries=0)
    dead_job = dead_entry(
        seal(replace(job, module=evil, args=(evil,)), seed.KEYRING),
        failed_at=seed.server_time(redis_client) - 5,
        error=f"Error: {evil}",
        traceback=evil * 3,
    )
    redis_client.rpush(KEYS.dead, dead_job)
    redis_client.sadd(KEYS.queues, evil)
    redis_client.lpush(KEYS.queue(evil), b"\xff\xfe" + evil.encode("utf-8", "replace"))
    terminal.sees("1 dead")
    terminal.press("6")
    terminal.sees("1 of 1")
    terminal.press("Enter")
    terminal.sees("signed with our key")
    terminal.press("Escape")
    terminal.sees("6Dead")
    terminal.press("2")
    terminal.sees("it is not UTF-8")
    assert terminal.format("#{pane_title}") != "owned"
    assert "owned" not in terminal.tmux("list-buffers")
    terminal.press("q")
    assert terminal.exit_status() == 0


@pytest.mark.parametrize(
    ("environment", "reported"),
    [
        ({"ASOK_QUEUE_BACKEND": "local"}, "try asok console --demo"),
        ({"ASOK_QUEUE_BACKEND": "redis", "SECRET_KEY": SECRET_KEY}, "needs a terminal"),
    ],
)
def test_where_it_cannot_open_it_says_so_in_one_line(
    environment: dict[str, str], reported: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "asok_console", "console"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=os.environ | environment,
        cwd=tmp_path,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert reported in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_redis_out_of_reach_is_exit_code_3(tmp_path: Path) -> None:
    script = TmuxTerminal(
        f"{CONSOLE} --url redis://127.0.0.1:1",
        tmp_path,
        (100, 24),
        {"HOME": str(tmp_path)},
    )
    try:
        assert script.exit_status() == 3
        assert "cannot reach Redis" in script.screen()
    finally:
        script.close()


def test_a_dumb_terminal_is_informed(redis_url: str, tmp_path: Path) -> None:
    script = TmuxTerminal(
        f"TERM=dumb {CONSOLE} --url {redis_url}",
        tmp_path,
        (100, 24),
        {"HOME": str(tmp_path)},
    )
    try:
        assert script.exit_status() == 2
        assert "TERM=dumb" in script.screen()
    finally:
        script.close()


def test_a_terminal_of_another_encoding_is_one_line(redis_url: str, tmp_path: Path) -> None:
    script = TmuxTerminal(
        f"PYTHONIOENCODING=latin-1 {CONSOLE} --url {redis_url}",
        tmp_path,
        (120, 24),
        {"HOME": str(tmp_path)},
    )
    try:
        assert script.exit_status() == 2
        assert "encoding is iso8859-1, and the console draws in UTF-8" in script.screen()
    finally:
        script.close()
