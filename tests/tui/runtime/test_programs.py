"""A pager and an editor that take over the console's terminal: real programs, in tmux."""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import redis

from tests.fixtures.console import OpenTerminal, variables_of
from tests.programs import wait_until
from tests.tui.screens.test_job_page import dead_job, die
from tests.tui.seed import KEYS
from tests.tui.terminal import CONSOLE, TmuxTerminal

pytestmark = pytest.mark.tmux

Page = Callable[..., TmuxTerminal]


@pytest.fixture
def page(redis_client: redis.Redis, open_terminal: OpenTerminal, tmp_path: Path) -> Page:
    """The page of a dead job in a terminal, with some variables of the environment."""
    die(redis_client, dead_job(1, "Grüße 日本", 4711))
    (tmp_path / "tmp").mkdir()

    def opened(
        words: str = "", recording: Path | None = None, **variables: str | None
    ) -> TmuxTerminal:
        settings = {"TMPDIR": str(tmp_path / "tmp"), "EDITOR": "", "VISUAL": "", "PAGER": ""}
        given = {name: value for name, value in (settings | variables).items() if value is not None}
        terminal = open_terminal(words, size=(100, 40), recording=recording, **given)
        terminal.sees("1 dead")
        terminal.press("6")
        terminal.sees("1 of 1")
        terminal.press("Enter")
        terminal.sees("signed with our key", "─ Traceback ─")
        return terminal

    return opened


@pytest.fixture
def left(tmp_path: Path) -> Callable[[], list[str]]:
    """What is left in the folder for temporary files."""
    return lambda: [each.name for each in (tmp_path / "tmp").iterdir()]


