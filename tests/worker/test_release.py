"""ASOK_RELEASE: what a worker reports of the application's release."""

from __future__ import annotations

import pytest

from asok_core.errors import SettingsError
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.fixtures.worker import Desk, RunWorker


@pytest.mark.parametrize(("given", "reported"), [("4f2a1c", "4f2a1c"), ("", "")])
def test_the_release_is_in_the_heartbeat(
    desk: Desk, run_worker: RunWorker, given: str, reported: str
) -> None:
    run_worker(ASOK_RELEASE=given)
    desk.idle()
    reader = open_reader(desk.settings)
    (worker,) = reader.snapshot().workers
    reader.close()
    assert worker.release == reported


@pytest.mark.parametrize("release", ["two words", "x" * 65, "-dash", "é"])
def test_a_release_that_cannot_be_one_is_an_error(release: str) -> None:
    with pytest.raises(SettingsError, match=r"ASOK_RELEASE is .*; it must be up to 64 "):
        Settings.load({"ASOK_RELEASE": release})
