"""The way of a call to a signed envelope: its arguments, its text, the limit of its size."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from asok_core import Settings
from asok_core.errors import PayloadTooLarge, SettingsError
from asok_core.jobs.calls import Options, make_call
from asok_core.jobs.codec import decode_arguments
from asok_core.jobs.envelope import peek, seal_text, unseal
from asok_core.jobs.envelope_text import envelope_size
from asok_core.jobs.job import Job
from asok_core.jobs.job_text import to_text
from asok_core.jobs.keyring import keyring_of
from asok_core.jobs.outgoing import CheckedCall, JobWriter, sendable_text

SETTINGS = Settings.load({"ASOK_QUEUE_BACKEND": "redis", "SECRET_KEY": "x" * 40})
NAMES = ("app", "send")
NOW = 1_700_000_000.25
JOB = Job("1", "app", "send", ("a \\ path", 'a "word"'), {"b": None}, enqueued_at=5.0)
TEXT = to_text(JOB)


def send(when: dt.date, *_: object, **__: object) -> dt.date:
    return when


def checked(*args: Any, **kwargs: Any) -> CheckedCall:
    return CheckedCall(make_call(send, *args, **kwargs), NAMES)


def never() -> float:
    raise AssertionError("the clock was asked")


def test_a_call_becomes_a_job_and_its_signed_envelope() -> None:
    call = make_call(send, 1, "text", name=None, _queue="high", _retries=3, _unique="one")
    request, marks = {"path": "/"}, {"names": ["when"]}
    written = JobWriter(SETTINGS).of_call(CheckedCall(call, NAMES, marks), lambda: NOW, request)
    job = written.job
    assert job == call.job(job.id, NAMES, NOW, request, marks)
    assert (job.args, job.kwargs, job.enqueued_at) == ((1, "text"), {"name": None}, NOW)
    assert (job.queue, job.retries, job.unique) == ("high", 3, "one")
    assert written.text == to_text(job)
    assert written.envelope() == seal_text(written.text, keyring_of(SETTINGS))
    assert unseal(written.envelope(), keyring_of(SETTINGS)) == job


def test_a_typed_argument_is_sent_with_the_name_of_its_parameter() -> None:
    day = dt.date(2026, 1, 31)
    [one, other] = JobWriter(SETTINGS).of_calls(
        [checked(day), checked([1, {"a": None}])], lambda: NOW, None
    )
    assert (one.job.args, one.job.typed) == (("2026-01-31",), ("when",))
    assert decode_arguments(send, one.job.args, one.job.kwargs, one.job.typed) == ((day,), {})
    assert (other.job.args, other.job.typed) == (([1, {"a": None}],), ())
    assert peek(one.envelope()).job == one.job
    alone = JobWriter(SETTINGS).of_call(checked(day), lambda: NOW, None)
    assert (alone.job.args, alone.job.typed) == (("2026-01-31",), ("when",))


def test_many_calls_keep_their_order_and_have_one_time_and_an_id_each() -> None:
    times = iter([NOW])
    calls = [checked(number) for number in range(40)]
    written = JobWriter(SETTINGS).of_calls(calls, lambda: next(times), {"path": "/"})
    assert all(each.job.request == {"path": "/"} for each in written)
    assert [each.job.args for each in written] == [(number,) for number in range(40)]
    assert {each.job.enqueued_at for each in written} == {NOW}
    assert len({each.job.id for each in written}) == 40
    assert JobWriter(SETTINGS).of_calls([], lambda: NOW, None) == []


def test_an_argument_that_cannot_be_sent_is_named_before_the_clock_is_asked() -> None:
    writer = JobWriter(SETTINGS)
    with pytest.raises(TypeError, match="argument 'name' is an object, which JSON cannot encode"):
        writer.of_call(checked(1, name=object()), never, None)
    with pytest.raises(TypeError, match="argument 2 "):
        writer.of_calls([checked(1), checked(1, {1})], never, None)


def test_the_largest_payload_is_the_limit_itself(
    make_settings: Callable[..., Settings],
) -> None:
    size = envelope_size(TEXT)
    # The count of what takes two bytes matters at this size.
    assert size > len(TEXT) + 100
    assert sendable_text(JOB, size) == TEXT
    settings = make_settings(ASOK_MAX_PAYLOAD=1024)
    written = JobWriter(settings).of_job(JOB)
    assert (written.job, written.text) == (JOB, TEXT)
    assert unseal(written.envelope(), keyring_of(settings)) == JOB
    with pytest.raises(PayloadTooLarge) as caught:
        sendable_text(JOB, size - 1)
    assert str(caught.value) == (
        f"the arguments of app.send make {size} bytes, more than "
        f"ASOK_MAX_PAYLOAD ({size - 1}); pass an id that the task looks up"
    )
    with pytest.raises(PayloadTooLarge, match=r"more than ASOK_MAX_PAYLOAD \(1,000\)"):
        sendable_text(Job("1", "app", "send", ("x" * 2000,)), 1000)


@pytest.mark.parametrize("word", ["x", '"', "\\", "\x00", "\u20ac", "\U0001f600"])
def test_every_text_is_sent_up_to_the_size_of_its_envelope(word: str) -> None:
    for count in (0, 1, 50, 400):
        job = Job("1", "app", "send", (word * count,), enqueued_at=5.0)
        size = len(seal_text(to_text(job), keyring_of(SETTINGS), 2))
        assert sendable_text(job, size) == to_text(job)
        with pytest.raises(PayloadTooLarge):
            sendable_text(job, size - 1)


def test_what_is_no_json_is_refused_with_the_name_of_the_task() -> None:
    with pytest.raises(TypeError) as refused:
        sendable_text(Job("1", "app", "send", ({1},)), 1000)
    assert str(refused.value) == (
        "the job of app.send cannot be written as JSON: Object of type set is not JSON serializable"
    )
    assert refused.value.__suppress_context__


def test_a_writer_needs_a_key() -> None:
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        JobWriter(Settings.load({}))


def test_what_hides_arguments_is_part_of_the_job() -> None:
    call = make_call(send, 1)
    call.options = Options(redact=("when",))
    written = JobWriter(SETTINGS).of_call(
        CheckedCall(call, NAMES, {"hide": ["when"]}), lambda: NOW, None
    )
    assert peek(written.envelope()).job == written.job
    assert written.job.redact == {"hide": ["when"]}
