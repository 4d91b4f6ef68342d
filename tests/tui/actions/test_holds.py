"""Holds by the key H: what they begin with, what they would hold, and where they are in force."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing

import pytest
import redis
from textual.widgets import Input

from asok_console.tui.actions.runner import OperationFinished, OperationRun
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.screens.ask import AnswersDialog
from asok_console.tui.screens.confirm import ConfirmationDialog
from asok_console.tui.views.dead import DeadView
from asok_console.tui.views.shared.hold_rules import rule_of_group
from asok_core.backends.roles import OperationResult, Scope
from asok_core.inspection import error_groups
from asok_core.inspection.error_groups import OTHER_NAMES, UNREADABLE, ErrorGroup
from asok_core.inspection.holds import Hold
from asok_core.jobs.states import Location
from asok_core.operations.catalog.entry import Access, FollowUp
from asok_core.operations.catalog.holds import HoldJobs
from asok_core.operations.enforcement import wait_until_enforced
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.fixtures.bench import Bench
from tests.fixtures.console import Hand, Open
from tests.tui import seed
from tests.tui.seed import KEYS

SIZES = [(80, 24), (120, 40), (200, 60)]


def answers(hand: Hand) -> dict[str, str]:
    return {str(each.id): each.value for each in hand.app.screen.query(Input)}


async def opened(hand: Hand) -> AnswersDialog:
    await hand.press("H")
    await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog), "the dialog")
    assert isinstance(hand.app.screen, AnswersDialog)
    return hand.app.screen


def rules(client: redis.Redis) -> list[dict[str, object]]:
    fields = client.hgetall(KEYS.holds)
    return [json.loads(text) for name, text in fields.items() if name != b"generation"]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_jobs_of_a_task_are_held_by_a_condition_that_is_offered(
    bench: Bench, open_console: Open, size: tuple[int, int]
) -> None:
    bench.add_pending(*(bench.job(queue="high", args=(at % 2, "x, y")) for at in range(5)))
    bench.delay(bench.job(args=(0,)), bench.job(function="other", args=(0,)))
    for name in ("web-1", "web-2", "web-3"):
        seed.worker(bench.client, name, queues=("high",), concurrency=1, running=0, first=1)
        if name != "web-3":
            bench.client.hset(KEYS.worker(name), "holds", "0")
    async with open_console(size=size, view="pending") as hand:
        await hand.open_list("2", of=5)
        dialog = await opened(hand)
        assert answers(hand) == dict.fromkeys(("queue", "arguments", "until", "reason"), "") | {
            "task": "shop.mail"
        }
        await hand.sees("Hold jobs of task shop.mail")
        await hand.sees('any; as in 0=0, 1="x, y"')
        await hand.sees("Would hold 5 pending jobs and 1 delayed job")
        dialog.query_one("#arguments").focus()
        # What is offered is completed as it is typed.
        await hand.press("0", "=")
        await hand.until(lambda: dialog.query_one("#arguments", Input)._suggestion == "0=0", "it")
        await hand.press("right")
        await hand.sees("Would hold 3 pending jobs and 1 delayed job")
        await hand.press("tab", "9", "9", "z", "z")
        await hand.sees("'99zz' is not a time or a length of time, as in 18:00 or 2h")
        dialog.query_one("#until", Input).value = "2h"
        counted = dialog._job_count
        dialog.query_one("#reason", Input).value = "bank down"
        await hand.sees("asok hold add --task shop.mail --arg 0=0 --for 2h")
        assert dialog._job_count is counted, "neither the end nor the reason changes what matches"
        await hand.sees("Would hold 3 pending jobs")
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, ConfirmationDialog), "the question")
        await hand.sees("Hold jobs of task shop.mail, args[0] == 0?")
        await hand.sees("Would hold 3 pending jobs")
        await hand.sees("after 2 hours a worker returns them")
        await hand.press("y")
        await hand.until(lambda: bench.client.hexists(KEYS.holds, "generation"), "the hold")
        for name in ("web-1", "web-2"):
            generation = bench.client.hget(KEYS.holds, "generation")
            bench.client.hset(KEYS.worker(name), "holds", generation)
        await hand.sees("in force on 2 of 3 workers; earlier releases ignore it: web-3")
        await hand.sees("on task shop.mail, args[0] == 0 by ")
    (rule,) = rules(bench.client)
    assert (rule["task"], rule["conditions"]) == ("shop.mail", [["args[0]", "==", 0]])
    assert (rule["queue"], rule["reason"], "until" in rule) == ("", "bank down", True)


async def test_the_rule_begins_with_what_is_under_the_cursor(
    bench: Bench, open_console: Open
) -> None:
    bench.add_pending(bench.job(queue="high"))
    bench.add_dead(bench.job(function="other"), *(bench.job() for _ in range(2)))
    seed.tasks(bench.client)
    async with open_console(size=(120, 40)) as hand:
        for keys, known_by, begun in (
            (("6",), "1 of 3", {"task": "shop.mail"}),
            (("v",), "1 error group", {"task": "shop.mail"}),
            (("8", "g"), "attempts ended", {"task": "shop.reports.monthly"}),
            (("1", "j", "j"), "▸ high", {"queue": "high"}),
            (("2", "enter"), "Attempt 4 of 4", {"task": "shop.mail"}),
        ):
            await hand.press(*keys)
            await hand.sees(known_by)
            await opened(hand)
            assert answers(hand) == dict.fromkeys(answers(hand), "") | begun, keys
            share = "2 of 3 dead jobs of this error are of this task"
            assert hand.shows(share) == (keys == ("v",))
            await hand.press("escape")
        # Of a job, its queue is offered.
        await opened(hand)
        await hand.sees("any; as in high")
        hand.app.screen.query_one("#task", Input).value = ""
        await hand.sees("a hold must name a task, a queue, an argument or a release")
        await hand.press("enter")
        assert isinstance(hand.app.screen, AnswersDialog)
    assert not bench.client.exists(KEYS.holds)


async def test_hidden_arguments_are_counted_and_not_offered(
    bench: Bench, open_console: Open, make_settings: Callable[..., Settings]
) -> None:
    bench.add_pending(bench.job(kwargs={"password": "abc", "user": "ann"}))
    settings = make_settings(ASOK_REDACT="password")
    reader = open_reader(settings, redacted=False)
    async with open_console(size=(120, 40), settings=settings, unredacted=reader) as hand:
        await hand.open_list("2", of=1)
        dialog = await opened(hand)
        offered = dialog._plan.offers["arguments"]
        assert not [each for each in offered if "password" in each], offered
        assert "user=ann" in offered
        dialog.query_one("#arguments", Input).value = "password=abc"
        await hand.sees("Would hold 1 pending job and 0 delayed jobs")
    reader.close()


async def test_a_read_only_console_holds_nothing(bench: Bench, open_console: Open) -> None:
    bench.add_pending(bench.job())
    async with open_console(read_only=True) as hand:
        await hand.open_list("2", of=1)
        assert not hand.shows("H hold")
        await hand.press("H")
        said = [each.message for each in hand.app._notifications]
        assert "This session is read-only." in said
        assert not isinstance(hand.app.screen, AnswersDialog)


class Followed(HoldJobs):
    """A hold whose follow-up fails."""

    def follow_up(self, access: Access, result: OperationResult) -> FollowUp:
        raise ValueError("no")


def test_a_hold_is_reported_as_made_whatever_fails_after_it(
    bench: Bench, make_settings: Callable[..., Settings]
) -> None:
    away = open_reader(make_settings(ASOK_REDIS_URL="redis://127.0.0.1:1/0"))
    found = wait_until_enforced(away, "abc", 1, patience=0.0)
    assert (found.known, found.whole, found.brief) == (False, False, "not known")
    assert found.words.startswith("whether it is in force is not known: cannot reach Redis at ")
    plan = OperationPlan(Followed(Hold("", task="shop.mail")), Scope(Location.HELD), None)
    posted: list[object] = []
    with closing(away):
        OperationRun(1, plan, Access(away, bench.operator), posted.append).run()
    (ended,) = posted
    assert isinstance(ended, OperationFinished)
    assert ended.line.startswith("Added hold ")
    assert ended.line.endswith("; whether it has taken effect is not known: ValueError: no")
    assert (ended.tone, ended.result and ended.result.applied) == ("warn", 1)


def test_what_stands_for_several_tasks_is_not_offered() -> None:
    group = ErrorGroup("E", 60, tasks={OTHER_NAMES: 50, "shop.mail": 5, UNREADABLE: 6})
    group.queues = {OTHER_NAMES: 50, "high": 5}
    subject = rule_of_group(group)
    assert subject is not None
    assert (subject.task, subject.tasks, subject.queues) == ("shop.mail", ("shop.mail",), ("high",))


async def test_the_other_errors_are_not_held(
    open_dead: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_groups, "MOST_GROUPS", 1)
    async with open_dead(6, size=(120, 40)) as hand:
        await hand.press("v")
        await hand.sees("(other errors)")
        view = hand.app.query_one(DeadView)
        while view.groups.row is None or not view.groups.row.is_rest:
            await hand.press("j")
        for key in ("H", "r", "n"):
            await hand.press(key)
            why = "these jobs have different errors; choose another error group."
            assert hand.app._notifications, key
            assert [*hand.app._notifications][-1].message.endswith(why), key
            assert not isinstance(hand.app.screen, AnswersDialog)
