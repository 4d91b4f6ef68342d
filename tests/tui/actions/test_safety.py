"""The rules that keep an operator from harm, each on a real Redis."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import redis
from textual.message import Message

from asok_console.demo.embedded import EmbeddedRedis
from asok_console.tui.actions.runner import OperationProgressed
from asok_console.tui.keys.operations import OPERATIONS
from asok_console.tui.navigation import VIEWS
from asok_console.tui.screens.ask import AnswersDialog
from asok_console.tui.screens.confirm import ConfirmationDialog
from asok_console.tui.widgets.key_bar import KeyBar
from asok_core.backends.redis.calls.operations import Purge
from asok_core.inspection.audit import TRASH_KEPT, TRASH_TTL
from asok_core.operations.catalog.confirmation import is_grave
from asok_core.operations.catalog.dead_jobs import PurgeDead, RequeueDead
from asok_core.operations.catalog.entry import TO_TRASH, CatalogOperation
from asok_core.operations.catalog.switches import PauseQueue, PurgeQueue, StopWorker
from asok_core.operations.catalog.waiting_jobs import (
    CancelDelayed,
    CancelPending,
    PromoteDelayed,
)
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.console import PATIENCE, Hand, Open
from tests.tui import seed
from tests.tui.seed import KEYS

BULK = 9000
"""Dead jobs of a bulk operation that takes a while: thirty batches."""


def everything(client: redis.Redis) -> dict[bytes, object]:
    """All that Redis holds."""
    read: dict[bytes, Callable[[bytes], object]] = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"stream": client.xrange,
    }
    keys = cast("list[bytes]", client.keys("*"))
    return {key: read[cast("bytes", client.type(key))](key) for key in keys}


def ids(client: redis.Redis, *keys: str) -> list[str]:
    """The jobs in some lists, in order of their ids."""
    raws = [raw for key in keys for raw in client.lrange(key, 0, -1)]
    return sorted(json.loads(json.loads(raw)["job"])["id"] for raw in raws)


@contextmanager
def held(hand: Hand) -> Iterator[None]:
    """Let a bulk operation wait after its first batch."""
    runner = hand.app.flow.runner
    post, proceed = runner._post, threading.Event()

    def post_and_wait(message: Message) -> object:
        posted = post(message)
        if isinstance(message, OperationProgressed):
            proceed.wait(PATIENCE)
        return posted

    runner._post = post_and_wait
    try:
        yield
    finally:
        proceed.set()


async def to_the_list(hand: Hand, view: str) -> None:
    await hand.press(str([each.NAME for each in VIEWS].index(view) + 1))
    await hand.until(lambda: not hand.shows("Reading …"), "the rows")


async def test_no_key_changes_anything_before_a_question_with_the_focus_on_cancel(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    before = everything(redis_client)
    asked: set[tuple[type[CatalogOperation], bool]] = set()
    async with open_console(size=(110, 34), interval=2.0) as hand:
        for view in VIEWS:
            await to_the_list(hand, view.NAME)
            for key in sorted({a.keys.split(",")[0] for a in OPERATIONS if view.NAME in a.views}):
                # The sum of all queues and a worker's job have no actions of their own.
                await hand.until(
                    lambda: not hand.app.stray_keys.lasts, "the end of what is swallowed"
                )
                await hand.press("j" if view.NAME == "overview" else "g", key)
                screen = hand.app.screen
                if key == "P" and isinstance(screen, AnswersDialog):
                    # It asks for nothing that must be answered.
                    await hand.press("enter")
                    screen = hand.app.screen
                if isinstance(screen, ConfirmationDialog):
                    asked.add((type(screen.plan.operation), screen.plan.scope.ids is None))
                    plan = screen.plan
                    assert screen.focused is screen.query_one("#no"), plan.title
                    await hand.sees(plan.title)
                    await hand.sees("redis://cache.internal:6379/0")
                    await hand.sees(" ".join(plan.equivalent.split()[:3]))
                    typed = is_grave(plan.operation, plan.scope)
                    assert bool(screen.query("#word")) == typed, plan.title
                    assert screen.query_one("#yes").disabled == typed
                    # Enter presses what has the focus.
                    await hand.press("enter")
                elif isinstance(screen, AnswersDialog):
                    await hand.press("escape")
                assert len(hand.app.screen_stack) == 1
    assert everything(redis_client) == before
    both = {(each, by_filter) for each in (RequeueDead, PurgeDead) for by_filter in (True, False)}
    assert asked >= both
    assert asked >= {(each, False) for each in (CancelPending, CancelDelayed, PromoteDelayed)}
    whole = (PauseQueue, PurgeQueue, StopWorker, PromoteDelayed)
    assert asked >= {(each, True) for each in whole}


async def test_a_click_on_a_key_asks_as_well(redis_client: redis.Redis, open_console: Open) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 6))
    before = everything(redis_client)
    async with open_console(size=(110, 30)) as hand:
        await to_the_list(hand, "dead")
        await hand.sees("1 of 6")
        line = hand.screen().splitlines()[-1]
        await hand.pilot.click(KeyBar, offset=(line.index("D all"), 0))
        await hand.sees("Purge 6 dead jobs?")
        await hand.pilot.click("#yes")
        assert isinstance(hand.app.screen, ConfirmationDialog)
        await hand.pilot.click("#no")
        await hand.until(lambda: len(hand.app.screen_stack) == 1)
    assert everything(redis_client) == before


async def test_a_bulk_operation_shows_how_far_it_is_and_x_stops_it(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), BULK))
    every = ids(redis_client, KEYS.dead)
    async with open_console(size=(110, 30)) as hand:
        await to_the_list(hand, "dead")
        await hand.press("R")
        await hand.sees("Requeue 9,000 dead jobs?")
        with held(hand):
            await hand.press("tab", "enter", "Y")
            await hand.sees(" done   x stops it")
            await hand.sees("x stops it")
            await hand.press("x")
        await hand.sees("stopped before the end")
        left = redis_client.llen(KEYS.dead)
        assert 0 < left < BULK
        queues = [KEYS.queue(name) for name in ("default", "high", "low")]
        assert ids(redis_client, KEYS.dead, *queues) == every
        await hand.press("7")
        await hand.sees("⊘ stopped")
        await hand.sees(f"{BULK - left:,}"[:5])


async def test_what_was_done_is_in_the_audit(redis_client: redis.Redis, open_console: Open) -> None:
    seed.shop(redis_client)
    async with open_console(size=(120, 30)) as hand:
        for view, key, done in (
            ("dead", "r", "Requeued 1 job"),
            ("pending", "d", "Cancelled 1 job"),
            ("delayed", "r", "Promoted 1 job"),
            ("pending", "P", "Paused queue"),
        ):
            await to_the_list(hand, view)
            await hand.until(lambda: hand.rows.row is not None, "a row")
            await hand.press(*([key, "enter"] if key == "P" else [key]))
            await hand.until(lambda: isinstance(hand.app.screen, ConfirmationDialog), "a question")
            await hand.press("tab", "enter")
            await hand.sees(done)
        await hand.press("7")
        for action in ("requeue", "cancel", "promote", "pause"):
            await hand.sees(action)
        assert hand.screen().count("✓ done") == 4
        assert "z, 23h" in hand.screen()


async def test_an_undo_is_offered_as_long_as_the_trash_holds_it(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    for operation, age in (("older", 80_000), ("newer", 590)):
        redis_client.rpush(KEYS.trash(operation), *seed.dead_jobs(now, 3))
        redis_client.expire(KEYS.trash(operation), TRASH_TTL - age)
        entry = {
            "operation": operation,
            "at": now - age,
            "action": "purge",
            "place": "dead",
        }
        redis_client.xadd(KEYS.audit, entry | {"state": "done", "applied": 3})  # type: ignore[arg-type]
    async with open_console(size=(120, 30)) as hand:
        await hand.press("7")
        await hand.sees("2 can be undone")
        await hand.press("j", "z")
        await hand.sees("Restore 3 jobs?")
        await hand.sees("1h 46 left")
        await hand.press("escape")
        redis_client.delete(KEYS.trash("older"))
        await hand.sees("1 can be undone")
        await hand.press("z")
        assert len(hand.app.screen_stack) == 1


def test_every_text_names_the_time_that_the_trash_is_kept() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    assert TRASH_TTL == 24 * 3600
    assert f"can restore it within {TRASH_KEPT}" in readme
    assert TRASH_KEPT in TO_TRASH.words
    undoable = {each.operation.undo.words for each in OPERATIONS if each.operation.undo.to_trash}
    assert undoable
    assert all(TRASH_KEPT in each for each in undoable)
    assert f":trash:' .. op), {TRASH_TTL})" in Purge.script().text


async def test_the_scroll_holds_as_well(redis_client: redis.Redis, open_console: Open) -> None:
    now = seed.server_time(redis_client)
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(now, 400))
    async with open_console() as hand:
        await to_the_list(hand, "dead")
        await hand.sees("1 of 400")
        await hand.press("pagedown", "pagedown", "k", "space")
        rows = hand.rows
        await hand.until(lambda: rows.row is not None)
        shown = [row.key for row in rows.visible_rows]
        marked, held = set(rows.cursor.marks), rows.cursor.key
        for first in (10_000, 11_000, 12_000):
            redis_client.lpush(KEYS.dead, *seed.dead_jobs(now + 9, 30, first=first, every=0.01))
            redis_client.ltrim(KEYS.dead, 0, 390)
            await hand.until(lambda: hand.app.snapshot and hand.app.snapshot.dead == 391)
        await hand.until(lambda: rows.cursor.position > 100 and rows.row is not None)
        assert rows.cursor.key == held
        assert set(rows.cursor.marks) == marked
        assert [row.key for row in rows.visible_rows] == shown


async def test_a_user_who_may_not_write_is_informed_whatever_is_tried(
    embedded_redis: Callable[..., EmbeddedRedis], open_console: Open
) -> None:
    server = embedded_redis()
    with redis.Redis.from_url(server.url) as client:
        seed.shop(client)
        client.execute_command(
            "ACL", "SETUSER", "looker", "on", ">pw", "~*", "&*", "+@all", "-@write"
        )
        before = everything(client)
        settings = Settings.load(
            {
                "ASOK_QUEUE_BACKEND": "redis",
                "ASOK_REDIS_URL": server.url.replace("unix://", "unix://looker:pw@"),
                "SECRET_KEY": SECRET_KEY,
            }
        )
        async with open_console(settings=settings, size=(110, 30)) as hand:
            for view, keys in (
                ("dead", ("R", "tab", "enter")),
                ("dead", ("D", *"purge", "enter", "enter")),
                ("pending", ("d", "tab", "enter")),
                ("delayed", ("r", "tab", "enter")),
                ("pending", ("P", "tab", "enter")),
            ):
                await to_the_list(hand, view)
                await hand.until(lambda: hand.rows.row is not None, "a row")
                await hand.press(*([keys[0], "enter"] if keys[0] == "P" else [keys[0]]))
                await hand.until(
                    lambda: isinstance(hand.app.screen, ConfirmationDialog), "a question"
                )
                await hand.press(*keys[1:])
                await hand.sees("this user may not do that")
                assert not hand.app.state.failing
        assert everything(client) == before
