"""The properties: what each parser guarantees for any input. Each raises if that fails."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from hypothesis import assume, example, given
from hypothesis import strategies as st

from asok_console.commands.dlq.export import _cell
from asok_console.commands.dlq.import_ import dead_jobs_of
from asok_console.presentation.calls import call_of
from asok_console.presentation.text import plain_json, safe, safe_block
from asok_core.backends.redis import parsing, record_replies
from asok_core.backends.redis.records import parse_record
from asok_core.errors import (
    EnvelopeError,
    SettingsError,
    TaskImportFailed,
    TaskNotFound,
    UsageError,
)
from asok_core.execution.task_modules import TaskModules
from asok_core.execution.tasks import resolve
from asok_core.inspection import filters
from asok_core.inspection.error_groups import error_group_of
from asok_core.inspection.invisible import visible
from asok_core.inspection.notes import Notes
from asok_core.inspection.redaction import MASK, Redaction, shown_raw
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Trust, changed_text, dead_entry, peek, seal, unseal
from asok_core.jobs.job import JobRecord
from asok_core.jobs.numbers import count, number, whole
from asok_core.jobs.states import Location
from asok_core.operations.export import line_of
from asok_core.settings.durations import parse_duration
from asok_core.settings.env_file import parse_env
from asok_core.settings.redis_url import masked_url, parse_redis_url
from asok_core.settings.settings import Settings
from tests.fuzz import material as some
from tests.hidden import hidden_in, texts

REDACTION = Redaction(("*password*", "token"))


def _refusal(
    kinds: type[Exception] | tuple[type[Exception], ...], read: Callable[..., object], *args: object
) -> str:
    """The message with which a parser refuses; '' if it does not. Any other error is a failure."""
    try:
        read(*args)
    except kinds as error:
        return str(error)
    return ""


@given(some.elements)
def envelope(raw: bytes) -> None:
    """Only signed jobs run, and what is shown of an envelope is what would run."""
    payload = peek(raw, some.KEYRING)
    peek(raw)
    try:
        job = unseal(raw, some.KEYRING)
    except EnvelopeError:
        job = None
    if job is not None:
        assert payload.trust is Trust.SIGNED
        assert repr(payload.job) == repr(job)
        assert payload.version is not None
        assert some.KEYRING.verifies(payload.text or "", json.loads(raw)["sig"], payload.version)
    if payload.trust is Trust.SIGNED and payload.envelope is not None:
        assert repr(unseal(payload.envelope, some.KEYRING)) == repr(payload.job)
    dead_job = dead_entry(raw, failed_at=5.0, error="E", traceback="T")
    if payload.failed_at is None and payload.error is None:
        assert repr(peek(dead_job, some.KEYRING).job) == repr(payload.job)
    if payload.job is not None:
        _refusal(EnvelopeError, lambda: changed_text(payload, retry_count=0))


@given(some.elements, some.words)
def rows(raw: bytes, words: str) -> None:
    """Any element can be shown, filtered, grouped and exported, and hides its secrets."""
    row = Row(0, REDACTION.payload(peek(raw, some.KEYRING)), Location.DEAD, "q", 1.0)
    assert not hidden_in(call_of(row.payload))
    assert not hidden_in(safe(shown_raw(row.payload)))
    error_group_of(row)
    for text in (f"arg:{filters.word('arg', words)}", words):
        try:
            found = filters.parse(text)
        except UsageError:
            continue
        found.matches(row, 2.0)
    line = line_of(row, Notes()).encode()
    if not row.payload.redacted:
        assert dead_jobs_of([line], "a file") == [raw]
    if row.payload.job is not None:
        assert (
            REDACTION.job(row.payload.job) == row.payload.job
            or row.payload.trust is not Trust.SIGNED
        )


@given(some.jobs, st.text("abcdefgh0123456789", min_size=8, max_size=20), some.words)
def secrets(job: object, secret: str, around: str) -> None:
    """A hidden value is not part of anything that is shown of a job."""
    from dataclasses import replace

    from asok_core.jobs.job import Job

    assert isinstance(job, Job)
    made = replace(job, args=(), kwargs={"password": {"x": [secret]}}, extra={})
    assume(secret not in repr(replace(made, kwargs={})) and secret not in around)
    error = f"{around}{secret!r}{around}"
    dead_job = dead_entry(seal(made, some.KEYRING), failed_at=1.0, error=error, traceback=error)
    payload = REDACTION.payload(peek(dead_job, some.KEYRING))
    assert payload.job is not None
    shown = f"{payload.job}{payload.error}{payload.traceback}{shown_raw(payload)}"
    assert secret not in shown
    assert (
        REDACTION.filled({"args": [], "kwargs": {"password": MASK}}, made)["kwargs"] == made.kwargs
    )


@given(
    st.dictionaries(
        st.sampled_from([*record_replies.RECORD_FIELDS, "x"]), some.scalars, max_size=12
    ),
    some.elements,
)
def records(fields: dict[str, bytes], raw: bytes) -> None:
    """A record is parsed, or counts as missing; its times are finite."""
    flat = [part for name, value in fields.items() for part in (name.encode(), value)]
    replies: list[tuple[list[bytes], bytes | None]] = [(flat, None), ([], raw)]
    for reply in replies:
        record = parse_record("j", reply)
        if isinstance(record, JobRecord):
            times = (record.ts, record.enqueued_at, record.started_at, record.finished_at)
            assert all(each is None or math.isfinite(each) for each in times)
            REDACTION.record(record)
    record_replies.attempts(raw)
    record_replies.moves(raw)
    for value in (raw, *fields.values()):
        assert count(value) >= 0
        whole(value)
        found = number(value)
        assert found is None or math.isfinite(found)


@given(
    st.dictionaries(st.sampled_from(parsing.WORKER_FIELDS), some.scalars, max_size=24),
    st.none() | st.floats(),
    st.lists(some.scalars, max_size=9),
)
def workers(fields: dict[str, bytes], lease: float | None, parts: list[bytes]) -> None:
    """Any hash of a worker and any counters can be parsed."""
    worker = parsing.worker("w", lease, fields)
    assert worker.slots >= 0
    assert isinstance(worker.trouble, str)
    parsing.bucket(0, 10, parts)
    config = dict.fromkeys(parsing.SERVER_SETTINGS, parts)
    parsing.server("u", b"\r\n".join(parts), config, parts, 0.1)


@given(some.words)
@example("age:>" + "9" * 400 + "w")
def filter_words(text: str) -> None:
    """A filter is parsed, or refused in one line."""
    assert "\n" not in _refusal(UsageError, filters.parse, text)


@given(
    st.text("abcdefghABCDEFGH0123456789:@/?#%&=+ '\"", min_size=6, max_size=20),
    st.sampled_from(
        ["redis", "rediss", "unix", "redis+sentinel", "redis+cluster", "http", "", "redis "]
    ),
    st.text(max_size=10),
    st.sampled_from(["", "/0", "/x", "?db=1", "?db=x", "/0?password=", "?passwd=", ":1/0", ":x"]),
)
def urls(password: str, scheme: str, host: str, rest: str) -> None:
    """A URL is parsed or refused, and its password is never shown."""
    secret = "5e7b220d" + quote(password, safe="")
    for url in (f"{scheme}://me:{secret}@{host}{rest}", f"{scheme}://:{secret}@{host}{rest}"):
        assert secret not in masked_url(url)
        assert secret not in _refusal(ValueError, parse_redis_url, url)
        assert secret not in _refusal(SettingsError, Settings.load, {"REDIS_URL": url})


@given(some.words | some.digits | st.from_regex(r"[0-9.]{1,40}(ms|s|m|h|d|w)?", fullmatch=True))
def durations(text: str) -> None:
    """A duration is a finite number of seconds, or refused."""
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert math.isfinite(seconds)
    assert seconds >= 0


VARIABLES = [name for each in Settings.declared().values() for name in each.variables]


@given(
    st.dictionaries(st.sampled_from(VARIABLES), some.words | some.digits, max_size=5), some.words
)
def settings(environment: dict[str, str], text: str) -> None:
    """Settings are understood or refused in one line; so is a file with them."""
    assert not hidden_in(_refusal(SettingsError, Settings.load, environment))
    assert "\n" not in _refusal(SettingsError, parse_env, io.StringIO(text), Path("e"))


@given(
    st.lists(some.elements | some.objects.map(lambda each: json.dumps(each).encode()), max_size=4)
)
def imports(lines: list[bytes]) -> None:
    """A file for import is read whole or refused with the number of its line."""
    why = _refusal(UsageError, dead_jobs_of, lines, "a file")
    assert not why or "a file, line " in why


@given(st.one_of(texts(), st.text(st.characters(codec=None))), some.values)
def shown(text: str, value: object) -> None:
    """Nothing hidden is left in what is shown, and what is safe stays as it is."""
    assert not hidden_in(safe(text))
    assert not hidden_in(safe_block(text).replace("\n", ""))
    assert not hidden_in(_cell(text))
    assert not hidden_in(visible(text))
    assert not hidden_in(plain_json(value))
    assert safe(safe(text)) == safe(text)
    assert "\n" not in safe(text)


@given(some.clean_words, some.clean_words, st.lists(some.clean_words, max_size=3))
@example("os", "system", ["*"])
def task_names(module: str, function: str, patterns: list[str]) -> None:
    """A name resolves to a task of the application or is refused, and nothing dangerous is
    imported.
    """
    allowed = TaskModules(tuple(patterns))
    allowed.refusal(module, function)
    if module.partition(".")[0] not in ("tests", "asok", "antigravity", "this"):
        _refusal((TaskNotFound, TaskImportFailed), resolve, module, function)


TARGETS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        *(envelope, rows, secrets, records, workers, filter_words, urls, durations, settings),
        *(imports, shown, task_names),
    )
}
