"""The reader that every test of this folder gets: once by its scripts, once by plain commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.users import user_url

FORMS = ("scripts", "plain commands")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of the reader in both forms, unless ``only_form`` names the one it is about."""
    if "reader" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("only_form")
        metafunc.parametrize("reader", marker.args if marker else FORMS, indirect=True)


@pytest.fixture
def reader(
    request: pytest.FixtureRequest,
    make_settings: Callable[..., Settings],
    redis_client: redis.Redis,
    redis_server: EmbeddedRedis,
) -> Iterator[RedisReader]:
    """A reader of the test's Redis. By plain commands it is the documented viewer, who runs no scripts."""
    settings = make_settings()
    if request.param == "plain commands":
        url = user_url(redis_client, "viewer", redis_server.url)
        settings = make_settings(ASOK_REDIS_URL=url)
    opened = open_reader(settings)
    yield opened
    opened.close()
