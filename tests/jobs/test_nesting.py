"""Limits of depth and number of keys are the same on all backends; deeper values are shown cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asok_console.presentation.text import arguments_text, plain_json
from asok_core.backends.application import ApplicationBackend
from asok_core.backends.eager import EagerBackend
from asok_core.backends.local import LocalBackend
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.jobs.calls import make_call
from asok_core.jobs.nesting import CUT, DEEPEST, any_too_deep, cut
from asok_core.jobs.plain import MOST_KEYS
from asok_core.settings.settings import Settings
from tests.samples import sample_tasks


def nested(levels: int, kind: type = list) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] if kind is list else {"a": value}
    return value


@pytest.fixture(params=["redis", "local", "eager"])
def backend(request: pytest.FixtureRequest) -> Iterator[ApplicationBackend]:
    made: Any
    if request.param == "redis":
        make_settings: Callable[..., Settings] = request.getfixturevalue("make_settings")
        made = RedisBackend(make_settings())
    else:
        kind = LocalBackend if request.param == "local" else EagerBackend
        made = kind(Settings.load({}))
    yield made
    made.shutdown(wait=True, timeout=None)


@pytest.mark.parametrize("kind", [list, dict])
def test_the_limit_of_depth_is_the_same_on_every_backend(
    backend: ApplicationBackend, kind: type
) -> None:
    backend.enqueue(make_call(sample_tasks.add, nested(DEEPEST, kind)))
    for levels in (DEEPEST + 1, 199):
        with pytest.raises(TypeError, match=f"nested more than {DEEPEST} levels deep"):
            backend.enqueue(make_call(sample_tasks.add, nested(levels, kind)))


def test_the_limit_of_keys_is_the_same_on_every_backend(backend: ApplicationBackend) -> None:
    backend.enqueue(make_call(sample_tasks.add, dict.fromkeys(map(str, range(MOST_KEYS)), 1)))
    many = dict.fromkeys(map(str, range(MOST_KEYS + 1)), 1)
    with pytest.raises(TypeError, match=r"\[0\] has 10,001 keys, more than 10,000; pass a list"):
        backend.enqueue(make_call(sample_tasks.add, [many]))


@pytest.mark.parametrize("kind", [list, dict])
@pytest.mark.parametrize("indent", [None, 2])
def test_deeper_values_are_shown_cut(kind: type, indent: int | None) -> None:
    value = nested(960, kind)
    assert plain_json(value, indent=indent)
    assert arguments_text([value], {"a": value})


def test_a_value_is_cut_below_the_deepest_level() -> None:
    assert cut(nested(DEEPEST)) == nested(DEEPEST)
    assert json.dumps(cut(nested(DEEPEST + 5))).count("[") == DEEPEST + 1
    assert CUT in json.dumps(cut(nested(DEEPEST + 5)), ensure_ascii=False)
    assert not any_too_deep([nested(DEEPEST), nested(DEEPEST, dict), "x"])
    assert any_too_deep([1, nested(DEEPEST + 1, dict)])
    assert any_too_deep([nested(100_000)])
