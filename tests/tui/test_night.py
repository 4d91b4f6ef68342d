"""Three in the morning: a queue hurts, and one operator has a terminal and no mouse."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.jobs.job import Job, new_id
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.console import OpenTerminal
from tests.programs import environment, running, wait_until
from tests.tui.seed import KEYS

APP = Path(__file__).parent / "app"
ORDERS = range(300, 340)

pytestmark = [pytest.mark.tmux, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def night(redis_url: str, tmp_path: Path) -> dict[str, str]:
    """The environment of the shop's worker."""
    return environment(
        {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": redis_url,
            "SECRET_KEY": SECRET_KEY,
            "NIGHT": str(tmp_path),
        },
        APP,
    )


def test_the_failing_queue_is_found_repaired_and_watched(
    redis_client: Any, night: dict[str, str], open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    down, charged = tmp_path / "gateway-is-down", tmp_path / "charged"
    down.touch()
    producer = RedisProducer(Settings.load(night))
    jobs = [Job(new_id(), "night", "charge", (n,), queue="payments") for n in ORDERS]
    jobs += [Job(new_id(), "night", "invoice", (n,)) for n in range(6)]
    producer.enqueue(jobs)
    producer.close()
    with running("-m", "asok_console", "worker", "--queues", "payments,default", env=night):
        wait_until(lambda: redis_client.llen(KEYS.dead) == 46, "46 dead jobs")

        # Which queue hurts, and why?
        terminal = open_terminal(size=(110, 30))
        terminal.sees("✗ 46 dead", "1 worker", "payments")
        # Rates are those of whole intervals of ten seconds.
        screen = terminal.sees("100 %")
        assert any("payments" in line and "100 %" in line for line in screen.splitlines())
        terminal.press("6")
        terminal.sees("1 of 46")
        terminal.press("v")
        terminal.sees("2 error groups", "40", "TimeoutError: gateway")
        terminal.press("Enter")
        terminal.sees("40 found")
        terminal.press("Enter")
        terminal.sees("night.py", "raise TimeoutError", "signed with our key")
        terminal.press("Escape")
        terminal.sees("40 found")

        # The gateway is reported to be up, and is not: the canary fails.
        terminal.press("C")
        terminal.sees("Requeue first")
        terminal.press("Enter")
        terminal.sees("Requeue 40 dead jobs with a canary?")
        terminal.press("Tab", "Enter")
        terminal.sees("Canary stopped: the same error returned")
        assert not charged.exists()
        wait_until(lambda: redis_client.llen(KEYS.dead) == 46, "the first ten back")

        # Now it is.
        down.unlink()
        terminal.press("Escape")
        terminal.sees("2 error groups")
        # Those that came back are newer than the others of their cause.
        wait_until(
            lambda: re.search(r"40 +(\S+ \S+) +(?!\1)\S+ \S+ .*Timeout", terminal.screen()),
            "the error groups again",
        )
        terminal.press("g", "C")
        terminal.sees("Requeue first")
        terminal.press("Enter")
        terminal.sees("Requeue 40 dead jobs with a canary?")
        terminal.press("Tab", "Enter")
        terminal.sees("Canary succeeded (requeued 40 jobs")
        wait_until(lambda: len(charged.read_text().split()) == len(ORDERS), "all payments")
        assert sorted(map(int, charged.read_text().split())) == list(ORDERS)
        terminal.press("4")
        terminal.sees("✓ completed  night.charge")

        # The rest is of no use; or is it?
        terminal.press("6")
        terminal.sees("1 error group ")
        terminal.press("D")
        terminal.sees("Purge 6 dead jobs?")
        terminal.type_word("purge")
        terminal.sees("Purged 6 jobs")
        assert redis_client.llen(KEYS.dead) == 0
        terminal.press("z")
        terminal.sees("Restore 6 jobs?")
        terminal.press("Tab", "Enter")
        terminal.sees("Restored 6 jobs")
        assert redis_client.llen(KEYS.dead) == 6
        terminal.press("7")
        terminal.sees("restore", "purge", "requeue")
        terminal.press("q")
        assert terminal.exit_status() == 0
