"""Hostile and broken data: none of it reaches the terminal raw, bends the layout or stops the refresh."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import redis
from textual.message import Message

from asok_console.tui.app import ConsoleApp
from asok_console.tui.data.poller import ReadFailed
from asok_console.tui.navigation import VIEWS
from asok_console.tui.screens.confirm import ConfirmationDialog
from asok_console.tui.screens.job import JobScreen
from tests.fixtures.console import Hand, Open, OpenTerminal, settled
from tests.hidden import hidden_in
from tests.tui import hostile

SIZE = (100, 30)


def looks_whole(hand: Hand) -> None:
    """The bars are where they belong, every line has the width, and nothing hidden is there."""
    strips = hand.app.screen._compositor.render_strips()
    assert [strip.cell_length for strip in strips] == [SIZE[0]] * SIZE[1]
    lines = hand.screen().split("\n")
    assert "◆ Asok" in lines[0], ascii(hand.screen())
    assert not hidden_in("".join(lines)), ascii(hand.screen())


async def look_everywhere(hand: Hand, dead_jobs: int = 1) -> None:
    """Open every view, what is under its cursor, and the question of an action."""
    app = hand.app
    failures: list[str] = []
    post = app.poller._post

    def listening(message: Message) -> object:
        if isinstance(message, ReadFailed):
            failures.append(message.line)
        return post(message)

    app.poller._post = listening
    for number, view in enumerate(VIEWS, 1):
        await hand.press(str(number))
        await hand.until(lambda: not hand.shows("Reading …"), "the rows")
        looks_whole(hand)
        for _ in range(dead_jobs if view.NAME == "dead" else view.NAME in LOCATIONS):
            await hand.press("enter")
            await settled(hand)
            looks_whole(hand)
            if isinstance(app.screen, JobScreen):
                await hand.press("escape")
            await hand.press("j", "j")
    await hand.press("6", "c", "y", "space", "r")
    await settled(hand)
    looks_whole(hand)
    if isinstance(app.screen, ConfirmationDialog):
        await hand.press("escape")
    await hand.press("v")
    await settled(hand)
    looks_whole(hand)
    assert app.snapshot is not None
    before = app.snapshot.taken_at
    await hand.until(lambda: app.snapshot and app.snapshot.taken_at > before, "another snapshot")
    assert not failures, ascii(hand.screen())


LOCATIONS = ("pending", "delayed", "jobs", "workers")


@pytest.mark.keeps_keys(r"(?s)asok:.*")
@pytest.mark.parametrize("name", hostile.GROUPS)
async def test_a_text_stays_a_text(
    redis_client: redis.Redis, open_console: Open, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    monkeypatch.setattr(ConsoleApp, "copy_to_clipboard", lambda _, text: copied.append(text))
    for text in hostile.GROUPS[name]:
        hostile.text_everywhere(redis_client, hostile.TEXTS[text])
    async with open_console(size=SIZE) as hand:
        await look_everywhere(hand, len(hostile.GROUPS[name]))
        assert hand.app.return_code is None
    assert len(copied) == 2
    assert not [text for text in copied if hidden_in(text.replace("\n", ""))]


@pytest.mark.keeps_keys(r"(?s)asok:.*")
@pytest.mark.parametrize("name", hostile.BROKEN)
async def test_data_that_is_invalid_is_shown_for_what_it_is(
    redis_client: redis.Redis, open_console: Open, name: str
) -> None:
    hostile.BROKEN[name](redis_client)
    async with open_console(size=SIZE) as hand:
        await look_everywhere(hand)
        assert hand.app.return_code is None


@pytest.mark.tmux
@pytest.mark.keeps_keys(r"(?s)asok:.*")
def test_no_control_sequence_of_theirs_is_written_to_the_terminal(
    redis_client: redis.Redis, open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    recording = tmp_path / "written"
    quiet = open_terminal(size=(80, 24), recording=recording)
    quiet.sees("0 pending")
    for key in ("1", "2", "3", "4", "5", "6", "7"):
        quiet.press(key)
    quiet.sees("No operations and no events yet.")
    quiet.press("q")
    assert quiet.exit_status() == 0
    ordinary = sequences(recording)

    for text in hostile.TEXTS.values():
        hostile.text_everywhere(redis_client, text)
    for name in ("no UTF-8", "no JSON", "odd queue names"):
        hostile.BROKEN[name](redis_client)
    recording = tmp_path / "written-of-hostile"
    terminal = open_terminal(size=(80, 24), recording=recording)
    for key, title in (
        *(("1", "pending"), ("2", "1 of "), ("3", "Delayed   1 of"), ("4", "Running and recent")),
        *(("5", "Workers   "), ("6", "Dead jobs   1 of"), ("7", "Ago  Action")),
    ):
        terminal.press(key)
        lines = terminal.sees(title, "● live").split("\n")
        assert lines[0].startswith(" ◆ Asok")
        assert "1Overview" in lines[1]
        assert "q quit" in lines[23]
        for press in ("j", "j", "PageDown", "G", "k"):
            terminal.press(press)
        if key in "2346":
            terminal.press("Enter")
            terminal.sees("Tab section")
            terminal.press("Escape")
            terminal.sees("1Overview")
    terminal.press("6")
    terminal.sees("Dead jobs  ")
    terminal.press("v")
    # Nothing can be done to a cause until they are counted.
    terminal.sees("Dead jobs by error", "N bytes that are not a job")
    terminal.press("R")
    terminal.sees("Same as  asok dlq requeue")
    terminal.press("C-c")
    assert terminal.exit_status() == 0
    assert terminal.format("#{pane_title}") == quiet.format("#{pane_title}")
    assert terminal.tmux("list-buffers") == ""
    assert not sequences(recording) - ordinary


def sequences(recording: Path) -> set[str]:
    """What was written beside text: sequences without their figures, and single controls."""
    written = recording.read_bytes().decode("utf-8")
    kinds = {re.sub(r"\d+", "#", found[0]) for found in re.finditer(r"\x1b\[[^@-~]*[@-~]", written)}
    colours = {kind for kind in kinds if re.fullmatch(r"\x1b\[[#;]*m", kind)}
    rest = re.sub(r"\x1b\[[^@-~]*[@-~]", "", written)
    return kinds - colours | hidden_in(rest)