def script(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def warned(terminal: TmuxTerminal, *parts: str) -> str:
    """Wait until all parts are in the notification; returns its text."""
    text = ""

    def there() -> bool:
        nonlocal text
        lines = [line.partition("▌")[2] for line in terminal.screen().splitlines() if "▌" in line]
        text = " ".join(" ".join(lines).split())
        return all(part in text for part in parts)

    wait_until(there, f"{parts} in a notification")
    return text


def queued(client: redis.Redis) -> list[object]:
    (raw,) = client.lrange(KEYS.queue("default"), 0, -1)
    args: list[object] = json.loads(json.loads(raw)["job"])["args"]
    return args


def test_what_an_editor_saved_is_shown_as_a_diff_and_requeued(
    redis_client: redis.Redis, page: Page, left: Callable[[], list[str]], tmp_path: Path
) -> None:
    kept = shlex.quote(str(tmp_path / "seen.json"))
    editor = script(tmp_path, "editor", f'cp -p "$2" {kept}; cp "$2" "$2~"; sed -i "$1" "$2"')
    terminal = page(EDITOR=f"{editor} s/4711/4712/")
    terminal.press("o")
    terminal.sees(
        "Requeue 1 dead job with changed arguments?", "-    4711", "+    4712", "Grüße 日本"
    )
    # The file was its owner's alone, and held text as text.
    seen = tmp_path / "seen.json"
    assert stat.S_IMODE(seen.stat().st_mode) == 0o600
    assert json.loads(seen.read_text())["args"] == ["Grüße 日本", 4711]
    assert "Grüße 日本" in seen.read_text()
    assert left() == []
    terminal.press("Tab", "Enter")
    terminal.sees("Requeued 1 job")
    assert queued(redis_client) == ["Grüße 日本", 4712]


def test_an_editor_on_the_whole_screen_is_worked_in_by_keys(
    redis_client: redis.Redis, page: Page, left: Callable[[], list[str]]
) -> None:
    terminal = page(VISUAL="vi -u NONE", EDITOR="false")
    terminal.press("o")
    terminal.sees('"args": [', "arguments.json")
    terminal.type(":%s/4711/4713/")
    terminal.press("Enter")
    terminal.sees("4713")
    terminal.type(":wq")
    terminal.press("Enter")
    terminal.sees("Requeue 1 dead job with changed arguments?", "+    4713")
    assert left() == []
    # Back from the question leads to what was typed, and from there to the page.
    terminal.press("Escape")
    terminal.sees("✓ valid, changed", "4713")
    terminal.press("Escape")
    terminal.sees("signed with our key", "Root cause")
    terminal.press("q", "q")
    assert terminal.exit_status() == 0
    assert terminal.format("#{alternate_on} #{mouse_any_flag}") == "0 0"


@pytest.mark.parametrize(
    ("editor", "reported"),
    [
        ("no-such-editor -x", ("EDITOR is 'no-such-editor -x'", "was not found on the PATH")),
        ("false", ("EDITOR (false) failed with exit code 1", "nothing was changed")),
        ('vi "', ("EDITOR is 'vi \"', which is not a command line", "No closing quotation")),
        ("rm", ("No such file or directory; nothing was changed",)),
        ("true", ("The arguments are as before.",)),
    ],
)
def test_an_editor_that_is_missing_or_fails_gives_one_line(
    page: Page, left: Callable[[], list[str]], editor: str, reported: tuple[str, ...]
) -> None:
    terminal = page(EDITOR=editor)
    terminal.press("o")
    warned(terminal, *reported)
    terminal.sees("signed with our key")
    assert left() == []
    terminal.press("q", "q")
    assert terminal.exit_status() == 0


def test_what_was_typed_wrong_is_put_right_in_the_dialog_and_there_in_the_editor_again(
    redis_client: redis.Redis, page: Page, left: Callable[[], list[str]], tmp_path: Path
) -> None:
    # First it breaks the text, then it puts it right.
    editor = script(tmp_path, "editor", 'if grep -q 4711 "$1"; then sed -i s/4711,*/4714,/ "$1"; '
                    'else sed -i s/4714,/4714/ "$1"; fi')  # fmt: skip
    terminal = page(EDITOR=editor)
    terminal.press("o")
    terminal.sees("✗ line", "4714,", "Grüße 日本")
    assert redis_client.llen(KEYS.dead) == 1
    terminal.press("C-o")
    terminal.sees("✓ valid, changed")
    terminal.press("C-s")
    terminal.sees("Requeue 1 dead job with changed arguments?", "+    4714")
    assert left() == []


def test_the_arguments_of_what_cannot_be_edited_are_only_looked_at(
    redis_client: redis.Redis, page: Page, tmp_path: Path
) -> None:
    editor = script(tmp_path, "editor", f'cp "$1" {tmp_path}/seen; sed -i s/4711/4712/ "$1"')
    terminal = page("--read-only", EDITOR=editor)
    terminal.press("o")
    warned(terminal, "Nothing was changed: only the arguments of a dead job", "are kept in")
    assert "4711" in (tmp_path / "seen").read_text()
    assert redis_client.llen(KEYS.dead) == 1


def test_a_traceback_is_read_in_the_pager_and_the_console_comes_back(page: Page) -> None:
    terminal = page(PAGER="less", LESS="FR")
    terminal.press("|")
    # It stays although the text fits on the screen, and the option F is set.
    terminal.sees("The above exception was the direct cause", "(END)")
    assert "Queue" not in terminal.screen()
    terminal.press("q")
    terminal.sees("Queue", "Root cause")
    terminal.press("q", "q")
    assert terminal.exit_status() == 0


@pytest.mark.parametrize(
    ("pager", "reported"),
    [
        ("no-such-pager", "PAGER is 'no-such-pager'"),
        ("false", "PAGER (false) failed with exit code 1"),
        ("cat", "── Traceback ("),
    ],
)
def test_a_pager_that_is_missing_fails_or_pages_nothing(
    page: Page, pager: str, reported: str
) -> None:
    terminal = page(PAGER=pager)
    terminal.press("|")
    terminal.sees(reported)
    terminal.press("q")
    terminal.sees("1 of 1")


def test_hostile_text_reaches_no_pager(
    redis_client: redis.Redis, open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202e"
    die(redis_client, dead_job(1), traceback=f"Traceback (most recent call last):\n  x\nE: {evil}")
    pager = script(tmp_path, "pager", f"cat > {tmp_path}/seen")
    terminal = open_terminal("--view dead", size=(100, 40), PAGER=pager)
    terminal.sees("1 of 1")
    terminal.press("Enter")
    terminal.sees("signed with our key")
    terminal.press("|")
    wait_until(lambda: (tmp_path / "seen").exists() and (tmp_path / "seen").read_text(), "the text")
    text = (tmp_path / "seen").read_text()
    assert "␛]0;owned" in text
    assert not set("\x1b\x07\u202e") & set(text)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_editor_and_the_console_and_leaves_no_file(
    page: Page, left: Callable[[], list[str]], number: int, status: int
) -> None:
    terminal = page(EDITOR="vi -u NONE")
    terminal.press("o")
    terminal.sees('"args": [', "arguments.json")
    os.kill(terminal.child(), number)
    assert terminal.exit_status() == status
    assert left() == []
    assert terminal.format("#{alternate_on} #{mouse_any_flag}") == "0 0"


@pytest.mark.parametrize("how", ["changed", "gone"])
def test_an_edit_of_a_job_that_changed_meanwhile_is_refused_and_kept(
    redis_client: redis.Redis, page: Page, left: Callable[[], list[str]], tmp_path: Path, how: str
) -> None:
    go, began = tmp_path / "go", tmp_path / "began"
    editor = script(
        tmp_path,
        "editor",
        f'touch {began}; until [ -e {go} ]; do sleep 0.05; done; sed -i s/4711/4712/ "$1"',
    )
    terminal = page(EDITOR=editor)
    terminal.press("o")
    wait_until(began.exists, "the editor")
    redis_client.delete(KEYS.dead)
    if how == "changed":
        die(redis_client, dead_job(1, "another", 1))
    before = redis_client.lrange(KEYS.dead, 0, -1)
    go.touch()
    terminal.sees("Requeue 1 dead job with changed arguments?", "+    4712")
    terminal.press("Tab", "Enter")
    warned(terminal, "The job was not requeued", "are kept in")
    assert redis_client.lrange(KEYS.dead, 0, -1) == before
    assert not redis_client.exists(KEYS.queue("default"))
    (directory,) = left()
    kept = tmp_path / "tmp" / directory
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    (file,) = kept.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["args"] == ["Grüße 日本", 4712]
    # The name is on the screen again after the end, where it can be copied.
    terminal.press("C-c")
    assert terminal.exit_status() == 0
    assert str(file) in "".join(terminal.screen().split())


def test_what_an_editor_saved_before_it_failed_is_kept_and_named(
    redis_client: redis.Redis, page: Page, left: Callable[[], list[str]], tmp_path: Path
) -> None:
    editor = script(tmp_path, "editor", 'sed -i s/4711/4712/ "$1"; exit 3')
    terminal = page(EDITOR=editor)
    terminal.press("o")
    warned(terminal, "failed with exit code 3; nothing was changed; what was written is kept in")
    (directory,) = left()
    assert "4712" in (tmp_path / "tmp" / directory / "arguments.json").read_text()
    assert redis_client.llen(KEYS.dead) == 1


def test_what_was_typed_when_a_signal_came_is_kept_and_named(
    page: Page, left: Callable[[], list[str]], tmp_path: Path
) -> None:
    terminal = page(EDITOR="vi -u NONE")
    terminal.press("o")
    terminal.sees('"args": [', "arguments.json")
    terminal.type("Ounsaved words")
    terminal.press("Escape")
    terminal.sees("unsaved words")
    os.kill(terminal.child(), signal.SIGTERM)
    assert terminal.exit_status() == 143
    (directory,) = left()
    assert stat.S_IMODE((tmp_path / "tmp" / directory).stat().st_mode) == 0o700
    assert any(
        b"unsaved words" in each.read_bytes() for each in (tmp_path / "tmp" / directory).iterdir()
    )
    assert directory in "".join(terminal.screen().split())
    assert terminal.format("#{alternate_on} #{mouse_any_flag}") == "0 0"


def test_hidden_values_reach_neither_the_editor_nor_the_pager_and_are_not_overwritten(
    redis_client: redis.Redis, page: Page, tmp_path: Path
) -> None:
    secret = "4111-1111-1111"
    redis_client.delete(KEYS.dead)
    trace = f'Traceback (most recent call last):\n  File "x", line 3, in pay\nValueError: {secret}'
    die(redis_client, dead_job(2, amount=4711, card=secret), traceback=trace)
    editor = script(tmp_path, "editor", f'cp "$1" {tmp_path}/edited; sed -i s/4711/4712/ "$1"')
    pager = script(
        tmp_path, "pager", f"cat > {tmp_path}/paged.tmp; mv {tmp_path}/paged.tmp {tmp_path}/paged"
    )
    terminal = page(EDITOR=editor, PAGER=pager, ASOK_REDACT="card")
    terminal.press("|")
    wait_until((tmp_path / "paged").exists, "the text in the pager")
    assert "ValueError" in (tmp_path / "paged").read_text()
    assert secret not in (tmp_path / "paged").read_text()
    terminal.sees("signed with our key")
    terminal.press("o")
    assert secret not in terminal.sees("Requeue 1 dead job with changed arguments?", "+", "4712")
    assert secret not in (tmp_path / "edited").read_text()
    terminal.press("Tab", "Enter")
    terminal.sees("Requeued 1 job")
    (raw,) = redis_client.lrange(KEYS.queue("default"), 0, -1)
    assert json.loads(json.loads(raw)["job"])["kwargs"] == {"amount": 4712, "card": secret}


def test_ctrl_z_in_the_editor_leads_to_the_shell_and_fg_back_to_the_editor(
    redis_client: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    die(redis_client, dead_job(1, 4711))
    environment = variables_of(redis_url, tmp_path, VISUAL="vi -u NONE", PS1="shell$ ")
    with closing(
        TmuxTerminal("bash --norc --noprofile -i", tmp_path, (100, 30), environment)
    ) as terminal:
        terminal.sees("bash")
        terminal.type(f"{CONSOLE} --view dead\n")
        terminal.sees("1 of 1", "● live")
        terminal.press("Enter")
        terminal.sees("signed with our key")
        terminal.press("o")
        terminal.sees('"args": [', "arguments.json")
        terminal.press("C-z")
        terminal.sees("Stopped")
        terminal.type("fg\n")
        terminal.sees('"args": [')
        terminal.type(":q")
        terminal.press("Enter")
        terminal.sees("signed with our key", "Root cause", "● live")


def test_nothing_is_read_or_drawn_while_an_editor_has_the_terminal(
    redis_client: redis.Redis, page: Page
) -> None:
    terminal = page("--interval 0.5s", EDITOR="vi -u NONE")
    terminal.press("o")
    terminal.sees('"args": [', "arguments.json")

    def resting() -> bool:
        me = redis_client.client_id()
        others = [each for each in redis_client.client_list() if int(each["id"]) != me]
        return all(int(each["idle"]) >= 3 for each in others)

    wait_until(resting, "no command of the console for six of its intervals")
    assert "Asok" not in terminal.screen()
    terminal.type(":q")
    terminal.press("Enter")
    terminal.sees("signed with our key", "● live")


def test_hostile_text_sends_no_sequence_through_less_whatever_its_options(
    redis_client: redis.Redis, page: Page, tmp_path: Path
) -> None:
    redis_client.delete(KEYS.dead)
    evil = "\x1b]0;owned\x07\x1b[31mred\x9b2J"
    die(
        redis_client,
        dead_job(1, evil),
        traceback=f"Traceback (most recent call last):\n  x\nE: {evil}",
    )
    recording = tmp_path / "recording"
    terminal = page(
        PAGER="less", LESS="-r", LESSOPEN="|-cat %s", EDITOR="vi -u NONE", recording=recording
    )
    terminal.press("|")
    terminal.sees("␛]0;owned", "(END)")
    terminal.press("q")
    terminal.sees("signed with our key")
    terminal.press("o")
    terminal.sees(r"\u001b]0;owned", "arguments.json")
    sent = recording.read_bytes()
    assert b"\x1b]0;owned" not in sent
    assert b"\x1b[31mred" not in sent
    assert "\x9b".encode() not in sent


def test_arguments_that_are_nested_too_deep_are_not_opened(
    redis_client: redis.Redis, page: Page
) -> None:
    deep: object = 4711
    for _ in range(110):
        deep = [deep]
    redis_client.delete(KEYS.dead)
    die(redis_client, dead_job(1, deep))
    terminal = page(EDITOR="vi -u NONE")
    terminal.press("o")
    warned(terminal, "Cannot edit: its arguments are nested more than 100 levels deep.")


def test_without_variables_less_and_vi_are_used_if_they_are_there(
    redis_client: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    die(redis_client, dead_job(1, 4711))
    environment = variables_of(redis_url, tmp_path)
    (tmp_path / "bin").mkdir()
    # A login shell of tmux sets PATH by itself, so that it is given behind it.
    command = f"env -u PAGER -u EDITOR -u VISUAL PATH={tmp_path}/bin {CONSOLE} --view dead"
    with closing(TmuxTerminal(command, tmp_path, (100, 40), environment)) as terminal:
        terminal.sees("1 of 1", "● live")
        terminal.press("Enter")
        terminal.sees("signed with our key", "─ Traceback ─")
        terminal.press("|")
        terminal.sees("── Traceback (")
        terminal.press("q")
        terminal.sees("─ Traceback ─")
        terminal.press("o")
        warned(terminal, "EDITOR is not set and vi and nano are not on the PATH; set EDITOR")
        script(tmp_path / "bin", "vi", f"echo vi > {tmp_path}/used")
        script(tmp_path / "bin", "less", f"echo less > {tmp_path}/paged")
        terminal.press("|")
        wait_until((tmp_path / "paged").exists, "less")
        terminal.sees("signed with our key")
        terminal.press("o")
        wait_until((tmp_path / "used").exists, "vi")
