"""Footer and palette offer no key that does nothing now."""

from __future__ import annotations

import pytest
import redis

from asok_console.tui.actions.flow import MISSING
from asok_console.tui.keys.actions import KeyScope
from asok_core.jobs.envelope import seal
from tests.fixtures.console import Hand, Open, settled
from tests.tui import seed
from tests.tui.seed import KEYS

EVERYWHERE = {
    *("command_palette", "find", "freeze", "help", "leave", "next_theme", "pace", "quit", "reread"),
    *("show_view", "step_back", "suspend_process"),
}
MOVES = {"move", "page", "first", "last", "open"}


def offered(hand: Hand) -> set[str]:
    """The names of the actions that the palette offers, and the footer as far as there is room."""
    return {
        active.binding.action.removeprefix("app.").partition("(")[0]
        for active in hand.app.screen.active_bindings.values()
        if active.binding.tooltip and active.enabled
    }


@pytest.mark.parametrize(
    ("key", "possible"),
    [
        # The queues that the workers are configured to serve are listed although they are empty.
        ("1", MOVES | {"filter_queues", "sort", "related", "range", "read", "compare", "why"}),
        ("2", {"filter", "related", "turn", "operate"}),
        ("3", {"filter", "range", "read"}),
        ("4", {"filter"}),
        ("5", {"filter"}),
        ("6", {"filter", "group"}),
        ("7", {"filter"}),
        ("9", set()),
    ],
)
async def test_an_empty_view_offers_only_what_is_possible_there(
    open_console: Open, key: str, possible: set[str]
) -> None:
    async with open_console(size=(120, 40)) as hand:
        await hand.press(key)
        await settled(hand)
        assert offered(hand) == EVERYWHERE | possible
        assert hand.shows("Enter open") == ("open" in possible)


async def test_a_view_with_rows_offers_to_open_and_to_move(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(120, 40)) as hand:
        for key in "12346":
            await hand.press(key)
            await settled(hand)
            await hand.sees("Enter open")
            assert offered(hand) >= EVERYWHERE | MOVES, key
        await hand.press("5")
        await hand.until(lambda: offered(hand) >= {"fold", "sort", "move"}, "the workers")
        assert "open" not in offered(hand), "the cursor is on a worker, which has no page"


async def test_no_queue_beyond_the_last_is_offered(open_console: Open) -> None:
    async with open_console(size=(120, 40), view="pending") as hand:
        await hand.sees("Queue high")
        assert hand.shows("] next queue")
        await hand.press("right_square_bracket", "right_square_bracket")
        await hand.sees("Queue low")
        await hand.loses("next queue")


async def test_what_cannot_be_read_is_not_offered_to_be_edited(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.lpush(KEYS.dead, b"not a job")
    async with open_console(size=(120, 40), view="dead") as hand:
        await hand.sees("1 of 1")
        assert "edit" not in offered(hand)
        assert "sort" not in offered(hand)
        await hand.press("enter")
        await hand.sees("Stored in Redis as")
        await hand.sees("edit, trust and requeue: it is unreadable")
        assert not {"edit", "open_arguments", "page_traceback"} & offered(hand)
        assert {"copy_json", "show_all"} <= offered(hand)


async def test_a_finished_job_without_a_record_has_nothing_to_show(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.lpush(KEYS.recent, "gone")
    async with open_console(size=(120, 40), view="jobs") as hand:
        await hand.sees("1 of 1")
        await hand.press("enter")
        await hand.sees("unknown id")
        assert not {"copy_json", "show_all", "edit", "open_arguments"} & offered(hand)


async def test_all_is_offered_to_be_marked_only_where_a_filter_found_something(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.lpush(KEYS.queue("default"), seal(seed.job(1), seed.KEYRING))
    async with open_console(size=(120, 40), view="pending") as hand:
        await hand.sees("1 of 1")
        for words, found in (("task:nowhere", False), ("task:shop", True)):
            await hand.press("slash", *words, "enter")
            await hand.sees("1 found" if found else "None found")
            assert ("mark_all" in offered(hand)) is found
            await hand.press("escape")


async def test_no_pace_beyond_the_limits_is_offered(open_console: Open) -> None:
    async with open_console(size=(120, 40)) as hand:

        def paces() -> set[str]:
            return {
                active.binding.action
                for active in hand.app.screen.active_bindings.values()
                if active.enabled and active.binding.action.startswith("pace")
            }

        assert paces() == {"pace(2)"}
        await hand.press("minus")
        await hand.until(lambda: paces() == {"pace(2)", "pace(0.5)"}, "both")
        for _ in range(10):
            await hand.press("minus")
        assert paces() == {"pace(0.5)"}


@pytest.mark.parametrize(
    ("view", "key", "line"),
    [
        ("overview", "P", "Can't pause or resume: choose a queue with jobs."),
        (
            "overview",
            "H",
            "Can't hold: choose a job whose task is known, an error group, a task or a queue.",
        ),
        (
            "held",
            "r",
            "Can't release: choose a hold with jobs to release, or one without to remove.",
        ),
        ("overview", "n", "Can't note: choose a job, a queue or an error group."),
        ("workers", "d", "Can't cancel: choose a job that is running."),
        ("jobs", "r", "Can't requeue: choose a job that is dead."),
        ("dead", "T", "Can't trust and requeue: choose a job without a valid signature."),
        ("dead", "z", "Can't undo: choose an operation in Activity whose jobs are in the trash."),
    ],
)
async def test_a_key_with_nothing_to_do_names_what_it_is_for(
    redis_client: redis.Redis, open_console: Open, view: str, key: str, line: str
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(120, 40), view=view) as hand:
        await settled(hand)
        await hand.press(key)
        await hand.until(
            lambda: line in [each.message for each in hand.app._notifications], "the line"
        )


def test_whatever_a_key_is_about_has_such_a_line() -> None:
    assert set(MISSING) == set(KeyScope) - {KeyScope.CHOSEN}
