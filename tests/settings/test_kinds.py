"""Kinds of settings: the ends of their ranges, what else they accept, and why a text is invalid."""

from __future__ import annotations

from typing import Any

import pytest

from asok_core.errors import SettingsError, UsageError
from asok_core.settings import kinds
from asok_core.settings.declaration import (
    Setting,
    SettingKind,
    optional,
    parse_option,
    setting,
    shown,
)
from asok_core.settings.kinds import is_text, whole_number

INVALID = object()
CASES: list[tuple[SettingKind[Any], str, object]] = [
    *((kinds.BACKEND, each, each.lower()) for each in ("LOCAL", "Redis", "eager")),
    (kinds.BACKEND, "x", INVALID),
    *((kinds.RECORD_FORM, each, each.lower()) for each in ("HASH", "Framework")),
    (kinds.RECORD_FORM, "x", INVALID),
    *((kinds.ENVELOPE_FORM, each, each.lower()) for each in ("BOTH", "V1", "v2")),
    (kinds.ENVELOPE_FORM, "v3", INVALID),
    *((kinds.FLAG, each, True) for each in ("1", "TRUE", "yes", "On")),
    *((kinds.FLAG, each, False) for each in ("0", "False", "NO", "off")),
    *((kinds.FLAG, each, INVALID) for each in ("", "2", "y")),
    *((kinds.FRACTION, each, float(each)) for each in ("0", "1", ".5", "0.123456789", "1.0")),
    *((kinds.FRACTION, each, INVALID) for each in ("1.1", "1.000000001", "-0", "0.1234567891", "1.")),
    *((kinds.SIZE, each, 5) for each in ("5", "5b", "5 B")),
    *((kinds.SIZE, each, 5 * 1024) for each in ("5k", "5KB", "5 kib")),
    *((kinds.SIZE, each, 5 * 1024**2) for each in ("5m", "5MB", "5MiB")),
    *((kinds.SIZE, each, 5 * 1024**3) for each in ("5g", "5GB", "5GiB")),
    (kinds.SIZE, "999999999999", 999_999_999_999),
    *((kinds.SIZE, each, INVALID) for each in ("", "0", "0k", "5t", "-5", "1.5k", "1" * 13)),
    *((kinds.LEASE, each, value) for each, value in (("1s", 1.0), ("1d", 86_400.0))),
    *((kinds.LEASE, each, INVALID) for each in ("0.9", "86401", "0", "x")),
    *((kinds.HANG_LIMIT, each, value) for each, value in (("0", None), ("10", 10.0), ("1h", 3600.0))),
    *((kinds.HANG_LIMIT, each, INVALID) for each in ("9.9", "1", "x")),
    *((kinds.KEPT, each, value) for each, value in (("1", 1.0), ("3650d", 315_360_000.0))),
    *((kinds.KEPT, each, INVALID) for each in ("0.9", "3651d", "x")),
    *((kinds.EVENTS_AGE, each, value) for each, value in (("1h", 3600.0), ("3650d", 315_360_000.0))),
    *((kinds.EVENTS_AGE, each, INVALID) for each in ("59m", "3651d", "x")),
    (kinds.DURATION, "1.5m", 90.0),
    (kinds.DURATION, "x", INVALID),
    *((kinds.NAMESPACE, each, each) for each in ("a", "{a}", "{Team-1.x:y_z}", "9")),
    *((kinds.NAMESPACE, each, INVALID) for each in ("", "{}", "{ab", "ab}", "-a", "a b", "{{a}}")),
    (kinds.QUEUES, " a ,b,, a", ("a", "b")),
    (kinds.QUEUES, "q" * 200, ("q" * 200,)),
    *((kinds.QUEUES, each, INVALID) for each in ("", " , ", "q" * 201, "a\tb")),
    (kinds.TASK_MODULES, "*, shop.*,a.b:c,d", ("*", "shop.*", "a.b:c", "d")),
    *((kinds.TASK_MODULES, each, INVALID) for each in ("", ",", "a..b", "*.a", "a:b.c", "1a", "a,-")),
    (kinds.NAME_PATTERNS, "a*, b-?,", ("a*", "b-?")),
    (kinds.NAME_PATTERNS, "", ()),
    (kinds.NAME_PATTERNS, "n" * 100, ("n" * 100,)),
    *((kinds.NAME_PATTERNS, each, INVALID) for each in ("a b", "n" * 101, "a,b.c")),
    (kinds.REDIS_URL, "redis://h/1", "redis://h/1"),
    (kinds.REDIS_URL, "http://h", INVALID),
    (kinds.SECRET, "caf\u00e9", "caf\u00e9"),
    (kinds.SECRET, "\udcff", INVALID),
    (kinds.SECRETS, "a, b", ("a", "b")),
    (kinds.SECRETS, "a,\udcff", INVALID),
    *((whole_number(2, 12), each, int(each)) for each in ("2", "12", "007")),
    *((whole_number(2, 12), each, INVALID) for each in ("1", "13", "", "+3", "\u0663", "0" * 19)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "value"), CASES)
