"""A read-only console sends Redis nothing that could write, whatever is pressed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from asok_console.tui.keys.operations import OPERATIONS
from tests.fixtures.command_line import Ran
from tests.fixtures.console import Hand, Open
from tests.tui import seed

LINE = re.compile(rb'^\+?[\d.]+ \[\d+ (?P<from>[^\]]+)\] "(?P<command>[^"]+)"')


class Witness:
    """Everything that Redis is asked, from its making on."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        info: dict[str, dict[str, Any]] = client.command()
        self.writing = {name for name, each in info.items() if "write" in each["flags"]}
        self.known = set(info)
        self._connection: Any = client.connection_pool.get_connection()
        self._connection.send_command("MONITOR")
        self._connection.read_response()

    def commands(self) -> Iterator[tuple[str, bytes]]:
        """Each command that arrived before this call, and its line."""
        mark = uuid.uuid4().hex.encode()
        self._client.echo(mark)
        while mark not in (line := self._connection.read_response(disable_decoding=True)):
            found = LINE.match(line)
            assert found, line
            yield found["command"].decode().lower(), line[:300]

    def close(self) -> None:
        self._connection.disconnect()


@pytest.fixture
def witness(redis_client: redis.Redis) -> Iterator[Witness]:
    made = Witness(redis_client)
    yield made
    made.close()


KEYS = ("r", "R", "d", "D", "T", "C", "P", "H", "e", "n", "z", "f", "M", "S", "U", "space", "enter")
"""The keys of all operations but the export, which writes a file; not ``q``, which quits."""


async def press_everything(hand: Hand, views: str) -> None:
    """Press each key in each of these views, and answer yes to whatever is asked."""
    for view in views:
        for key in KEYS:
            await hand.press(view, key)
            for answer in ("tab", "y", "enter", "escape"):
                if len(hand.app.screen_stack) > 1:
                    await hand.press(answer)
            await hand.press("escape", "escape", "escape")


@pytest.mark.timeout(400)
@pytest.mark.keeps_keys(r"(?s)asok:.*")
@pytest.mark.parametrize(
    ("read_only", "views"), [(True, "123456789"), (False, "26")], ids=["read-only", "control"]
)
async def test_no_key_of_a_read_only_console_writes(
    read_only: bool, views: str, redis_client: redis.Redis, witness: Witness, open_console: Open
) -> None:
    seed.shop(redis_client)
    seeded = list(witness.commands())
    assert any(name in witness.writing for name, _ in seeded)
    async with open_console(size=(120, 40), read_only=read_only) as hand:
        await press_everything(hand, views)
    asked = list(witness.commands())
    written = [(name, line) for name, line in asked if name in witness.writing]
    assert not [line for name, line in asked if name not in witness.known]
    assert len(asked) > 100
    if read_only:
        assert written == []
    else:
        # The same keys, where they may: so the hand and the witness miss nothing.
        assert len(written) > 10


def test_the_key_of_every_operation_is_pressed() -> None:
    keys = {each.keys.partition(",")[0] for each in OPERATIONS if each.name != "export"}
    assert keys - {""} <= set(KEYS)


READING = (
    *(("worker", "status"), ("worker", "status", "--json"), ("queue", "list"), ("dlq", "list")),
    *(("dlq", "groups"), ("dlq", "export", "-"), ("dlq", "requeue", "--all", "--dry-run")),
    *(("dlq", "purge", "--all", "--dry-run"), ("queue", "purge", "default", "--dry-run")),
    *(("job", "show", seed.job_id(5000)), ("job", "list", "--state", "pending"), ("audit",)),
    *(("job", "list", "--state", "delayed"), ("job", "list", "--state", "recent")),
    *(("job", "list", "--state", "running"), ("trash", "list"), ("note", "list")),
)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_no_command_that_reads_writes(
    words: tuple[str, ...], redis_client: redis.Redis, witness: Witness, asok: Callable[..., Ran]
) -> None:
    seed.shop(redis_client)
    list(witness.commands())
    ran = asok(*words)
    assert ran.code in {0, 1}, ran
    asked = list(witness.commands())
    assert asked
    assert not [(name, line) for name, line in asked if name in witness.writing]
