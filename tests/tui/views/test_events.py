"""Events in Activity and on the plots of the Overview."""

from __future__ import annotations

import json

import pytest
import redis

from asok_console.tui.data.activities import ActivityEntry
from asok_console.tui.screens.entry import facts
from asok_console.tui.widgets.plot import Plot
from asok_core.backends.redis.keys import Keys
from asok_core.inspection.audit import Activity
from asok_core.inspection.events import SystemEvent
from tests.fixtures.console import Hand, Open
from tests.tui import seed

KEYS = Keys()
SIZES = [(80, 24), (120, 40)]


def lines_with(hand: Hand, words: str) -> list[str]:
    return [line for line in hand.screen().splitlines() if words in line]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("read_only", [False, True])
async def test_activity_shows_operations_and_events_in_one_order(
    redis_client: redis.Redis, open_console: Open, size: tuple[int, int], read_only: bool
) -> None:
    seed.audit(redis_client)
    seed.events(redis_client)
    async with open_console(view="activity", size=size, read_only=read_only) as hand:
        for words in ("release", "recovered", "lost", "purge", "crashed", "restarted", "started"):
            await hand.sees(words)
        order = [
            word
            for line in hand.screen().splitlines()
            for word in line.split()
            if word
            in {"release", "recovered", "purge", "crashed", "requeue", "restarted", "started"}
        ]
        assert order == [
            *("release", "recovered", "purge", "crashed", "requeue", "restarted", "requeue"),
            "started",
        ]


async def test_a_pause_by_an_operator_is_one_line(
    redis_client: redis.Redis, open_console: Open
) -> None:
    async with open_console(view="activity", size=(120, 30)) as hand:
        operator = hand.app.session.operator
        assert operator is not None
        operator.pause("high")
        await hand.sees("queue high")
        await hand.until(
            lambda: hand.app.snapshot is not None and hand.app.snapshot.events, "the event"
        )
        assert len(lines_with(hand, "queue high")) == 1
        assert lines_with(hand, "✓ done")
        redis_client.delete(KEYS.audit)
        await hand.sees("paused")
        assert len(lines_with(hand, "queue high")) == 1
        assert not lines_with(hand, "✓ done")


def fact(hand: Hand, name: str) -> str:
    """What the page of an operation or an event says of something."""
    return next(
        (
            line.split(name, 1)[1].strip()
            for line in hand.screen().splitlines()
            if line.startswith(f"  {name} ")
        ),
        "",
    )


async def test_a_filter_narrows_both_and_enter_shows_everything(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.audit(redis_client)
    seed.events(redis_client)
    async with open_console(view="activity", size=(120, 30)) as hand:
        await hand.sees("restarted")
        await hand.press("slash", *"web-2", "enter")
        await hand.sees("1 of 10")
        assert not hand.shows("restarted")
        await hand.press("enter")
        await hand.sees("⚠ event   process web-2.1 crashed: killed by SIGSEGV")
        assert fact(hand, "When").endswith(" minutes ago")
        assert fact(hand, "Reason") == "killed by SIGSEGV"
        assert fact(hand, "Kind") == "process_crashed"
        await hand.press("y")
        assert json.loads(hand.app.clipboard)["kind"] == "process_crashed"
        await hand.press("escape")
        await hand.sees("1 of 10")
        await hand.press("escape", "slash", *"queue:low", "enter")
        await hand.sees("2 of 10")
        await hand.press("escape", "slash", *"purge", "enter", "enter")
        await hand.sees("✓ done   purge   dead: task:reports")
        assert fact(hand, "What") == "dead: task:reports"
        assert fact(hand, "By") == "ada@ops-1"
        assert fact(hand, "Jobs") == "6"
        assert fact(hand, "In trash").startswith("6 jobs until ")
        assert fact(hand, "Undo") == "z in Activity, or asok trash restore 20260301-000250-5a1e00"
        assert "{" not in hand.screen()
        # Another operator undoes it, while the page is open.
        redis_client.delete(KEYS.trash("20260301-000250-5a1e00"))
        await hand.press("r")
        await hand.until(lambda: not fact(hand, "Undo"), "the page without an undo")
        await hand.press("question_mark")
        await hand.sees("copy the operation or the event as JSON")
        await hand.press("escape")
        await hand.press("escape")
        await hand.sees("1 of 10")
        await hand.press("escape", "slash", *"nothing", "enter")
        await hand.sees("None of 10 entries matches. Esc clears the filter.")


async def test_the_page_of_an_operation_advises_what_this_console_can_do(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.audit(redis_client)
    async with open_console(view="activity", size=(120, 30), read_only=True) as hand:
        await hand.press("slash", *"purge", "enter", "enter")
        await hand.sees("✓ done   purge   dead: task:reports")
        assert fact(hand, "Undo") == "asok trash restore 20260301-000250-5a1e00"


def test_of_an_operation_that_runs_no_jobs_are_no_warning() -> None:
    def tone(state: str) -> str:
        activity = Activity("o", 1.0, "ada", "here", "purge", "dead", state=state)
        found = facts(ActivityEntry(operation=activity), 2.0, read_only=False)
        return next(each.tone for each in found if each.name == "Jobs")

    assert (tone("running"), tone("done")) == ("", "warn")


@pytest.mark.parametrize(
    ("slots", "shown"), [("1:6", "6 in process 1"), ("1:6,2:4", "6 in process 1, 4 in process 2")]
)
def test_the_slots_of_a_worker_that_started_are_those_of_its_processes(
    slots: str, shown: str
) -> None:
    event = SystemEvent("1-0", 1.0, "worker_started", {"worker": "w", "slots": slots})
    found = {
        each.name: each.value for each in facts(ActivityEntry(event=event), 2.0, read_only=False)
    }
    assert found["Slots"] == shown


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("release_changed", ["From release", "To release"]),
        ("worker_reshaped", ["From", "To"]),
    ],
)
def test_only_of_releases_a_change_is_named_one(kind: str, names: list[str]) -> None:
    event = SystemEvent("1-0", 1.0, kind, {"from": "a", "to": "b"})
    found = facts(ActivityEntry(event=event), 2.0, read_only=False)
    assert [each.name for each in found if each.value in ("a", "b")] == names


