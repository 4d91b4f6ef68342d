"""The private parts of Textual are there, and without them the console shows and keeps what it must."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

import pytest
from textual import _styles_cache
from textual.widget import Widget

from asok_console.tui import compat
from asok_console.tui.app import ConsoleApp
from tests.fixtures.console import Open
from tests.programs import wait_until

SECRET = "hunter2-of-a-frame"
TEXTUAL = f"Textual {version('textual')}"


class BrokenWidget(Widget):
    """A widget that fails where it handles a message, with a secret in a local variable."""

    def on_mount(self) -> None:
        password = SECRET
        raise ZeroDivisionError(f"a fault, and no more ({len(password)})")


async def fail_in(open_console: Open, capfd: pytest.CaptureFixture[str]) -> ConsoleApp:
    """A console that has ended by an error, and what it printed."""
    opened: list[ConsoleApp] = []

    async def run() -> None:
        async with open_console() as hand:
            opened.append(hand.app)
            hand.app.screen.mount(BrokenWidget())
            await asyncio.to_thread(wait_until, lambda: not hand.app.is_running, "the end")

    with pytest.raises(ZeroDivisionError):
        await run()
    printed = capfd.readouterr()
    assert SECRET not in printed.out + printed.err
    assert "Traceback" not in printed.out + printed.err
    return opened[0]


async def test_an_error_is_one_line_without_the_variables_of_a_frame(
    open_console: Open, capfd: pytest.CaptureFixture[str]
) -> None:
    app = await fail_in(open_console, capfd)
    assert isinstance(app.failure, ZeroDivisionError), (
        f"{TEXTUAL} no longer calls App._handle_exception: errors of closed screens end the console; "
        "see asok_console.tui.compat.CompatApp"
    )
    assert list(app.last_lines()) == [
        f"asok: internal error: ZeroDivisionError: a fault, and no more ({len(SECRET)})"
    ]
    assert app.exit_code == 70


async def test_textual_makes_no_report(
    open_console: Open, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    monkeypatch.setattr("rich.traceback.Traceback.__init__", lambda *_, **__: made.append(1))
    await fail_in(open_console, capfd)
    assert not made, (
        f"{TEXTUAL} no longer calls App._fatal_error: it represents every variable before its report is "
        "dropped; see asok_console.tui.compat.CompatApp"
    )


async def test_without_the_private_methods_an_error_still_shows_no_variable(
    open_console: Open, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_handle_exception", "_fatal_error"):
        monkeypatch.delattr(compat.CompatApp, name)
    app = await fail_in(open_console, capfd)
    assert list(app.last_lines()) == ["asok: internal error: unknown"]
    assert app.exit_code == 70


def test_textual_caches_lines_by_the_widget() -> None:
    assert compat.drop_cached_lines(), (
        f"{TEXTUAL} has no cache of StylesCache.get_inner_outer: nothing is to be dropped, or it is "
        "elsewhere; see asok_console.tui.compat.drop_cached_lines"
    )


def test_without_the_cache_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(_styles_cache.StylesCache, "get_inner_outer")
    assert not compat.drop_cached_lines()
