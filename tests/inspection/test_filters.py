from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_core.errors import UsageError
from asok_core.inspection.filters import FIELDS, parse, word
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.states import Location, Status

NOW = 10_000.0


def row(
    location: Location = Location.DEAD,
    *,
    error: str | None = "TimeoutError: gateway timed out after 30 s",
    failed_at: float | None = NOW - 7200,
    trust: Trust = Trust.SIGNED,
    record: JobRecord | None = None,
    **fields: Any,
) -> Row:
    values: dict[str, Any] = {
        "id": "4f2a-99",
        "module": "shop.tasks",
        "function": "send_mail",
        "args": (42, {"order": "order-17"}, None),
        "kwargs": {"to": "Åsa@example.com", "user_id": 7},
        "queue": "high",
    }
    job = Job(**(values | fields))
    payload = Payload(b"{}", job, trust, None, None, failed_at, error)
    return Row(0, payload, location, job.queue, record=record)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("   ", True),
        ("mail", True),
        ("MAIL", True),
        ("timeout", True),
        ("order-17", True),
        ("4f2a", True),
        ("nothing-like-it", False),
        ("mail timeout", True),
        ("mail nothing", False),
        ("queue:high", True),
        ("queue:HIGH", True),
        ("queue:hig", False),
        ("queue:h*", True),
        ("queue:*i*", True),
        ("queue:.*", False),
        ("task:mail", True),
        ("task:shop.tasks.send", True),
        ("task:order", False),
        ("error:Timeout", True),
        ("error:'timed out'", True),
        ('error:"timed out after"', True),
        ("arg:order-17", True),
        ("arg:42", True),
        ("arg:null", True),
        ("arg:åsa", True),
        ("arg:user_id=7", True),
        ("arg:user_id=70", False),
        ("arg:mail", False),
        ("id:4f2a", True),
        ("id:99", False),
        ("status:failed", True),
        ("status:pending", False),
        ("status:signed", True),
        ("status:unsigned", False),
        ("age:>1h", True),
        ("age:1h", True),
        ("age:>=1h", True),
        ("age:>3h", False),
        ("age:<3h", True),
        ("age:<5m", False),
        ("!mail", False),
        ("!nothing", True),
        ("!queue:low !queue:normal", True),
        ("!age:<1h", True),
        ("'!mail'", False),
        ("'error:Timeout'", False),
        ('"TimeoutError: gateway"', True),
        (r'"a \" quote"', False),
        ("'mail'gateway", True),
        ("'mail'nothing", False),
        ("age:>0s", True),
        ("age:>500ms", True),
        ("age:<=3h", True),
        ("age:<=1h", False),
        # Exactly so old is neither older nor younger.
        ("age:>2h", False),
        ("age:<2h", False),
        ("nothing or mail", True),
        ("mail or nothing", True),
        ("nothing or nowhere", False),
        ("nothing mail OR nowhere mail", False),
        ("nothing mail or queue:high !low", True),
        ("!mail or !nothing", True),
        ("'or'", True),
        ("attempt:3", True),
        ("attempt:=3", True),
        ("attempt:2", False),
        ("attempt:>2", True),
        ("attempt:>3", False),
        ("attempt:>=3", True),
        ("attempt:<4", True),
        ("attempt:<3", False),
        ("attempt:<=3", True),
        ("size:2", True),
        ("size:3", False),
        ("size:>1", True),
        ("size:>2b", False),
        ("size:<1kb", True),
        ("size:<=2", True),
        ("size:=2", True),
        ("worker:web1", True),
        ("worker:WEB1.2", True),
        ("worker:web2", False),
        # It failed at 00:46:40 of the first day; the clock says 02:46:40.
        ("since:00:46:40", True),
        ("since:00:46:41", False),
        ("since:0:30", True),
        ("since:01:00", False),
        # Three o'clock is to come today, and was the day before.
        ("since:03:00", True),
        ("since:today", True),
        ("since:yesterday", True),
        ("since:1970-01-01", True),
        ("since:1970-01-02", False),
        ("since:1970-01-01T00:46", True),
        ("since:1970-01-01T00:47Z", False),
        ("since:1970-01-01T01:46+01:00", True),
        ("since:2h", True),
        ("since:119m", False),
        ('since:"1970-01-01 00:46"', True),
        ('since:"1970-01-01 00:47"', False),
        ("since:1970-01-01T02:46+02:00", True),
        ('since:"yesterday 15:00"', True),
        ("since:yesterdayT15:00", True),
        ("since:todayT00:46", True),
        ("since:todayT00:47", False),
        ("between:yesterdayT15:00..todayT00:47", True),
        ("between:yesterdayT15:00..todayT00:46", False),
        ("between:3h..1h", True),
        ("between:1h..10m", False),
        ("between:00:30..1h", True),
        ("between:3h..00:45", False),
        ("between:3h..00:47", True),
        ("between:00:30..01:00", True),
        ("between:00:46:40..00:46:41", True),
        ("between:00:40..00:46:40", False),
        ("between:23:00..01:00", True),
        ("between:00:30..03:00", True),
        ("between:01:00..02:00", False),
        ("between:today..1970-01-02", True),
        # Of a time of day the first after the other end, or the last before it.
        ("between:today..02:00", True),
        ("between:yesterday..02:00", False),
        ("between:00:30..1970-01-02", True),
        ("between:00:30..1970-01-01T01:00", True),
        ("between:00:40..00:40", True),
        ("between:1969-12-30..yesterday", False),
        # Days before the first that a date can have.
        ("between:9999999d..15:00", False),
        ("between:0001-01-01..15:00", False),
        ("between:15:00..0001-01-01", False),
    ],
)
def test_a_dead_job_answers(text: str, matches: bool) -> None:
    record = JobRecord("4f2a-99", Status.FAILED, worker="web1.2")
    found = row(
        record=record, retry_count=2, error="TimeoutError: gateway timed out after 30 s or so"
    )
    assert parse(text).matches(found, NOW) is matches


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour:red", "'colour:red': there is no field 'colour'; fields are queue, task"),
        ("refused:", "'refused:': there is no field"),
        ("queue:", "'queue:': queue: must be followed by a value"),
        ("!", "'!': it holds nothing"),
        ('""', "it holds nothing"),
        ("error:'timed out", "quote ' is not closed"),
        ("'timed out\\", "quote ' is not closed"),
        (r"'timed out\'", "quote ' is not closed"),
        ("status:broken", "'status:broken': status is one of pending, scheduled"),
        ("age:>soon", "'age:>soon': age must be a duration"),
        ("age:<", "age must be a duration"),
        ("age:=5m", "age must be a duration"),
        ("age:>-5m", "age must be a duration"),
        ("or", "'or': there must be words before and after it"),
        ("or or high", "'or': there must be words before and after it"),
        ("attempt:many", "'attempt:many': attempt must be a number, as in attempt:>3"),
        ("attempt:>", "attempt must be a number"),
        ("attempt:><3", "attempt must be a number"),
        ("attempt:²", "attempt must be a number"),
        ("size:big", "'size:big': size must be a size in bytes such as"),
        ("size:-1", "size must be a size in bytes"),
        ("since:25:00", "'since:25:00': '25:00' is not a moment, as in 15:00, 2026-11-25"),
        ("since:noon", "'noon' is not a moment"),
        ("since:yesterdayT25:00", "'yesterdayt25:00' is not a moment"),
        ("since:15", "'15' is not a moment"),
        ("between:1h..2h", "'2h' must be after '1h'"),
        ("between:15:00", "between must be two moments, as in between:15:00..16:30"),
        ("between:15:00..x", "'x' is not a moment"),
        ("between:x..15:00", "'x' is not a moment"),
        ("between:2026-11-26..2026-11-25", "'2026-11-25' must be after '2026-11-26'"),
        ("!between:today..yesterday", "'yesterday' must be after 'today'"),
    ],
)
def test_a_word_that_is_invalid_is_named(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=None) as caught:
        parse(f"mail {text}")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "fields", "status"),
    [
        (Location.PENDING, {}, "pending"),
        (Location.DELAYED, {}, "scheduled"),
        (Location.DELAYED, {"retry_count": 1}, "retrying"),
        (Location.DELAYED, {"retry_count": 2}, "retrying"),
        (Location.ACTIVE, {}, "running"),
    ],
)
def test_status_of_each_location(location: Location, fields: dict[str, Any], status: str) -> None:
    assert parse(f"status:{status}").matches(row(location, **fields), NOW)
    assert not parse("status:cancelled").matches(row(location, **fields), NOW)


