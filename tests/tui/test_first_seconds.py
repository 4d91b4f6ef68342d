"""What is seen first: which Redis, which mode, where the help is, and a plot that moves."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from asok_console.tui.data.backlog import SECONDS, SnapshotHistory
from asok_console.tui.views.shared.plots import PlotView
from asok_console.tui.widgets.plot import Plot
from asok_core.backends.roles import Reader
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.rows import Page
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from tests.fixtures.console import Hand, Open
from tests.tui import seed
from tests.tui.seed import KEYS
from tests.tui.terminal import CONSOLE, TmuxTerminal

NOW = 1_772_333_820.0


def _main(hand: Hand) -> Plot:
    return hand.app.view.query_one("#main", Plot)


async def test_the_plot_moves_within_seconds_of_the_start(
    redis_client: redis.Redis, open_console: Open
) -> None:
    """Redis has no counters of these jobs, and the console has seen them itself."""
    seed.pending(redis_client, "high", 12, first=1, age=5)
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("Jobs of all queues, last 60 s")
        await hand.loses("nothing in this time")

        def known() -> list[float]:
            return [value for value in _main(hand)._bands[0] if not math.isnan(value)]

        await hand.until(lambda: known()[:2] == [12, 12], "two seconds of what was read")
        seed.pending(redis_client, "high", 30, first=100, age=5)
        await hand.until(lambda: known()[0] == 12 and known()[-1] == 42, "two values of one minute")
        await hand.press("right_square_bracket")
        await hand.sees("Attempts finished per second, all queues, last 5 min")


async def test_the_cursor_reads_the_values_of_a_plot_with_its_clock_time(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(120, 40)) as hand:
        await hand.press("right_square_bracket")
        await hand.sees("last 5 min")
        await hand.sees("UTC")
        plot = _main(hand)
        await hand.press("left", "left", "left")
        await hand.sees("▲")
        at = plot.cursor
        assert at is not None
        completed = plot._bands[0][at]
        assert f"completed {completed:.1f}/s" in hand.screen()
        before = plot.moment
        await hand.press("right")
        assert plot.moment is not None
        assert before is not None
        assert round(plot.moment - before) == 10
        await hand.press("escape")
        await hand.loses("▲")
        # With no cursor, Esc is what it was.
        assert hand.app.view_name == "overview"


async def test_a_large_screen_plots_backlog_wait_and_failures_too(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(200, 60)) as hand:
        await hand.sees("Backlog by snapshots, last 5 min")
        await hand.sees("Mean wait, last 5 min")
        await hand.sees("Failures per second, last 5 min")
        view = hand.app.view
        assert isinstance(view, PlotView)
        # The seed says 1.9 s for each job.
        waits = [
            value for value in view.query_one("#wait", Plot)._bands[0] if not math.isnan(value)
        ]
        assert waits
        assert all(1000 < wait < 2500 for wait in waits)
        await hand.press("left")
        await hand.until(lambda: all(p.moment for p in view.query(Plot)), "one cursor in all plots")


def _snapshot(at: float, **pending: int) -> Snapshot:
    queues = tuple(QueueStats(name, number) for name, number in pending.items())
    return Snapshot(at, ServerInfo("redis://x"), queues)


def test_snapshots_know_what_was_read_and_nothing_else() -> None:
    history = SnapshotHistory()
    for at, number in ((0, 5), (1, 7), (20, 9)):
        history.see(_snapshot(NOW + at, high=number, low=1))
    course = history.last_minute("high", NOW + 20)
    assert len(course.pending) == SECONDS
    assert course.start + SECONDS - 1 == int(NOW) + 20
    assert course.pending[-1] == 9
    # A snapshot stays for some seconds, as with a longer interval; what lies between is not known.
    assert course.pending[-21:-14] == (5, 7, 7, 7, 7, 7, 7)
    assert all(math.isnan(value) for value in course.pending[-14:-1])
    assert history.last_minute(None, NOW + 20).pending[-1] == 10
    tens = history.last_minutes("high", NOW + 20).pending
    assert (tens[-3], tens[-1]) == (7, 9)
    assert math.isnan(tens[-2])


@pytest.mark.parametrize(
    ("session", "word"),
    [({}, "read-write"), ({"read_only": True}, "READ-ONLY"), ({"protected": True}, "PROTECTED")],
)
@pytest.mark.parametrize("keys", [(), ("6",), ("6", "enter"), ("question_mark",)])
async def test_every_screen_says_which_redis_and_which_mode_this_is(
    open_dead: Open, session: dict[str, bool], word: str, keys: tuple[str, ...]
) -> None:
    async with open_dead(3, size=(80, 24), interval=1.0, **session) as hand:
        await hand.press("1", *keys)
        first = hand.screen().splitlines()[0]
        assert word in first
        assert "redis://cache" in first
        assert ":6379/0" in first


async def test_a_new_user_is_pointed_to_the_help_once(
    redis_client: redis.Redis, open_console: Open
) -> None:
    async with open_console(new_here=True) as hand:
        await hand.sees("? New here? All keys")
        await hand.press("question_mark")
        await hand.sees("Keys in Overview")
        await hand.press("escape")
        await hand.sees("? help")
        assert "New here" not in hand.screen()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[TmuxTerminal]:
    terminal = TmuxTerminal(f"{CONSOLE} --demo", tmp_path, (100, 30), {"HOME": str(tmp_path)},
                        recording=tmp_path / "recording")  # fmt: skip
    yield terminal
    terminal.close()


@pytest.mark.tmux
def test_the_demo_says_that_it_starts_before_it_takes_the_screen(
    demo: TmuxTerminal, tmp_path: Path
) -> None:
    demo.sees("DEMO", "New here? All keys")
    said = (tmp_path / "recording").read_bytes()
    assert said.index(b"starting the demo") < said.index(b"\x1b[?1049h")
    demo.press("q")
    assert demo.exit_status() == 0


class Late:
    """A reader whose first snapshot comes after a search, or after a second in which there was none."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._searched = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def scan(self, *args: Any, **options: Any) -> Iterator[Page]:
        yield from self._reader.scan(*args, **options)
        self._searched.set()

    def snapshot(self, *args: Any, **options: Any) -> Snapshot:
        self._searched.wait(1.0)
        self._searched.set()
        return self._reader.snapshot(*args, **options)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_search_by_age_at_the_start_finds_what_is_there(
    redis_client: redis.Redis, open_console: Open, size: tuple[int, int]
) -> None:
    """It begins with the first snapshot, by which ages are counted."""
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 3))
    async with open_console(size=size, view="dead", filter="age:>0s", reading=Late) as hand:
        assert "held since" not in hand.screen()
        await hand.sees("1 of 3")
        await hand.sees("3 found")
        assert "held since" not in hand.screen()
