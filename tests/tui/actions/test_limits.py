"""Limits, set and reset by the key U."""

from __future__ import annotations

import pytest
from textual.widgets import Button, Input

from asok_console.tui.screens.ask import AnswersDialog
from asok_console.tui.screens.confirm import ConfirmationDialog
from asok_core.inspection.limits import LIMIT_FIELD
from asok_core.jobs.envelope import seal
from tests.fixtures.bench import KEYRING, Bench
from tests.fixtures.console import Hand, Open
from tests.fixtures.limits import plant_bucket
from tests.tui import seed
from tests.tui.seed import KEYS

PLANTED = pytest.mark.keeps_keys("asok:limit.*", "asok:held.*")
TASK = "task:shop.mail"
KEYED = "task:shop.mail by kwargs.account_id"


def answers(hand: Hand) -> dict[str, str]:
    return {str(each.id): each.value for each in hand.app.screen.query(Input)}


async def form(hand: Hand) -> AnswersDialog:
    await hand.press("U")
    await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog), "the form")
    assert isinstance(hand.app.screen, AnswersDialog)
    return hand.app.screen


async def confirm(hand: Hand, question: str) -> None:
    await hand.press("enter")
    await hand.until(lambda: isinstance(hand.app.screen, ConfirmationDialog), "the question")
    await hand.sees(question)
    await hand.press("y")


@PLANTED
async def test_a_limit_is_set_in_place_of_the_declared_one_and_reset(
    bench: Bench, open_console: Open
) -> None:
    bench.add_pending(bench.job(queue="high"))
    plant_bucket(bench.client, TASK, declared="9 at once", running=("a", "b"))
    async with open_console(size=(120, 40)) as hand:
        await hand.open_list("2", of=1)
        dialog = await form(hand)
        await hand.sees("Limit task shop.mail")
        # What code declares is read for the form.
        await hand.sees("in force: 9 at once, declared in code")
        await hand.sees("jobs: 2/9 running, 0 waiting")
        assert answers(hand) == {"limit": "", "key": "", "reason": ""}
        await hand.sees("no operator has set a limit on task shop.mail: there is none to reset")
        assert dialog.query_one("#yes", Button).disabled
        assert not dialog.query("#reset")
        limit, key = dialog.query_one("#limit", Input), dialog.query_one("#key", Input)
        limit.value = "4 at onec"
        await hand.sees("limit '4 at onec' must be '4 at once', '100/minute' or")
        limit.value, key.value = "4 at once", "account id"
        await hand.sees("'account id' is not an argument: a name or a position")
        key.value = "account_id"
        await hand.sees("in force: none that is known")
        await hand.sees("Same as  asok limit set --task shop.mail --key account_id '4 at once'")
        key.value, dialog.query_one("#reason", Input).value = "", "bank slow"
        await confirm(hand, "Limit task shop.mail to 4 at once?")
        await hand.until(lambda: bench.client.hexists(KEYS.holds, LIMIT_FIELD + TASK), "the limit")
        await hand.sees("Limited task shop.mail to 4 at once")
        await hand.sees("in force: no worker runs")

        # A digit acts at once after a confirmation; other keys may be the rest of what was typed.
        await hand.press("f5", "2")
        await hand.until(
            lambda: bool(hand.app.snapshot and hand.app.snapshot.limits), "the snapshot"
        )
        dialog = await form(hand)
        assert answers(hand) == {"limit": "4 at once", "key": "", "reason": "bank slow"}
        await hand.sees("in force: 4 at once, set by ")
        await hand.sees("without it: 9 at once, declared in code")
        await hand.sees("this limit is in force already")
        dialog.query_one("#reset", Button).press()
        await hand.sees("Same as  asok limit reset --task shop.mail")
        await confirm(hand, "Remove the set limit of task shop.mail?")
        await hand.until(
            lambda: not bench.client.hexists(KEYS.holds, LIMIT_FIELD + TASK), "the reset"
        )
        await hand.sees("Removed the set limit of task shop.mail")


@PLANTED
async def test_the_form_begins_with_what_is_under_the_cursor(
    bench: Bench, open_console: Open
) -> None:
    job = bench.job(queue="high", kwargs={"account_id": 17})
    bench.add_pending(job)
    waiting = [seal(job, KEYRING)]
    plant_bucket(bench.client, KEYED, "17", declared="1 at once", running=["a"], waiting=waiting,
                 queue="high")  # fmt: skip
    seed.tasks(bench.client)
    async with open_console(size=(120, 40)) as hand:
        for keys, known_by, subject, begun in (
            (("8", "g"), "attempts ended", "task shop.reports.monthly", {"key": ""}),
            (("1", "j", "j"), "▸ high", "queue 'high'", {}),
            (("2", "enter"), "Attempt", "task shop.mail", {"key": ""}),
            (("escape", "9"), "1 limit that jobs wait for", "task shop.mail by account_id",
             {"key": "account_id"}),
        ):  # fmt: skip
            await hand.press(*keys)
            await hand.sees(known_by)
            await hand.sees("U limit" if keys[-1] != "enter" else "limit ")
            await form(hand)
            await hand.sees(f"Limit {subject}")
            assert answers(hand) == {"limit": "", "reason": ""} | begun, keys
            await hand.press("escape")


async def test_a_read_only_console_limits_nothing(bench: Bench, open_console: Open) -> None:
    bench.add_pending(bench.job())
    async with open_console(read_only=True) as hand:
        await hand.open_list("2", of=1)
        assert not hand.shows("U limit")
        await hand.press("U")
        assert not isinstance(hand.app.screen, AnswersDialog)