def test_a_finished_job_has_only_its_record() -> None:
    record = JobRecord("j-1", Status.CANCELLED, function="shop.send", error="ValueError: x")
    finished = Row(
        0, Payload(b"j-1", None, Trust.UNVERIFIED), Location.FINISHED, "low", NOW - 60, record
    )
    for text in ("status:cancelled", "task:send", "id:j-1", "error:ValueError", "age:<5m"):
        assert parse(text).matches(finished, NOW), text


def test_what_is_malformed_is_found_by_its_bytes() -> None:
    payload = Payload(b'{"x": \xff order-9', None, Trust.MALFORMED, "it is not UTF-8")
    broken = Row(0, payload, Location.DEAD, "")
    assert parse("order-9").matches(broken, NOW)
    assert parse("status:malformed error:utf").matches(broken, NOW)
    assert not parse("age:>1s").matches(broken, NOW)
    assert not parse("age:<1s").matches(broken, NOW)


def test_the_beginning_of_a_very_large_job_is_searched() -> None:
    payload = Payload(b'{"args": ["order-9', Job("1", "m", "f"), Trust.UNVERIFIED, size=5_000_000)
    large = Row(0, payload, Location.PENDING, "default")
    assert parse("arg:order-9").matches(large, NOW)


def test_pending_jobs_age_from_their_enqueueing() -> None:
    waiting = row(Location.PENDING, enqueued_at=NOW - 400)
    assert parse("age:>5m").matches(waiting, NOW)
    assert not parse("age:>5m").matches(row(Location.PENDING), NOW)


