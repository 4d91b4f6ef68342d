"""Edit then requeue, trust then requeue, find by id."""

from __future__ import annotations

import json

import pytest
import redis
from textual.widgets import TextArea

from asok_console.tui.screens.edit import ArgumentsDialog, read_arguments
from asok_core.jobs.envelope import dead_entry
from asok_core.jobs.job_text import to_text
from tests.fixtures.console import Open
from tests.tui import seed
from tests.tui.seed import KEYS


async def test_a_dead_job_is_edited_and_requeued(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(2) as hand:
        await hand.press("e")
        await hand.sees("✓ the same as before")
        assert isinstance(hand.app.screen, ArgumentsDialog)
        editor = hand.app.screen.query_one(TextArea)
        editor.text = editor.text.replace("4711", "4711.0")
        await hand.sees("✓ valid, changed")
        editor.text = '{"args": ["grace@example.org"'
        await hand.sees("✗ line 1")
        await hand.press("ctrl+s")
        assert isinstance(hand.app.screen, ArgumentsDialog)
        editor.text = '{"args": ["grace@example.org", 4712], "kwargs": {"copy": true}}'
        await hand.sees("✓ valid, changed")
        await hand.press("ctrl+s")
        await hand.sees("Requeue 1 dead job with changed arguments?")
        await hand.press("tab", "enter")
        await hand.sees("Requeued 1 job")
    (raw,) = redis_client.lrange(KEYS.queue("default"), 0, -1)
    job = json.loads(json.loads(raw)["job"])
    assert (job["args"], job["kwargs"]) == (["grace@example.org", 4712], {"copy": True})
    assert redis_client.llen(KEYS.dead) == 1


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("[1]", "it must be"),
        ('{"args": 1}', '"args" must be a list'),
        ('{"kwargs": []}', '"kwargs" must be an object'),
        ('{"arg": []}', "it must be"),
        ("{", "line 1, column 2"),
        ('{"args": [{"a": [NaN]}]}', "argument 1: a[0] is nan, which JSON cannot encode"),
        ('{"kwargs": {"n": ' + "1" * 5000 + "}}", "Exceeds the limit"),
    ],
)
def test_what_is_not_an_argument_list_is_reported(text: str, reported: str) -> None:
    changed, problem = read_arguments(text)
    assert changed is None
    assert reported in problem


async def test_an_unsigned_dead_job_runs_only_on_an_explicit_word(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    bare = json.loads(to_text(seed.job(1))) | {"failed_at": now, "error": "Boom"}
    redis_client.rpush(
        KEYS.dead, json.dumps(bare), dead_entry(b"junk", failed_at=now, error="malformed")
    )
    async with open_console() as hand:
        await hand.press("6")
        await hand.sees("⚠ unsigned: Boom")
        await hand.press("r")
        await hand.sees("Requeue 1 dead job?")
        await hand.press("tab", "enter")
        await hand.sees("1 refused: unsigned")
        assert redis_client.llen(KEYS.dead) == 2
        await hand.press("e")
        said = "Cannot edit: unsigned. Trust and requeue (T) requeues a dead job as it is."
        await hand.until(lambda: said in [each.message for each in hand.app._notifications], said)
        assert redis_client.llen(KEYS.dead) == 2
        await hand.press("T")
        await hand.sees("Type trust to confirm")
        await hand.press("shift+tab", *"trust", "enter")
        await hand.press("enter")
        await hand.sees("Requeued 1 job")
        assert redis_client.llen(KEYS.queue("default")) == 1
