"""Each key of ours, holding whatever can be written into it: nothing exits, everything else continues."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import pytest

from asok_core.backends.redis.keys import Keys
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import Desk, RunWorker
from tests.poison.poisons import keep, poisons, restore
from tests.poison.stage import PoisonStage

CHANNELS = {"wake", "done"}
NOT_KEYS = {"namespace", "queue_name", "active_parts", "held_parts", "held_list", "absent"}
ALL = sorted(
    {name for name, _ in inspect.getmembers(Keys) if not name.startswith("_")}
    - set(dir(tuple))
    - CHANNELS
    - NOT_KEYS
)
"""Every key that ``Keys`` names, so that no new one is left out."""
NONE = (None, 0)
"""The contents and the time to live of a key that is not there."""
GATES = {"workers"}
"""Without leases no worker may run a job: all it can do is to wait until the key is repaired."""


@pytest.fixture
def stage(desk: Desk, run_worker: RunWorker, asok: Callable[..., Ran]) -> Iterator[PoisonStage]:
    made = PoisonStage(desk, run_worker, asok)
    yield made
    made.close()


@pytest.mark.timeout(400)
@pytest.mark.keeps_keys(r"(?s)asok:.*")
@pytest.mark.parametrize("name", ALL)
def test_everything_continues_whatever_a_key_holds(name: str, stage: PoisonStage) -> None:
    client = stage.desk.client
    for poison in poisons(name, stage.target):
        kept = keep(client)
        poison.write(client)
        written = keep(client)
        changed = [
            key for key in {*kept, *written} if kept.get(key, NONE)[0] != written.get(key, NONE)[0]
        ]
        stage.rounds.wait()
        stage.commands(poison.label, changed)
        if name not in GATES:
            stage.works()
        stage.lives()
        restore(client, kept)
    stage.works()
    # The application waits for the job that ran all the time, unless its own record was spoiled.
    if name != "job":
        assert not stage.future.done()
        stage.desk.release("door")
        assert stage.future.result(60) is None