def test_a_running_job_is_found_by_the_process_that_holds_it() -> None:
    running = Row(0, Payload(b"{}", None, Trust.SIGNED), Location.ACTIVE, "q", worker="web7.1")
    assert parse("worker:web7").matches(running, NOW)


def test_a_job_is_found_by_the_release_that_ran_it() -> None:
    payload = Payload(b"{}", None, Trust.SIGNED)
    running = Row(0, payload, Location.ACTIVE, "q", release="4f2a1c")
    record = JobRecord("j-1", Status.COMPLETED, release="V1.8.2")
    finished = Row(0, payload, Location.FINISHED, "q", NOW, record)
    assert parse("release:4F2A").matches(running, NOW)
    assert not parse("release:f2a").matches(running, NOW)
    assert parse("release:v1.8").matches(finished, NOW)
    assert parse("!release:v1.9").matches(finished, NOW)


def test_a_large_job_has_the_size_that_it_has_in_redis() -> None:
    payload = Payload(b'{"args": [', Job("1", "m", "f"), Trust.UNVERIFIED, size=5_000_000)
    large = Row(0, payload, Location.PENDING, "default")
    assert parse("size:>4MB size:<5MB").matches(large, NOW)


def test_a_finished_job_has_the_attempts_of_its_record() -> None:
    record = JobRecord("j-1", Status.COMPLETED, retry_count=2)
    payload = Payload(b"j-1", None, Trust.UNVERIFIED)
    finished = Row(0, payload, Location.FINISHED, "q", NOW, record)
    assert parse("attempt:3").matches(finished, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "attempt:>0",
        "size:>1",
        "age:>1s",
        "since:today",
        "between:today..02:00",
        "worker:a",
        "release:a",
    ],
)
def test_what_is_not_known_of_a_job_answers_to_no_negation(text: str) -> None:
    # Otherwise a bulk operation on "!worker:web1" would be about jobs that web1 ran.
    unknown = Row(0, Payload(b"j-1", None, Trust.UNVERIFIED), Location.FINISHED, "q")
    assert not parse(text).matches(unknown, NOW)
    assert not parse(f"!{text}").matches(unknown, NOW)
    assert parse(f"!{text} or queue:q").matches(unknown, NOW)


def test_a_traceback_is_searched_apart_from_the_error() -> None:
    payload = Payload(
        b"{}",
        Job("1", "m", "f"),
        Trust.SIGNED,
        error="KeyError: 1",
        traceback='File "shop.py", line 3',
    )
    dead = Row(0, payload, Location.DEAD, "q")
    assert parse("traceback:SHOP.py").matches(dead, NOW)
    assert not parse("error:shop.py").matches(dead, NOW)
    assert parse("traceback:x").reads_arguments
    record = JobRecord("1", Status.FAILED, error='File "shop.py"')
    finished = Row(0, Payload(b"1", None, Trust.UNVERIFIED), Location.FINISHED, "q", NOW, record)
    assert parse("traceback:shop.py").matches(finished, NOW)


