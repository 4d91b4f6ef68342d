"""Values in the log of a worker stay values: they steer no terminal and add no line of the log."""

from __future__ import annotations

import json
import re

import pytest

from tests.fixtures.worker import Desk, RunWorker
from tests.hidden import hidden_in, samples

FORGED = (
    "12:00:01 ERROR   Job failed  task=shop.pay error='forged' queue=default attempt=1/1 job=j1"
)


@pytest.mark.parametrize("options", [(), ("--log-format", "json")], ids=["text", "json"])
def test_no_text_of_any_category_steers_who_reads_the_log(
    desk: Desk, run_worker: RunWorker, options: tuple[str, ...]
) -> None:
    texts = [*samples(), "\x1b[2J\x1b]52;c;ZXZpbA==\x07", "a\r" + FORGED, "a\n" + FORGED]
    sendable = [text.encode("utf-8", "replace").decode() for text in texts]
    worker = run_worker("--log-arguments", *options)
    jobs = [desk.enqueue("say_and_fail", text) for text in sendable]
    for job in jobs:
        desk.reaches(job, "failed")
        worker.wait_for_log(job.id)
    worker.stop()
    assert worker.log.count("Job failed") >= len(texts)
    assert not hidden_in(worker.log.replace("\n", "").replace("\t", ""))
    for line in worker.log.splitlines():
        if options:
            assert json.loads(line)["logger"]
        else:
            assert re.match(r"\d\d:\d\d:\d\d [A-Z]+ |  ", line), line
            assert not line.startswith(FORGED)