async def test_an_unreadable_audit_is_named_beside_events(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.events(redis_client)
    redis_client.set(KEYS.audit, "text", ex=600)
    async with open_console(view="activity", size=(140, 30)) as hand:
        await hand.sees(f"⚠ The key {KEYS.audit} is not a stream")
        await hand.sees("crashed")


@pytest.mark.parametrize("size", SIZES)
async def test_a_plot_marks_events_and_its_cursor_names_them(
    redis_client: redis.Redis, open_console: Open, size: tuple[int, int]
) -> None:
    seed.shop(redis_client)
    async with open_console(size=size) as hand:
        await hand.press("right_square_bracket")
        await hand.sees("last 5 min")
        plot = hand.app.query_one("#main", Plot)
        await hand.until(lambda: lines_with(hand, "◆◆") or lines_with(hand, "◆"), "marks")
        axis = next(line for line in hand.screen().splitlines() if " UTC" in line and "◆" in line)
        # Lost and another release; that it was recovered is no mark of its own.
        assert axis.count("◆") == 2, axis
        events = hand.app.snapshot.events if hand.app.snapshot else ()
        lost = next(each for each in events if each.kind == "worker_lost")
        plot.read_at(lost.at)
        await hand.sees("◆ web-3 lost")
        changed = next(each for each in events if each.kind == "release_changed")
        plot.read_at(changed.at)
        await hand.sees("◆ release 77aa00")


def marked(plot: Plot) -> int:
    """How many columns of a plot have a mark."""
    return plot.render_line(plot.size.height - 1).text.count("◆")


async def test_every_plot_of_the_past_marks_events_and_names_them_at_its_cursor(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    seed.tasks(redis_client)
    async with open_console(size=(200, 60)) as hand:
        await hand.press("right_square_bracket")
        await hand.sees("last 5 min")
        plots = list(hand.app.view.query(Plot))
        assert len(plots) > 1
        await hand.until(lambda: all(map(marked, plots)), "marks on each plot")
        # By the keys, as an operator reads them: the newest value first, then back.
        for _ in range(40):
            await hand.press("left")
            if hand.shows("◆ release 77aa00"):
                break
        named = [plot for plot in plots if "release 77aa00" in plot.render_line(0).text]
        assert named == plots
        await hand.press("escape", "8")
        await hand.sees("shop.billing.charge")
        await hand.press("slash", *"charge", "enter")
        await hand.press("enter")
        await hand.sees("Task shop.billing.charge   last hour")
        plot = hand.app.screen.query_one(Plot)
        await hand.until(lambda: marked(plot), "marks on the plot of the task")
        for _ in range(40):
            await hand.press("left")
            if hand.shows("◆ web-2.1 crashed"):
                break
        await hand.sees("◆ web-2.1 crashed")


async def test_the_plot_of_what_is_to_come_has_no_marks_of_the_past(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(120, 40), view="delayed") as hand:
        await hand.sees("Due per minute")
        plot = hand.app.query_one("DelayedView Plot", Plot)
        assert marked(plot) == 0