def test_what_has_no_time_is_in_no_range() -> None:
    for text in ("since:yesterday", "between:1970-01-01..2100-01-01"):
        assert not parse(text).matches(row(failed_at=None), NOW)


def test_a_job_that_does_not_say_when_it_was_enqueued_has_the_age_of_its_record() -> None:
    record = JobRecord("4f2a-99", Status.PENDING, enqueued_at=NOW - 400)
    waiting = row(Location.PENDING, record=record)
    assert parse("age:>5m").matches(waiting, NOW)
    assert not parse("age:<5m").matches(waiting, NOW)


def test_the_location_of_a_job_decides_its_status_unless_only_the_record_is_left() -> None:
    dead = row(record=JobRecord("4f2a-99", Status.COMPLETED))
    assert parse("status:failed").matches(dead, NOW)
    assert not parse("status:completed").matches(dead, NOW)


def test_a_star_matches_any_character_of_a_queue() -> None:
    assert parse("queue:a*b").matches(row(queue="a\n b"), NOW)


def test_what_a_row_does_not_have_answers_to_nothing() -> None:
    nothing = Row(0, Payload(b"", None, Trust.MALFORMED), Location.DEAD, "")
    for text in ("x", "id:x", "task:x", "error:x", "arg:x"):
        assert not parse(text).matches(nothing, NOW), text


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("arg:on=true", True),
        ("arg:on=false", False),
        ("arg:off=false", True),
        ("arg:off=true", False),
        ("arg:none=null", True),
        ("arg:where=a=b", True),
        ("arg:where=a", False),
        ("arg:a=b", True),
    ],
)
def test_arguments_are_compared_as_they_are_shown(text: str, matches: bool) -> None:
    given = row(args=(), kwargs={"on": True, "off": False, "none": None, "where": "a=b"})
    assert parse(text).matches(given, NOW) is matches


@pytest.mark.parametrize("text", ["X-ray", "xX"])
def test_only_quotes_are_quotes(text: str) -> None:
    assert [each.value for each in parse(text).words] == [text]
    assert word("queue", text) == f"queue:{text}"


def test_what_follows_a_quote_is_the_next_word() -> None:
    assert [each.value for each in parse("'mail'gateway").words] == ["mail", "gateway"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("high", "queue:high"),
        ("", 'queue:""'),
        ("two words", 'queue:"two words"'),
        ("it's", """queue:"it's\""""),
        ('say "it"', r'queue:"say \"it\""'),
        ("back\\slash", r'queue:"back\\slash"'),
        ("!high", "queue:!high"),
    ],
)
def test_a_word_is_written_so_that_it_is_read_as_it_was(value: str, written: str) -> None:
    assert word("queue", value) == written
    if value:
        (read,) = parse(written).words
        assert (read.field, read.value, read.negated) == ("queue", value, False)


def test_an_empty_filter_is_false_and_keeps_its_text() -> None:
    assert not parse(" ")
    assert parse("mail")
    assert parse("mail  !x").text == "mail  !x"


@given(st.text(max_size=80))
def test_any_text_is_a_filter_or_one_clear_line(text: str) -> None:
    try:
        said = str(parse(text).matches(row(), NOW))
    except UsageError as error:
        said = str(error)
    assert said in {"True", "False"} or said.startswith("filter word ")


@given(st.text(min_size=1, max_size=40), st.sampled_from(["task", "error", "arg", ""]))
def test_quotes_hold_any_value(value: str, field: str) -> None:
    quoted = '"' + value.replace("\\", r"\\").replace('"', r"\"") + '"'
    (read,) = parse(f"{field}:{quoted}" if field else quoted).words
    assert (read.field, read.value, read.negated) == (field, value, False)


@given(
    st.lists(
        st.sampled_from(["mail", "queue:high", "queue:low", "error:time", "age:>1h", "arg:9"]),
        max_size=6,
    )
)
def test_words_are_joined_by_and(words: list[str]) -> None:
    one_by_one = all(parse(each).matches(row(), NOW) for each in words)
    assert parse(" ".join(words)).matches(row(), NOW) is one_by_one
    for each in words:
        assert parse(f"!{each}").matches(row(), NOW) is not parse(each).matches(row(), NOW)


def test_every_field_says_what_it_asks() -> None:
    for field, meaning in FIELDS.items():
        assert meaning
        assert field.isalpha()
