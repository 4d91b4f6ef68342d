"""A process gets from its supervisor exactly the configuration that the worker was started with."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from asok_core.settings.settings import Settings
from asok_core.worker.config import WorkerConfig, receive, send
from tests.fixtures.worker import RunWorker

SETTINGS = Settings.load(
    {
        "ASOK_QUEUE_BACKEND": "redis",
        "ASOK_REDIS_URL": "rediss://me:p%40ss@h:1/2",
        "SECRET_KEY": "é" * 32,
        "SECRET_KEY_FALLBACKS": "a" * 32 + "," + "b" * 32,
        "ASOK_TASK_MODULES": "shop.*,billing",
        "ASOK_WORKER_QUEUES": "one,two",
        "ASOK_RETRY_JITTER": "0.25",
        "ASOK_DLQ_MAX_AGE": "3d",
        "ASOK_REDACT": "password,card*",
    }
)
CONFIG = WorkerConfig(
    settings=replace(SETTINGS, env_file=Path(os.fsdecode(b"/srv/caf\xe9 \n/.env"))),
    worker="web1:12",
    queues=("one", "grün"),
    concurrency=3,
    processes=2,
    max_jobs=5,
    max_memory=1 << 40,
    log_arguments=True,
    imports=("shop.setup",),
    app="/srv/shop/src",
    debug=True,
)


def through_the_pipe(config: WorkerConfig) -> WorkerConfig:
    pipe = BytesIO()
    send(pipe, config)
    pipe.seek(0)
    return receive(pipe)


def test_every_value_arrives_equal_and_of_its_type() -> None:
    for config in (CONFIG, WorkerConfig(Settings(), "w", ())):
        arrived = through_the_pipe(config)
        assert arrived == config
        pairs: list[tuple[Any, Any]] = [(arrived, config), (arrived.settings, config.settings)]
        for got, sent in pairs:
            for each in fields(sent):
                assert type(getattr(got, each.name)) is type(getattr(sent, each.name)), each.name


def test_what_is_sent_is_text_that_runs_nothing() -> None:
    # A pickle begins with the byte 0x80; JSON can hold nothing but values.
    assert CONFIG.to_json().startswith(b'{"settings": {')


def test_a_worker_warns_of_a_short_key_and_does_not_show_it(run_worker: RunWorker) -> None:
    worker = run_worker(SECRET_KEY="hunter2", SECRET_KEY_FALLBACKS="x" * 31)
    worker.wait_for_log("SECRET_KEY has 7 characters; anyone who guesses it can run code")
    worker.wait_for_log("SECRET_KEY_FALLBACKS has 31 characters;")
    assert "hunter2" not in worker.log
