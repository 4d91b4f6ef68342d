"""Keys in dialogs, text where none opened, operations beside each other, warnings before them."""

from __future__ import annotations

import pytest
import redis
from textual.widgets import Button, Input, TextArea

from asok_console.tui.keys.operations import OPERATIONS
from asok_console.tui.runtime.stray_keys import LOOKED_FOR, StrayKeyGuard
from asok_console.tui.screens.ask import AnswersDialog
from asok_console.tui.screens.confirm import ConfirmationDialog
from asok_console.tui.screens.edit import ArgumentsDialog
from asok_console.tui.screens.quit import QuitDialog
from asok_core.operations.catalog.entry import Danger
from tests.backends.redis.operating.workers import well, worker
from tests.fixtures.bench import Bench
from tests.fixtures.console import Hand, Open
from tests.tui import seed
from tests.tui.seed import KEYS


async def asked(hand: Hand, *keys: str) -> ConfirmationDialog:
    await hand.until(lambda: not hand.app.stray_keys.lasts)
    await hand.press(*keys)
    await hand.until(lambda: isinstance(hand.app.screen, ConfirmationDialog), "a question")
    screen = hand.app.screen
    assert isinstance(screen, ConfirmationDialog)
    return screen


async def closed(hand: Hand) -> None:
    await hand.until(lambda: len(hand.app.screen_stack) == 1, "no dialog")


# Keys


@pytest.mark.parametrize(
    "keys",
    [
        ("y",),
        ("right", "enter"),
        ("down", "enter"),
        ("tab", "enter"),
        ("left", "left", "left", "enter"),
    ],
)
async def test_every_key_for_yes_means_yes(
    redis_client: redis.Redis, open_dead: Open, keys: tuple[str, ...]
) -> None:
    async with open_dead(3) as hand:
        await asked(hand, "r")
        await hand.press(*keys)
        await hand.sees("Requeued 1 job")
        assert redis_client.llen(KEYS.dead) == 2


@pytest.mark.parametrize(
    "keys", [("n",), ("escape",), ("enter",), ("right", "left", "enter"), ("down", "up", "enter")]
)
async def test_every_key_for_no_means_no(
    redis_client: redis.Redis, open_dead: Open, keys: tuple[str, ...]
) -> None:
    async with open_dead(3) as hand:
        await asked(hand, "r")
        await hand.press(*keys)
        await closed(hand)
        assert redis_client.llen(KEYS.dead) == 3


async def test_c_copies_the_command_and_y_answers_no_typed_confirmation(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(3) as hand:
        screen = await asked(hand, "r")
        await hand.press("c")
        assert hand.app.clipboard == screen.plan.equivalent
        await hand.press("n")
        await closed(hand)
        screen = await asked(hand, "d")
        await hand.press("y")
        assert hand.app.screen is screen
        await hand.press("n")
        await closed(hand)
        assert redis_client.llen(KEYS.dead) == 3
        # The word begins with the key that copies elsewhere.
        seed.pending(redis_client, "default", 2, first=50, age=5)
        await hand.until(lambda: not hand.app.stray_keys.lasts)
        await hand.open_list("2", of=2)
        await hand.press("slash", *"shop", "enter")
        await hand.sees("2 found")
        screen = await asked(hand, "D")
        await hand.press("c")
        assert screen.query_one("#word", Input).value == "c"


async def test_arrows_and_typing_work_in_a_form_and_in_the_editor(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(3) as hand:
        await hand.press("C")
        await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog))
        await hand.press("down", "down", "right", "left")
        focused = hand.app.screen.focused
        assert isinstance(focused, Button)
        await hand.press("n")
        await closed(hand)
        await hand.until(lambda: not hand.app.stray_keys.lasts)
        await hand.press("e")
        await hand.until(lambda: isinstance(hand.app.screen, ArgumentsDialog))
        await hand.press("n")
        assert hand.app.screen.query_one(TextArea).text.startswith("n")
        await hand.press("tab", "n")
        await closed(hand)