def test_a_kind_accepts_what_it_allows_and_nothing_else(
    kind: SettingKind[Any], text: str, value: object
) -> None:
    if value is INVALID:
        with pytest.raises(ValueError):  # noqa: PT011 - some kinds add a reason, others do not
            kind.parse(text)
        return
    found = kind.parse(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        (kinds.QUEUES, "a\tb", r"queue name 'a\tb' contains a comma or a control character"),
        (kinds.QUEUES, "q" * 201, f"queue name '{'q' * 60}...' is longer than 200 characters"),
        (kinds.TASK_MODULES, "a,-", "'-' is not a pattern of tasks"),
        (kinds.NAME_PATTERNS, "a,b.c", "'b.c' is not a name or a pattern with * and ?"),
        # What is allowed says enough of these.
        *((each, "", "") for each in (kinds.QUEUES, kinds.TASK_MODULES, kinds.NAMESPACE)),
        *((each, "x", "") for each in (kinds.DURATION, kinds.LEASE, kinds.KEPT)),
        *((each, "x", "") for each in (kinds.EVENTS_AGE, kinds.SIZE)),
        *((each, "x", "") for each in (kinds.FLAG, kinds.FRACTION, kinds.HANG_LIMIT)),
        *((each, "x", "") for each in (kinds.BACKEND, kinds.RECORD_FORM, kinds.ENVELOPE_FORM)),
        (kinds.SECRET, "\udcff", ""),
        (whole_number(1, 2), "x", ""),
    ],
)
def test_the_reason_why_a_text_is_invalid(kind: SettingKind[Any], text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text is compared
        kind.parse(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "queue name '' is empty, or begins or ends with a space"),
        (" a", "queue name ' a' is empty, or begins or ends with a space"),
        ("a ", "queue name 'a ' is empty, or begins or ends with a space"),
        ("a,b", "queue name 'a,b' contains a comma or a control character"),
    ],
)
def test_the_name_of_a_queue_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text is compared
        kinds.parse_queue_name(text)
    assert str(caught.value) == reason
    assert kinds.parse_queue_name("a b") == "a b"


def test_a_long_text_is_cut_and_escaped() -> None:
    assert shown("x" * 60) == f"'{'x' * 60}'"
    assert shown("x" * 61) == f"'{'x' * 60}...'"
    assert shown("\x1b\u00e9") == r"'\x1b\xe9'"
    assert is_text("\u00e9")
    assert not is_text("\ud800")


def test_a_setting_is_read_from_its_first_variable_that_is_set() -> None:
    number = Setting(("A", "B"), whole_number(1, 9), "7", "A number")
    assert number.read({}) == 7
    assert number.read({"B": " 3 "}) == 3
    assert number.read({"A": "2", "B": "3"}) == 2
    with pytest.raises(SettingsError) as caught:
        number.read({"A": " ", "B": "3"})
    assert str(caught.value) == "A is ' '; it must be a whole number from 1 to 9"
    assert caught.value.__suppress_context__
    blank = number._replace(kind=optional(number.kind), default=None)
    assert blank.read({"A": " ", "B": "3"}) == 3
    assert blank.read({"A": " "}) is None
    assert number._replace(kind=number.kind._replace(verbatim=True)).read({"A": "2"}) == 2
    secret = Setting(("A",), kinds.SECRET, None, "A key")
    assert secret.read({"A": " key "}) == " key "


def test_a_setting_is_declared_as_a_field_of_its_dataclass() -> None:
    number = whole_number(2, 12)
    assert number.allowed == "a whole number from 2 to 12"
    assert [number.parse(each) for each in ("2", "12")] == [2, 12]
    for outside in ("1", "13"):
        with pytest.raises(ValueError):  # noqa: PT011 - it has no text
            number.parse(outside)
    declared: Any = setting("A B", number, default="7", description="A number")
    assert declared.default == 7
    assert declared.repr is True
    assert declared.metadata == {"setting": Setting(("A", "B"), number, "7", "A number")}
    secret: Any = setting("S", optional(kinds.SECRET), default=None, description="A key")
    assert secret.default is None
    assert secret.repr is False
    assert optional(number) == number._replace(blank_is_unset=True)


def test_an_option_is_parsed_as_the_setting_of_its_kind() -> None:
    assert parse_option("--size", kinds.SIZE, " 1k ") == 1024
    with pytest.raises(UsageError) as caught:
        parse_option("--queues", kinds.QUEUES, "a\tb ")
    assert str(caught.value) == (
        r"--queues is 'a\tb ' (queue name 'a\tb' contains a comma or a control character); "
        "it must be comma-separated queue names, at least one"
    )
    assert caught.value.__suppress_context__
