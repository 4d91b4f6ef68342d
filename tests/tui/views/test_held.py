"""The view of holds: what each keeps and where it is in force, its jobs, and how it ends."""

from __future__ import annotations

import pytest
import redis

from asok_console.tui.screens.ask import AnswersDialog
from asok_console.tui.screens.confirm import ConfirmationDialog
from asok_console.tui.screens.why import WhyScreen
from asok_core.jobs.envelope import seal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from tests.fixtures.console import Open
from tests.fixtures.limits import plant_bucket
from tests.tui import seed
from tests.tui.seed import KEYS

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_hold_is_listed_with_its_jobs_and_released(
    redis_client: redis.Redis, open_console: Open, size: tuple[int, int]
) -> None:
    seed.workers(redis_client)
    seed.holds(redis_client)
    async with open_console(size=size) as hand:
        await hand.press("9")
        await hand.sees("Held jobs")
        await hand.sees("2 holds")
        await hand.sees("35 jobs")
        await hand.sees("in force on 1 of 2 workers")
        (line,) = [each for each in hand.screen().splitlines() if "▸ 4f2a1c" in each]
        assert line.split()[1:][:3] == ["4f2a1c", "35", "1h"]
        assert "1 of 2" in line
        assert "no end" in line
        assert "task shop.billing.ch" in line
        assert (size[0] > 80) == ("bank is down" in line)
        assert not hand.shows("/ filter"), "holds are not filtered"
        await hand.press("enter")
        await hand.sees("Hold 4f2a1c")
        await hand.sees("queue high, one of 2 queues")
        await hand.sees("job 1 of 31")
        await hand.press("right_square_bracket")
        await hand.sees("job 1 of 4")
        await hand.press("left_square_bracket", "slash", *"17", "enter")
        await hand.sees("31 found")
        # A job has its page and its reasons.
        await hand.press("enter")
        await hand.sees(
            "hold 4f2a1c (by ada@ops-1: bank is down, see ticket 4711) keeps it from starting"
        )
        await hand.press("q", "w")
        await hand.until(lambda: isinstance(hand.app.screen, WhyScreen), "the reasons")
        await hand.sees("asok hold release 4f2a1c")
        await hand.press("escape", "escape")
        await hand.sees("job 1 of 31")
        # A job is cancelled from the list, and another from its page; both can be restored.
        for keys in ((), ("enter",)):
            await hand.until(lambda: not hand.app.stray_keys.lasts)
            await hand.press(*keys)
            await hand.sees("─ History ─" if keys else "job 1 of 31")
            await hand.sees("d cancel")
            await hand.press("d")
            await hand.sees("Cancel 1 job?")
            await hand.press("y")
            await hand.sees("Cancelled 1 job")
        await hand.press("escape")
        await hand.sees("of 29")
        await hand.press("escape")
        await hand.sees("2 holds")
        await hand.sees("33 jobs")
        # One that keeps jobs is released, the other one removed.
        await hand.press("d")
        assert not isinstance(hand.app.screen, ConfirmationDialog)
        await hand.until(lambda: not hand.app.stray_keys.lasts)
        await hand.press("r")
        await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog), "the dialog")
        await hand.sees("Release 33 held jobs of hold 4f2a1c")
        await hand.sees("asok hold release 4f2a1c")
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, ConfirmationDialog), "the question")
        await hand.press("y")
        await hand.sees("Released 33 jobs of hold 4f2a1c")
        await hand.sees("1 hold")
        await hand.until(lambda: not hand.app.stray_keys.lasts)
        await hand.press("d")
        await hand.sees("Remove hold 77aa00?")
        await hand.press("y")
        await hand.sees("Removed hold 77aa00")
        await hand.sees("No holds.")
    assert redis_client.llen(KEYS.queue("high")) == 29
    assert len(redis_client.keys("asok:trash:*")) == 2
    assert not redis_client.exists(KEYS.holds, KEYS.held_lists)


async def test_a_hold_that_ends_leaves_its_list_empty(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.holds(redis_client)
    async with open_console(size=(120, 40), view="held", read_only=True) as hand:
        await hand.sees("2 holds")
        await hand.press("enter")
        await hand.sees("job 1 of 31")
        redis_client.delete(KEYS.held("4f2a1c", "high"))
        kept = "Hold 4f2a1c keeps no jobs of queue 'high'. It keeps 4 jobs of queue 'low': ] shows"
        await hand.sees(kept)
        assert not hand.shows("one of")
        redis_client.delete(KEYS.holds, KEYS.held_lists, *redis_client.keys("asok:held:*"))
        await hand.sees("it has ended")
        await hand.sees("Hold 4f2a1c keeps no jobs and has ended.")
        await hand.press("escape")
        await hand.sees("No holds.")
        # What waits for a limit is listed as what a hold keeps.
        job = seal(Job("limited", "tests.jobs", "charge", queue="low"), Keyring(b"x" * 40))
        plant_bucket(
            redis_client, "queue:low", declared="2 at once", running=["a", "b"], waiting=[job],
            queue="low",
        )  # fmt: skip
        await hand.sees("1 limit that jobs wait for")
        assert "when one ends" in hand.screen()
        assert not hand.shows("r release"), "a worker returns them"
        await hand.press("enter")
        await hand.sees("Jobs that wait for limit 2 at once of queue 'low'")
        await hand.sees("job 1 of 1")
        redis_client.delete(KEYS.held_lists, *redis_client.keys("asok:held:*"))
        await hand.sees("No job waits for this limit.")
        redis_client.delete(*redis_client.keys("asok:limit*"))
        await hand.press("escape")
        await hand.sees("No holds.")
        redis_client.set(KEYS.holds, "of another program")
        await hand.sees("Holds cannot be read: their key is not a hash.")
        assert not hand.shows("No holds.")