async def test_a_large_mild_action_requires_a_second_key(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(101) as hand:
        for keys in (("y", "y", "y"), ("tab", "enter", "enter")):
            screen = await asked(hand, "R")
            await hand.sees("101 jobs: y, then Y.")
            await hand.press("Y")
            assert hand.app.screen is screen, "the second key alone is none"
            await hand.press(*keys)
            if keys[0] == "y":
                assert hand.app.screen is screen
                await hand.press("escape")
            await closed(hand)
            assert redis_client.llen(KEYS.dead) == 101
        await asked(hand, "R")
        await hand.press("y")
        await hand.sees("Press Y to confirm.")
        await hand.press("Y")
        await hand.sees("Requeued 101 jobs")


async def test_a_protected_session_guards_what_concerns_a_queue_or_a_worker(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.worker(redis_client, "web-1", queues=("high",), concurrency=4, running=0, first=200)
    seed.pending(redis_client, "default", 2, first=1, age=5)
    async with open_console(size=(110, 30), protected=True) as hand:
        words = (("2", "P", "pause"), ("2", "H", "hold"), ("5", "P", "quiet"), ("5", "e", "set"),
                 ("2", "f", "move"))  # fmt: skip
        answers = {"pause": ("enter",), "hold": ("enter",), "set": ("8", "enter")}
        for view, key, word in words:
            await hand.until(lambda: not hand.app.stray_keys.lasts)
            await hand.press(view)
            await hand.sees("web-1" if view == "5" else "1 of 2")
            await asked(hand, key, *answers.get(word, ()))
            await hand.sees(f"Type {word} to confirm")
            await hand.press("y", "escape")
            await closed(hand)
    assert not redis_client.exists(KEYS.paused)
    guarded = {
        each.name
        for each in OPERATIONS
        if each.operation.guarded and each.operation.danger is Danger.MILD
    }
    assert guarded == {
        "pause",
        "hold",
        "limit",
        "quiet",
        "set_worker",
        "move",
        "move_front",
        "cancel_running",
    }


# Text that was meant for a dialog


async def emptied(hand: Hand, client: redis.Redis) -> None:
    """Take away the dead jobs, so that no dialog about them opens."""
    client.delete(KEYS.dead)
    await hand.until(lambda: hand.app.snapshot and not hand.app.snapshot.dead)


async def test_a_word_typed_where_no_dialog_opened_does_nothing(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(3) as hand:
        await emptied(hand, redis_client)
        now = 0.0
        hand.app.stray_keys = StrayKeyGuard(lambda: now)
        await hand.press("D")
        said = "Can't purge all: no job is listed that it applies to."
        assert said in [each.message for each in hand.app._notifications]
        await hand.press(*"purge", "enter", "enter")
        assert not hand.app.state.display_paused
        assert len(hand.app.screen_stack) == 1
        assert hand.app.view_name == "dead"
        now = LOOKED_FOR + 0.01
        await hand.press("p")
        assert hand.app.state.display_paused, "after a pause keys act again"


async def test_a_word_typed_a_moment_later_does_nothing_either(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(3) as hand:
        await emptied(hand, redis_client)
        now = 0.0
        hand.app.stray_keys = StrayKeyGuard(lambda: now)
        await hand.press("D")
        now = 1.5
        await hand.press(*"pur")
        now = LOOKED_FOR + 0.1
        await hand.press(*"ge", "enter")
        assert not hand.app.state.display_paused
        assert len(hand.app.screen_stack) == 1


async def test_the_rest_of_a_word_behind_an_answered_dialog_does_nothing(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(3) as hand:
        await asked(hand, "r")
        hand.app.stray_keys = StrayKeyGuard(lambda: 0.0)
        await hand.press(*"n", *"op", "enter")
        assert not hand.app.state.display_paused
        assert len(hand.app.screen_stack) == 1


# Outcomes


async def test_what_another_operator_was_quicker_with_is_no_success(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(3, size=(120, 30)) as hand:
        for filtered in (False, True):
            if filtered:
                redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 4))
                await hand.sees("of 4")
                await hand.until(lambda: not hand.app.stray_keys.lasts)
                await hand.press("slash", *"error:KeyError", "enter")
                await hand.sees("1 found")
            screen = await asked(hand, "D")
            count = screen.plan.count
            redis_client.delete(KEYS.dead)
            await hand.press("shift+tab", *"purge", "enter", "enter")
            await hand.sees("⚠ Purged 0 jobs")
            await hand.sees(f"{count} skipped: no longer there")


# Beside each other


async def test_operations_run_beside_a_canary_that_waits_and_each_has_a_line(
    bench: Bench, open_console: Open
) -> None:
    bench.add_dead(*(bench.job() for _ in range(30)))
    bench.add_pending(*(bench.job() for _ in range(40)))
    async with open_console(size=(150, 34)) as hand:
        await hand.open_list("6", of=30)
        await hand.press("space", "space", "C")
        await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog))
        hand.app.screen.query_one("#first", Input).value = "1"
        await hand.press("enter")
        await hand.sees("Requeue 2 dead jobs with a canary?")
        await hand.press("y")
        await hand.sees("0 of the first 1 succeeded")
        await hand.until(lambda: not hand.app.stray_keys.lasts)
        await hand.press("escape")
        await hand.loses("2 marked")
        await asked(hand, "r")
        await hand.press("y")
        await hand.sees("Requeued 1 job")
        await hand.sees("0 of the first 1 succeeded")
        await hand.until(lambda: not hand.app.stray_keys.lasts)
        await hand.press("2")
        await asked(hand, "P", "enter")
        await hand.press("y")
        await hand.sees("Paused queue 'default'")
        assert len(hand.app.flow.runner.running) == 1
        # The rest of them still waits behind it.
        with worker(bench, well):
            await hand.sees("Canary succeeded (requeued 2 jobs")


async def test_x_stops_the_newest_of_several(bench: Bench, open_console: Open) -> None:
    bench.add_dead(*(bench.job() for _ in range(30)))
    async with open_console(size=(150, 34)) as hand:
        await hand.open_list("6", of=30)
        for number in (1, 2):
            await hand.until(lambda: not hand.app.stray_keys.lasts)
            await hand.press("C")
            await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog))
            hand.app.screen.query_one("#first", Input).value = str(number)
            await hand.press("enter")
            await hand.until(lambda: isinstance(hand.app.screen, ConfirmationDialog))
            await hand.press("y")
            await hand.sees(f"0 of the first {number} succeeded")
        first, second = hand.app.flow.runner.running
        # The line of the first is drawn again a moment after that of the second.
        await hand.until(lambda: hand.screen().count("x stops it") == 1)
        await hand.until(lambda: not hand.app.stray_keys.lasts)
        await hand.press("x")
        await hand.sees("Canary stopped by the operator (requeued 2 jobs; of the first 2")
        assert (first.halted.is_set(), second.halted.is_set()) == (False, True)
        await hand.press("x")
        await hand.sees("Canary stopped by the operator (requeued 1 job; of the first 1")


