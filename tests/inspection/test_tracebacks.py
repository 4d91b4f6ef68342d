"""The chain of exceptions in the text of a traceback."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest

from asok_core.inspection.tracebacks import RaisedException, chain_of
from asok_core.runtime.failures import failure_of


def connect() -> None:
    raise ConnectionError("smtp.example.org:25 refused")


def send() -> None:
    try:
        connect()
    except ConnectionError as error:
        raise LookupError("no server\nfor this mail") from error


def chained() -> None:
    try:
        send()
    except LookupError:
        raise RuntimeError("could not send")  # noqa: B904 - it is raised while another is handled


def group() -> None:
    errors = []
    for task in (connect, send):
        try:
            task()
        except (ConnectionError, LookupError) as error:
            errors.append(error)
    raise ExceptionGroup("two tasks", [*errors, ExceptionGroup("inner", [KeyError("k")])])


def text_of(fn: Callable[[], object]) -> str:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is
        fn()
    return "".join(traceback.format_exception(raised.value))


def test_the_first_and_the_last_exception_of_a_chain_are_known_with_their_frames() -> None:
    chain = chain_of(text_of(chained))
    assert [each.line for each in chain.raised] == [
        "ConnectionError: smtp.example.org:25 refused",
        "LookupError: no server",
        "RuntimeError: could not send",
    ]
    assert [each.relation for each in chain.raised] == ["", "caused", "handling"]
    root = chain.root
    assert root is not None
    assert "in connect" in root.frame[0]
    assert "raise ConnectionError" in root.frame[1]
    assert chain.whole


def test_a_group_names_what_is_in_it_and_not_its_last_rule() -> None:
    (raised,) = chain_of(text_of(group)).raised
    assert raised.line == "ExceptionGroup: two tasks (3 sub-exceptions)"
    assert raised.inside == (
        "ConnectionError: smtp.example.org:25 refused",
        "ConnectionError: smtp.example.org:25 refused",
        "ExceptionGroup: inner (1 sub-exception)",
    )
    assert "raise ExceptionGroup" in raised.frame[1]


def test_a_cut_traceback_says_that_its_root_may_be_missing() -> None:
    with pytest.raises(RuntimeError) as raised:
        chained()
    chain = chain_of(failure_of(raised.value, 300).traceback)
    assert not chain.whole
    assert chain.outermost is not None
    assert chain.outermost.line == "RuntimeError: could not send"


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        ("", ()),
        ("\n \n", ()),
        ("ValueError: no", (RaisedException("ValueError: no"),)),
        ("WorkerCrashed: it died\n", (RaisedException("WorkerCrashed: it died"),)),
        ("  + Exception Group Traceback (most recent call last):", ()),
        ('  File "x", line 1, in y', ()),
        ("... (cut)\n    half\nValueError: x", (RaisedException("ValueError: x"),)),
    ],
)
def test_what_is_no_traceback_is_one_line_or_nothing(text: str, raised: object) -> None:
    assert chain_of(text).raised == raised


def test_a_syntax_error_is_reported_with_the_position_in_the_source() -> None:
    (raised,) = chain_of(text_of(lambda: compile("a b", "x.py", "exec"))).raised
    assert raised.line == "SyntaxError: invalid syntax"
    assert raised.frame[0] == '  File "x.py", line 1'


def test_groups_that_a_hostile_text_nests_without_end_raise_nothing() -> None:
    head, rule = "+ Exception Group Traceback (most recent call last):", "+-+---"
    inner = [f"{'  | ' * level}{part}" for level in range(1, 300) for part in (head, rule)]
    raised = chain_of("\n".join([head, "| G: g", rule, *inner])).outermost
    assert raised is not None
    assert raised.line == "G: g"
