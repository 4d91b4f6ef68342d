"""Settings that the next console finds again, and a terminal that is left and come back to."""

from __future__ import annotations

import json
import re
import stat
from contextlib import closing
from pathlib import Path

import pytest
import redis

from asok_console.tui.data.preferences import Preferences, recall, remember, state_file
from tests.conftest import SECRET_KEY
from tests.fixtures.console import OpenTerminal
from tests.tui import seed
from tests.tui.terminal import CONSOLE, TmuxTerminal


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def test_what_is_remembered_is_recalled_and_nobody_elses_business(home: Path) -> None:
    assert recall() == Preferences(fresh=True)
    state = Preferences(2.5, "asok-light", "dead")
    remember(state)
    assert recall() == state
    assert state_file() == home / "asok" / "console.json"
    assert stat.S_IMODE(state_file().stat().st_mode) == 0o600
    assert [each.name for each in state_file().parent.iterdir()] == ["console.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 4000,
        b'{"interval": 1e99, "theme": "nord", "view": "desktop"}',
        b'{"interval": true, "theme": [], "view": {}}',
        b'{"interval": NaN, "theme": null, "view": 3}',
    ],
)
def test_a_broken_file_is_passed_over(home: Path, content: bytes) -> None:
    state_file().parent.mkdir()
    state_file().write_bytes(content)
    assert recall() == Preferences()


def test_where_nothing_can_be_kept_nothing_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "asok").write_text("a file where a folder should be")
    remember(Preferences(5.0))
    assert recall() == Preferences()
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(home))
    assert state_file() == home / ".local" / "state" / "asok" / "console.json"


@pytest.mark.tmux
def test_the_next_console_begins_where_the_last_one_ended(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    first = open_terminal()
    first.sees("0 pending")
    first.press("6", "t", "-")
    first.sees("refresh 2 s", "No dead jobs")
    first.press("q")
    assert first.exit_status() == 0
    kept = tmp_path / ".local" / "state" / "asok" / "console.json"
    assert json.loads(kept.read_text()) == {
        "interval": 2.0,
        "theme": "asok-light",
        "view": "dead",
    }
    open_terminal().sees("refresh 2 s", "No dead jobs")
    open_terminal("--view pending --interval 3s").sees(
        "refresh 3 s", "No pending jobs in this queue"
    )


@pytest.fixture
def environment(redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "ASOK_QUEUE_BACKEND": "redis",
        "ASOK_REDIS_URL": redis_url,
        "SECRET_KEY": SECRET_KEY,
        "HOME": str(tmp_path),
        "PS1": "shell$ ",
    }


@pytest.mark.tmux
def test_suspended_to_the_shell_and_back(environment: dict[str, str], tmp_path: Path) -> None:
    with closing(
        TmuxTerminal("bash --norc --noprofile -i", tmp_path, (100, 30), environment)
    ) as terminal:
        terminal.sees("bash")
        terminal.type(f"{CONSOLE}\n")
        terminal.sees("0 pending", "q quit")
        terminal.press("C-z")
        terminal.sees("Stopped")
        assert terminal.format("#{alternate_on} #{mouse_any_flag}") == "0 0"
        terminal.type("fg\n")
        terminal.sees("0 pending", "● live", "q quit")
        terminal.press("6")
        terminal.sees("No dead jobs")
        assert terminal.format("#{alternate_on}") == "1"


@pytest.mark.tmux
def test_without_colour_every_meaning_is_still_there(
    environment: dict[str, str], redis_client: redis.Redis, tmp_path: Path
) -> None:
    seed.shop(redis_client)
    env = environment | {"NO_COLOR": "1"}
    with closing(TmuxTerminal(CONSOLE, tmp_path, (120, 36), env)) as terminal:
        terminal.sees("● live", "❙❙ paused", "✗ no worker", "⚠ no worker claims jobs of reports")
        drawn = terminal.tmux("capture-pane", "-p", "-e")
        colours = re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", drawn)
        assert all(red == green == blue for red, green, blue in colours)
        assert not re.findall(r"\x1b\[(?:\d+;)*(?:3[1-6]|4[1-6]|9[1-6])[;m]", drawn)
