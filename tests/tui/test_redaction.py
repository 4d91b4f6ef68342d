"""The console shows no hidden value: in no list, page, editor, preview, copy or export."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from textual.widgets import TextArea

from asok_console.tui.app import ConsoleApp
from asok_console.tui.navigation import VIEWS
from asok_console.tui.screens.edit import ArgumentsDialog
from asok_core.inspection.redaction import MASK
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.settings.settings import Settings
from tests.fixtures.console import Open, settled
from tests.tui import seed
from tests.tui.seed import KEYRING, KEYS

SECRET = "4111-1111-1111"


def put(client: redis.Redis) -> None:
    now = seed.server_time(client)
    marks = {"redact": {"names": ["user", "card"]}}
    job = replace(
        seed.job(1, "shop.pay"),
        args=("ada", SECRET),
        kwargs={"token": SECRET},
        queue="default",
        extra=marks,
    )
    error = f"ValueError: {SECRET} was declined"
    trace = f'Traceback (most recent call last):\n  File "x", line 3, in pay\n{error}'
    envelope = seal(job, KEYRING)
    client.lpush(KEYS.dead, dead_entry(envelope, failed_at=now - 5, error=error, traceback=trace))
    client.lpush(KEYS.queue("default"), seal(replace(job, id=seed.job_id(2)), KEYRING))
    client.zadd(KEYS.delayed, {seal(replace(job, id=seed.job_id(3)), KEYRING): now + 900})
    big = replace(job, id=seed.job_id(4), args=("ada", SECRET * 4000))
    client.lpush(KEYS.queue("default"), seal(big, KEYRING))


@pytest.mark.keeps_keys(r"(?s)asok:.*")
async def test_no_hidden_value_is_on_any_screen(
    redis_client: redis.Redis,
    make_settings: Callable[..., Settings],
    open_console: Open,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    copied: list[str] = []
    monkeypatch.setattr(ConsoleApp, "copy_to_clipboard", lambda _, text: copied.append(text))
    put(redis_client)
    settings = make_settings(ASOK_REDACT="card,token")
    async with open_console(size=(160, 50), settings=settings) as hand:
        for number, view in enumerate(VIEWS, 1):
            await hand.press(str(number))
            await settled(hand)
            assert "4111" not in hand.screen()
            if view.NAME in ("pending", "delayed", "dead"):
                await hand.sees(MASK)
                await hand.press("enter")
                await settled(hand)
                await hand.sees(f'"{MASK}"')
                assert "4111" not in hand.screen()
                await hand.press("y")
                await hand.until(lambda: copied, "the copied text")
                assert MASK in copied[0]
                assert "4111" not in copied.pop()
                await hand.press("escape")
        await hand.press("6", "r")
        await hand.sees("Requeue 1 dead")
        assert "4111" not in hand.screen()
        await hand.press("escape", "e")
        await hand.until(lambda: isinstance(hand.app.screen, ArgumentsDialog), "the editor")
        editor = hand.app.screen.query_one(TextArea)
        assert "4111" not in editor.text
        editor.text = editor.text.replace("ada", "grace")
        await settled(hand)
        await hand.press("ctrl+s")
        await hand.sees("1 dead")
        assert "4111" not in hand.screen()
        await hand.press("tab", "enter")
        await hand.until(lambda: redis_client.llen(KEYS.queue("default")) == 3, "the requeued job")
    (raw, *_) = redis_client.lrange(KEYS.queue("default"), 0, -1)
    job = json.loads(json.loads(raw)["job"])
    assert (job["args"], job["kwargs"]) == (["grace", SECRET], {"token": SECRET})
