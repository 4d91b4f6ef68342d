"""The checkpoint of a job and its interruptions, as commands and the console show them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing

import pytest

from asok_console.tui.screens.job_facts import facts
from asok_core.jobs.checkpoint import JobCheckpoint, encoded
from asok_core.operations.inspector import open_reader
from asok_core.settings.secret_names import MASK
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import KEYRING, Desk

Asok = Callable[..., Ran]


def test_a_cursor_is_shown_safely_and_without_what_is_hidden(
    desk: Desk, asok: Asok, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASOK_REDACT", "password")
    job = desk.enqueue("note", "x", kwargs={"password": "s3cret-Zq"})
    text = json.dumps({"page": "\N{SNOWMAN}\x1b[2J", "password": 4711, "after": "s3cret-Zq"})
    made = JobCheckpoint(text, desk.record(job).ts or 0.0)
    kept = {"checkpoint": encoded(job.id, made, KEYRING), "interruptions": 2}
    desk.client.hset(desk.keys.job(job.id), mapping=kept)
    shown = asok("job", "show", job.id).out
    (line,) = [each for each in shown.splitlines() if each.startswith("checkpoint")]
    assert line.endswith(
        f': {{"page": "\N{SNOWMAN}\\u001b[2J", "password": "{MASK}", "after": "{MASK}"}}'
    )
    assert "interrupted 2 times, uncounted" in shown
    document = asok("job", "show", job.id, "--json").document
    assert document["interruptions"] == 2
    cursor = {"page": "\N{SNOWMAN}\x1b[2J", "password": MASK, "after": MASK}
    assert document["checkpoint"]["cursor"] == cursor
    with closing(open_reader(desk.settings)) as reader:
        detail = reader.job(job.id)
    assert detail is not None
    rows = dict(facts(detail.payload, detail.record, detail, detail.read_at))
    assert rows["Interrupted"] == "2 times, uncounted"
    assert "\x1b" not in rows["Checkpoint"]


def test_a_job_without_a_checkpoint_shows_none(desk: Desk, asok: Asok) -> None:
    job = desk.enqueue("note", "x")
    document = asok("job", "show", job.id, "--json").document
    assert (document["interruptions"], document["checkpoint"]) == (0, None)
    assert "checkpoint" not in asok("job", "show", job.id).out