async def test_quitting_while_an_operation_runs_asks_first(
    bench: Bench, open_console: Open
) -> None:
    bench.add_dead(*(bench.job() for _ in range(30)))
    async with open_console(size=(110, 30)) as hand:
        await hand.open_list("6", of=30)
        await hand.press("C")
        await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog))
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, ConfirmationDialog))
        await hand.press("y")
        await hand.sees("0 of the first 10 succeeded")
        for key in ("q", "ctrl+c"):
            await hand.until(lambda: not hand.app.stray_keys.lasts)
            await hand.press(key)
            await hand.until(lambda: isinstance(hand.app.screen, QuitDialog))
            await hand.sees("Quit while 1 operation runs?")
            await hand.sees("Completed batches stay")
            await hand.press("n")
            await closed(hand)
            assert hand.app.flow.runner.busy
        await hand.until(lambda: not hand.app.stray_keys.lasts)
        await hand.press("q")
        await hand.until(lambda: isinstance(hand.app.screen, QuitDialog))
        await hand.press("ctrl+c")
        await hand.until(lambda: not hand.app.is_running or hand.app._exit, "the end")
    (entry,) = [fields for _, fields in bench.client.xrange("asok:audit")]
    assert entry[b"state"] == b"done", "the first jobs went whole"
    assert len(bench.dead()) == 20


# Warnings


async def test_a_confirmation_warns_of_what_makes_it_pointless(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(now, 6))
    redis_client.sadd(KEYS.paused, "default", "high", "low")
    seed.pending(redis_client, "default", 3, first=50, age=5)
    seed.pending(redis_client, "unserved", 1, first=60, age=5)
    async with open_console(size=(120, 36)) as hand:
        await hand.open_list("6", of=6)
        screen = await asked(hand, "r")
        (queue,) = dict(screen.plan.queue_counts or {})
        await hand.sees(f"! queue '{queue}' is paused: jobs wait there until resumed")
        await hand.press("n")
        await closed(hand)
        await asked(hand, "R")
        await hand.sees("are paused: jobs that go there wait")
        await hand.press("n")
        await closed(hand)
        await hand.until(lambda: not hand.app.stray_keys.lasts)
        await hand.press("2")
        hand.app.show_pending("default")
        await hand.sees("1 of 3")
        await hand.press("M")
        await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog))
        hand.app.screen.query_one("#to", Input).value = "unserved"
        await hand.pilot.pause()
        await hand.press("enter")
        await hand.sees("no worker takes jobs from queue 'unserved'")
