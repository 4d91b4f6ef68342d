"""A console with another SECRET_KEY than the application recognises that, and signs nothing."""

from __future__ import annotations

from collections.abc import Callable

import redis

from asok_core.jobs.envelope import dead_entry, peek, seal
from asok_core.jobs.keyring import Keyring
from asok_core.settings.settings import Settings
from tests.fixtures.console import Open
from tests.tui import seed
from tests.tui.seed import KEYS, job, job_id

OTHER = "0f" * 32


async def test_a_wrong_key_is_recognised_and_signs_nothing(
    redis_client: redis.Redis, open_console: Open, make_settings: Callable[..., Settings]
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 8))
    before = redis_client.lrange(KEYS.dead, 0, -1)
    async with open_console(size=(120, 40), settings=make_settings(SECRET_KEY=OTHER)) as hand:
        await hand.sees("it and SECRET_KEY_FALLBACKS verify none of 8 sampled jobs")
        await hand.open_list("6", of=8)
        await hand.sees("✗ SECRET_KEY does not match")
        await hand.press("T")
        await hand.sees("Type trust")
        await hand.sees("workers will refuse the jobs")
        await hand.press(*"trust", "enter", "enter")
        await hand.sees("Nothing was signed; set SECRET_KEY to the one of the workers")
        assert redis_client.lrange(KEYS.dead, 0, -1) == before
        assert not redis_client.llen(KEYS.queue("default"))


async def test_a_key_that_verifies_anything_is_not_called_wrong(
    redis_client: redis.Redis, open_console: Open, make_settings: Callable[..., Settings]
) -> None:
    """After a change of the key the old dead jobs do not verify, and the new jobs do."""
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 8))
    redis_client.lpush(KEYS.queue("default"), seal(job(1), Keyring(OTHER.encode())))
    async with open_console(size=(120, 40), settings=make_settings(SECRET_KEY=OTHER)) as hand:
        await hand.open_list("6", of=8)
        await hand.press("T")
        await hand.sees("Type trust")
        await hand.press(*"trust", "enter", "enter")
        await hand.sees("Requeued 1 job")
        assert "does not fit" not in hand.screen()


async def test_a_requeued_job_carries_its_error_with_it(
    redis_client: redis.Redis, open_console: Open
) -> None:
    dead_job = dead_entry(seal(job(1), seed.KEYRING), failed_at=5.0, error="TimeoutError: gateway")
    redis_client.rpush(KEYS.dead, dead_job)
    async with open_console(size=(120, 40)) as hand:
        await hand.open_list("6", of=1)
        await hand.press("r", "tab", "enter")
        await hand.sees("Requeued 1 job")
        (raw,) = redis_client.lrange(KEYS.queue("default"), 0, -1)
        assert isinstance(raw, bytes)
        found = peek(raw).job
        assert found is not None
        assert (found.id, found.extra) == (job_id(1), {"earlier_error": "TimeoutError: gateway"})
