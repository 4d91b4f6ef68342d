"""The limit of a ``@task``: what its jobs carry, and what a worker reads of it."""

from __future__ import annotations

from typing import Any

import pytest

from asok_core import task
from asok_core.jobs.calls import Options
from asok_core.jobs.declared_limits import limit_in, value_json
from asok_core.jobs.job import LIMIT, Job
from asok_core.jobs.limits import Limit

MODULE = __name__


@task(limit="at most 4 at once")
def charge(order: int) -> None: ...


@task(limit="100 per minute", key="account")
def bill(order: int, account: str = "none", *rest: int, region: str = "eu") -> None: ...


@task(limit="1 at once", key="region")
def ship(order: int, *, region: str = "eu") -> None: ...


def job_of(call: Any) -> Job:
    return call.job("1", (MODULE, call.function.__name__), 1.0)  # type: ignore[no-any-return]


def test_a_job_carries_the_limit_of_its_task() -> None:
    job = job_of(charge.call(1))
    assert job.extra[LIMIT] == {"limit": "4 at once"}
    found = limit_in(job)
    assert found is not None
    assert (found.identity, found.limit, found.key) == (f"task:{MODULE}.charge", Limit(4), "")


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (bill.call(1, "ada"), "ada"),
        (bill.call(1, account="ada"), "ada"),
        (bill.call(order=1, account="ada"), "ada"),
        (bill.call(1), "none"),
        (bill.call(1, "ada", 3, 4), "ada"),
        (ship.call(1, region="us"), "us"),
        (ship.call(1), "eu"),
    ],
)
def test_the_value_of_the_key_is_that_of_the_parameter_however_it_is_passed(
    call: Any, value: str
) -> None:
    found = limit_in(job_of(call))
    assert found is not None
    assert (found.key, found.value) in (("account", value), ("region", value))
    assert found.identity.endswith(f" by kwargs.{found.key}")


def test_a_task_keeps_its_limit_with_other_options() -> None:
    assert LIMIT in job_of(charge.options(queue="high").call(1)).extra


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        ({"limit": "4 at once"}, True),
        ({"limit": "4 at once", "key": "a", "at": 99, "default": None}, True),
        ({"limit": "4 once"}, False),
        ({"limit": 4}, False),
        ({"limit": "4 at once", "key": 7}, False),
        ("4 at once", False),
        (None, False),
    ],
)
def test_what_another_program_wrote_is_no_limit(sent: object, known: bool) -> None:
    assert (limit_in(Job("1", "m", "f", (1,), extra={LIMIT: sent})) is not None) is known


def test_equal_values_have_one_text() -> None:
    assert value_json({"b": 1, "a": "é"}) == value_json({"a": "é", "b": 1}) == '{"a": "é", "b": 1}'


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": "4"}, "limit '4' must be"),
        ({"limit": ""}, "limit '' must be"),
        ({"limit": 4}, "limit is an int, not a string such as '4 at once'"),
        ({"limit": "4 at once", "key": "accounts"}, "did you mean account?"),
        ({"limit": "4 at once", "key": "rest"}, "is no parameter of bill; it has order, account"),
        ({"limit": "4 at once", "key": 1}, "key is an int, not the name of a parameter"),
        ({"key": "account"}, "key is given without limit"),
    ],
)
def test_a_wrong_limit_is_refused_where_the_task_is_declared(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        task(**options)(bill.__asok_function__)
    assert message in str(caught.value)


def test_jobs_without_a_limit_carry_nothing() -> None:
    assert Options().limit is None
    assert not job_of(task(queue="high")(bill.__asok_function__).call(1)).extra
