from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_core.errors import UsageError
from asok_core.inspection.argument_paths import ArgumentPath, BelowText, parse, paths_of, value_text
from asok_core.inspection.filters import parse as parse_filter
from asok_core.inspection.filters import word
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import Job
from asok_core.jobs.states import Location

ARGS = (42, {"customer": "acme", "tags": ["a"], "deep": {"x": {"y": {"z": 1}}}}, None)
KWARGS = {"tenant": "Åsa", "odd key": True, 'a"b': 1.5, "": "empty", "to": {"id": 7}}


def job(args: tuple[Any, ...] = ARGS, kwargs: dict[str, Any] = KWARGS) -> Job:
    return Job(id="1", module="shop", function="send", args=args, kwargs=kwargs)


def row(each: Job) -> Row:
    return Row(0, Payload(b"{}", each, Trust.SIGNED), Location.PENDING, each.queue)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("args[0]", 42),
        ("args[1].customer", "acme"),
        ("args[1].tags[0]", "a"),
        ("args[2]", None),
        ("kwargs.tenant", "Åsa"),
        ('kwargs["odd key"]', True),
        (r'kwargs["a\"b"]', 1.5),
        ('kwargs[""]', "empty"),
        ("kwargs.to.id", 7),
    ],
)
def test_a_path_leads_to_its_value_and_is_written_as_it_was(text: str, value: object) -> None:
    path = parse(text)
    assert path.value(job()) == value
    assert str(path) == text


@pytest.mark.parametrize(
    "text",
    ["", "args", "kwargs", "args.x", "kwargs[0]", "args[-1]", "args[x]", "args[0", "args[0]x", "arg[0]",
     "kwargs.", 'kwargs["x', 'kwargs["x"', "kwargs.a b", " args[0]", "args[0] "],
)  # fmt: skip
def test_what_is_not_a_path_is_refused_with_the_form_that_is_allowed(text: str) -> None:
    with pytest.raises(UsageError, match=r"it must be of the form args\[0\]\.customer or"):
        parse(text)


@pytest.mark.parametrize("text", ["args[9]", "args[1].none", "kwargs.none", "args[1].tags.x"])
def test_a_path_that_a_job_does_not_have_is_absent(text: str) -> None:
    with pytest.raises(LookupError):
        parse(text).value(job())


def test_a_path_below_a_text_names_the_text() -> None:
    with pytest.raises(BelowText) as raised:
        parse("kwargs.tenant.name").value(job())
    assert raised.value.text == "Åsa"


def test_paths_lead_to_all_plain_values_but_those_in_lists_and_too_deep() -> None:
    found = {str(path): value for path, value in paths_of(job())}
    assert found == {
        "args[0]": 42,
        "args[1].customer": "acme",
        "args[2]": None,
        "kwargs.tenant": "Åsa",
        'kwargs["odd key"]': True,
        'kwargs["a\\"b"]': 1.5,
        'kwargs[""]': "empty",
        "kwargs.to.id": 7,
    }


def test_a_job_of_many_or_deep_arguments_has_few_paths() -> None:
    deep: Any = 1
    for _ in range(2_000):
        deep = {"x": deep}
    assert len(list(paths_of(job((deep,), {str(n): n for n in range(9_999)})))) == 50


plain = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
values = st.recursive(
    plain, lambda each: st.dictionaries(st.text(), each, max_size=3), max_leaves=8
)


@given(st.lists(values, max_size=3), st.dictionaries(st.text(min_size=0), values, max_size=3))
def test_every_path_that_is_found_is_read_again_and_its_filter_finds_the_job(
    args: list[Any], kwargs: dict[str, Any]
) -> None:
    each = job(tuple(args), kwargs)
    for path, value in paths_of(each):
        assert parse(str(path)) == path
        assert path.value(each) == value
        chosen = parse_filter(word("arg", f"{path}={value_text(value)}"))
        assert chosen.matches(row(each), 0.0)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("arg:args[0]=42", True),
        ("arg:args[0]=4", False),
        ("arg:args[1].customer=acme", True),
        ("arg:args[1].CUSTOMER=ACME", True),
        ("arg:args[1].customer=acm", False),
        ("arg:args[2]=null", True),
        ("arg:args[3]=null", False),
        ("arg:kwargs.tenant=åsa", True),
        ("arg:'kwargs[\"odd key\"]=true'", True),
        ("!arg:kwargs.tenant=acme", True),
        ("!arg:kwargs.none=acme", True),
        ("arg:args[1]=acme", False),
        ("arg:tenant=åsa", True),
        ("task:=shop.send", True),
        ("task:=SHOP.send", True),
        ("task:=shop.sen", False),
        ("task:shop.sen", True),
        ("!task:=shop.send", False),
    ],
)
def test_filters_ask_for_exactly_a_path_or_a_task(text: str, matches: bool) -> None:
    assert parse_filter(text).matches(row(job()), 0.0) is matches


def test_what_a_large_job_has_at_a_path_is_not_known() -> None:
    large = Row(
        0, Payload(b"[1", job((), {}), Trust.SIGNED, size=99_999), Location.PENDING, "default"
    )
    assert not parse_filter("arg:args[0]=42").matches(large, 0.0)
    assert not parse_filter("!arg:args[0]=42").matches(large, 0.0)


def test_a_path_is_a_value() -> None:
    assert parse("args[0].x") == ArgumentPath("args", (0, "x"))
