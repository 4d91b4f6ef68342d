"""The console beside poisoned keys: it shows what it can read, and its thread continues."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from asok_console.presentation.limits import limit_document, value_lines
from asok_console.tui.data.poller import ReadFailed
from asok_console.tui.navigation import VIEWS
from asok_console.tui.screens.task import SPANS, TaskScreen
from asok_core.inspection.limits import states_of
from asok_core.inspection.task_figures import RANGES, TaskRange
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.fixtures.console import Hand, Open, settled
from tests.poison.poisons import KEYS, TASK, Poison, Target, keep, poisons, restore
from tests.poison.stage import OPERATION
from tests.poison.test_keys import ALL
from tests.tui import seed

TARGET = Target("ghost", "job-1", "default", OPERATION, "here")
OPENED = ("pending", "delayed", "jobs", "workers", "dead")
"""Views of which the row under the cursor is opened too."""
TESTS, ROUNDS = 3, 18
STEP = 7
"""Between the attacks of two rounds on one key: those on records are many, and neighbours are alike."""


def furnish(client: redis.Redis) -> None:
    """What leads a reader to each key: a worker, dead jobs, ids of jobs that finished, a limit."""
    now = seed.server_time(client)
    client.rpush(KEYS.dead, *seed.dead_jobs(now, 3))
    client.zadd(KEYS.workers, {TARGET.worker: now * 1000 + 600_000})
    client.hset(KEYS.worker(TARGET.worker), mapping={"queues": "default", "processes": "1"})
    client.lpush(KEYS.recent, TARGET.running, "poisoned")
    client.sadd(KEYS.queues, "default")
    client.sadd(KEYS.held_lists, "limit-0:default")
    client.lpush(KEYS.held("limit-0", "default"), b"word")
    client.hset(KEYS.limit("limit-0"), mapping={"identity": "queue:default", "declared": "1/s"})


@pytest.mark.timeout(400)
@pytest.mark.keeps_keys(r"(?s)asok:.*")
@pytest.mark.parametrize("name", ALL)
def test_every_reading_answers_whatever_a_key_holds(
    name: str, redis_client: redis.Redis, make_settings: Any
) -> None:
    settings: Settings = make_settings()
    reader = open_reader(settings)
    furnish(redis_client)
    for poison in poisons(name, TARGET):
        kept = keep(redis_client)
        poison.write(redis_client)
        snapshot = reader.snapshot()
        assert "default" in {queue.name for queue in snapshot.queues}, poison.label
        reader.history("default", 10, 30)
        reader.history(None, 60, 30)
        for queue in (None, "default"):
            reader.queue_history(queue, lambda now: (now - 3_600, now))
            reader.queue_history(queue, lambda now: (now - 1_209_600, now))
        for span in RANGES.values():
            reader.tasks(span)
            reader.task_history(TASK, span)
        for whole in (False, True):
            reader.pending("default", 0, 50, whole=whole)
            reader.delayed(0, 50, whole=whole)
            reader.dead(0, 50, whole=whole)
            for location in (Location.PENDING, Location.DELAYED, Location.DEAD):
                list(reader.scan(location, whole=whole))
        reader.running()
        reader.recent(0, 50)
        reader.due(snapshot.taken_at, 60.0, 10)
        reader.job(TARGET.running)
        reader.job("poisoned")
        reader.activity(50)
        reader.notes()
        limits = reader.limits()
        for state in states_of(limits):
            limit_document(state, limits, snapshot, 3)
            list(value_lines(state, limits, 3))
        reader.trash()
        reader.check_key()
        restore(redis_client, kept)
    reader.close()


@pytest.mark.timeout(400)
@pytest.mark.keeps_keys(r"(?s)asok:.*")
@pytest.mark.parametrize("first", range(TESTS))
async def test_the_console_continues_whatever_all_keys_hold(
    first: int, redis_client: redis.Redis, open_console: Open
) -> None:
    attacks = {name: poisons(name, TARGET) for name in ALL}
    failures: list[str] = []
    furnish(redis_client)
    kept = keep(redis_client)
    async with open_console(size=(100, 30)) as hand:
        post = hand.app.poller._post

        def listening(message: Any) -> object:
            if isinstance(message, ReadFailed):
                failures.append(message.line)
            return post(message)

        hand.app.poller._post = listening
        for number in range(first, ROUNDS, TESTS):
            written: list[Poison] = [each[number * STEP % len(each)] for each in attacks.values()]
            for poison in written:
                poison.write(redis_client)
            await look_at_everything(hand)
            labels = [poison.label for poison in written]
            assert not failures, (failures, labels)
            restore(redis_client, kept)


async def look_at_everything(hand: Hand) -> None:
    """Open each view and the row under its cursor, until there is another snapshot."""
    app = hand.app
    assert app.snapshot is not None
    before = app.snapshot.taken_at
    for number, view in enumerate(VIEWS, 1):
        await hand.press(str(number))
        await settled(hand)
        if view.NAME in OPENED:
            await hand.press("enter")
            await settled(hand)
            await hand.press("escape")
    await look_at_a_task(hand)
    app.poller.hurry()
    await hand.until(lambda: app.snapshot and app.snapshot.taken_at > before, "another snapshot")


async def look_at_a_task(hand: Hand) -> None:
    """Open the page of a task, and wait until all of it has been read for each range of time."""
    hand.app.show_task(TASK, SPANS[0])
    page = hand.app.screen
    assert isinstance(page, TaskScreen)
    for span in SPANS:
        await hand.until(lambda: _is_read(page, span), f"the page of a task, {span.name}")  # noqa: B023
        await hand.press("right_square_bracket")
    await hand.press("escape")


def _is_read(page: TaskScreen, span: TaskRange) -> bool:
    found = page._found
    return found is not None and found.span == span and found.jobs is not None
