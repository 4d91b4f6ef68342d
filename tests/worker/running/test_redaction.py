"""A hidden argument from its enqueueing to its export: no reader, log or record has its value."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
import redis

from asok_console.cli.main import main
from asok_core.backends.eager import EagerBackend
from asok_core.backends.local import LocalBackend
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.roles import Scope
from asok_core.errors import JobFailed
from asok_core.inspection import filters
from asok_core.inspection.redaction import MASK
from asok_core.inspection.rows import Row
from asok_core.jobs.calls import make_call
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_operator, open_reader
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import Desk, RunWorker
from tests.worker import redacting

REDACT = "password,token,*token,card*"
PASSWORD, CARD = "hunter2-o'brien", "4111-1111-1111"


@pytest.fixture
def settings(make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> Settings:
    made: Settings = make_settings(ASOK_REDACT=REDACT)
    for name, value in (
        ("ASOK_QUEUE_BACKEND", "redis"), ("ASOK_REDIS_URL", made.redis_url),
        ("SECRET_KEY", SECRET_KEY), ("ASOK_REDACT", REDACT),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def backend(settings: Settings) -> Any:
    made = RedisBackend(settings)
    yield made
    made.shutdown(wait=True, timeout=1)


def sent(backend: RedisBackend) -> list[str]:
    calls = [
        make_call(redacting.sign_up, "ada", PASSWORD, {"card": {"no": CARD}, "plan": "gold"}),
        make_call(redacting.sign_up, "ada", password=PASSWORD),
        make_call(redacting.pay, "ada", CARD, amount=5),
    ]
    return [backend.enqueue(call).job_id for call in calls]


def everything(client: redis.Redis) -> str:
    """What Redis holds besides the envelopes themselves."""
    parts: list[object] = []
    for key in client.scan_iter():
        kind = client.type(key)
        if kind == b"hash":
            parts.append(client.hgetall(key))
        elif kind == b"string":
            parts.append(client.get(key))
        elif kind == b"stream":
            parts.append(client.xrange(key))
    return repr(parts)


def test_no_value_that_is_hidden_is_written_down_or_shown(
    desk: Desk,
    run_worker: RunWorker,
    backend: RedisBackend,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(words) == code, capsys.readouterr().err
        out, err = capsys.readouterr()
        return out + err

    ids = sent(backend)
    waiting = command("job", "list", "--state", "pending") + command("worker", "status")
    worker = run_worker("--log-arguments", ASOK_REDACT=REDACT)
    for job_id in ids:
        worker.wait_for_log(job_id)
    done = backend.enqueue(make_call(redacting.answer, "ada", CARD))
    assert done.result(50)["token"] == CARD
    worker.stop()
    shown = [worker.log, waiting, everything(desk.client)]
    commands = (
        ("dlq", "list"), ("dlq", "list", "--json"), ("dlq", "groups"), ("dlq", "groups", "--json"),
        ("job", "show", done.job_id), ("job", "show", done.job_id, "--json"),
        ("dlq", "requeue", "--all", "--dry-run"), ("dlq", "export", "-"),
        ("dlq", "export", "-", "--format", "csv"),
        *(("job", "show", job_id, *form) for job_id in ids for form in ((), ("--json",))),
    )  # fmt: skip
    shown += [command(*words) for words in commands]
    export = desk.folder / "dead.jsonl"
    assert "3 skipped: written with hidden values" in command("dlq", "export", str(export))
    shown.append(export.read_text())
    for text in shown[:2] + shown[3:]:
        for secret in (PASSWORD, PASSWORD.replace("'", "\\'"), CARD, "hunter2"):
            assert secret not in text, text
    # The result of a job is data of the application; it is hidden where it is shown.
    kept = shown[2].replace(CARD, "", 3)
    assert PASSWORD not in kept
    assert CARD not in kept
    document = json.loads(command("job", "show", ids[0], "--json"))
    assert document["args"] == ["ada", MASK, {"card": MASK, "plan": "gold"}]
    assert document["redacted"] is True
    assert "cannot be imported" in command("dlq", "import", str(export), code=2)
    whole = desk.folder / "whole.jsonl"
    command("dlq", "export", str(whole), "--unredacted")
    assert PASSWORD in whole.read_text()
    desk.client.delete(desk.keys.dead)
    assert "Imported 3 jobs" in command("dlq", "import", str(whole))


def matching(words: str) -> Callable[[Row], bool]:
    found = filters.parse(words)
    return lambda row: found.matches(row, 0.0)


def test_a_filter_finds_no_hidden_value(
    desk: Desk, run_worker: RunWorker, settings: Settings, backend: RedisBackend
) -> None:
    for job_id in sent(backend)[:1]:
        run_worker(ASOK_REDACT=REDACT).wait_for_log(job_id)
    operator = open_operator(settings)
    for words in (f"arg:{CARD}", "arg:hunter2", "error:hunter2", f"password={PASSWORD}"):
        scope = Scope(Location.DEAD, match=matching(words), words=words)
        assert operator.purge(scope).applied == 0
    operator.close()


def test_an_edit_does_not_write_the_mask(
    desk: Desk, backend: RedisBackend, run_worker: RunWorker,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (job_id, _, other) = sent(backend)
    worker = run_worker(ASOK_REDACT=REDACT)
    worker.wait_for_log(other)
    worker.stop()
    args = json.dumps(["grace", MASK, {"card": MASK, "plan": "free"}])
    assert main(["dlq", "requeue", "--id", job_id, "--args", args, "--yes"]) == 0
    (payload,) = desk.pending()
    assert payload.job is not None
    assert payload.job.args == ("grace", PASSWORD, {"card": {"no": CARD}, "plan": "free"})
    history = repr(desk.client.hgetall(desk.keys.job(job_id)))
    assert "grace" in history
    assert PASSWORD not in history
    capsys.readouterr()
    assert main(["dlq", "requeue", "--id", other, "--args", json.dumps([MASK, MASK]), "--yes"]) == 1
    assert "is used where no value was hidden" in "".join(capsys.readouterr())
    assert len(desk.dead()) == 2


@pytest.mark.parametrize("kind", [LocalBackend, EagerBackend])
def test_jobs_of_this_process_fail_without_the_value(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    backend = kind(Settings(redact=("password",)))
    futures = [
        backend.enqueue(make_call(redacting.sign_up, "ada", PASSWORD)),
        backend.enqueue(make_call(redacting.pay, "ada", CARD)),
    ]
    for future in futures:
        with pytest.raises(JobFailed) as caught:
            future.result(50)
        record = backend.record(future.job_id)
        for text in (str(caught.value), caught.value.traceback, record.error, record.error_line):
            assert MASK in text
            assert PASSWORD not in text
            assert CARD not in text
    backend.shutdown(wait=True, timeout=50)
    stream = io.StringIO()
    for record in caplog.records:
        stream.write(f"{record.getMessage()} {record.exc_text} {record.__dict__.get('error')}\n")
    assert MASK in stream.getvalue()
    assert PASSWORD not in stream.getvalue()
    assert CARD not in stream.getvalue()


def test_large_jobs_show_no_beginning_of_what_is_hidden(
    desk: Desk, settings: Settings, backend: RedisBackend
) -> None:
    backend.enqueue(make_call(redacting.sign_up, "ada", PASSWORD + "x" * 100_000))
    reader: RedisReader = open_reader(settings)
    (row,) = reader.pending("default", 0, 5).rows
    assert row.partial
    assert "hunter2" not in repr(row)
    (row,) = reader.pending("default", 0, 5, whole=True).rows
    assert row.payload.job is not None
    assert row.payload.job.args == ("ada", MASK)
    reader.close()
    assert os.environ["ASOK_REDACT"] == REDACT
