"""A real Redis for every test that requests one, with a check for keys without a TTL."""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.execution import context
from asok_core.settings.settings import Settings
from tests.users import assert_all_allowed, user_url

if TYPE_CHECKING:
    import redis

pytest_plugins = [
    "tests.fixtures.bench",
    "tests.fixtures.command_line",
    "tests.fixtures.console",
    "tests.fixtures.servers",
    "tests.fixtures.threads",
    "tests.fixtures.worker",
]
"""Fixtures that are used by several folders. Those of one folder are in its conftest.py."""

TESTS = Path(__file__).parent

SECRET_KEY = "5e7b220d" * 8

ROLE = os.environ.get("ASOK_TEST_ROLE", "")
"""The documented user (ACL) of the test's connections; empty: a user with all permissions."""

PERMANENT = re.compile(
    r"[^:]+:(queue(:.+)?|delayed_tasks|dlq|workers|queues|paused|pauses|recent|audit|notes|active:.+"
    r"|holds|held(:.+)?)"
)
"""Keys with the lifetime of their queue, holds, audit and notes. Every other key must have a TTL."""

# Examples may be slow on a busy machine: pytest's timeout is the limit.
hypothesis.settings.register_profile("asok", deadline=None)
hypothesis.settings.load_profile("asok")
# For `make mutants`, which runs the tests of a module some hundred times: few examples, always the same.
hypothesis.settings.register_profile(
    "mutants", deadline=None, max_examples=10, derandomize=True, database=None
)

# The configuration of this machine must not affect the tests; Textual reads these on import.
for _setting in Settings.declared().values():
    for _variable in _setting.variables:
        os.environ.pop(_variable, None)
for _variable in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_ANIMATIONS", "COLUMNS", "LINES"):
    os.environ.pop(_variable, None)

# Tests start thousands of programs, and without it each would compile every module that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# What tests install is used for a few commands: Python compiles the modules that those import.
os.environ["PIP_NO_COMPILE"] = "1"

# A shell ignores SIGINT for background programs. Programs that tests start must receive it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Programs under nohup inherit an ignored SIGHUP.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the tests of each folder over the whole run, file by file.

    Those of the console compute and those of the worker wait: if one follows the other, the cores
    are first too few and then idle.
    """
    files: defaultdict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    sizes = Counter(_folder(item.path) for item in items)
    before: Counter[Path] = Counter()
    position = {}
    for path, tests in files.items():
        folder = _folder(path)
        position[path] = (before[folder] + len(tests) / 2) / sizes[folder]
        before[folder] += len(tests)
    items[:] = [item for path in sorted(files, key=position.__getitem__) for item in files[path]]


def _folder(path: Path) -> Path:
    """The folder in ``tests/`` that the file belongs to."""
    return TESTS / path.relative_to(TESTS).parts[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Collect garbage rarely, and not in what stays: it took a fifth of the time of some tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Save what this process executed, for `make coverage`.

    At their end the processes of pytest-xdist have ten seconds before they are killed, which on a
    busy machine is too short for that.
    """
    coverage = sys.modules.get("coverage")
    measuring = coverage and coverage.Coverage.current()
    if measuring:
        measuring.save()


@pytest.fixture
def request_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the ``dump`` and ``load`` hooks of a test after it."""
    monkeypatch.setattr(context, "_dumps", [])
    monkeypatch.setattr(context, "_load", context.RequestSnapshot)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server for all tests of this process. ASOK_TEST_REDIS_SERVER names another binary."""
    binary = os.environ.get("ASOK_TEST_REDIS_SERVER")
    with EmbeddedRedis(binary=Path(binary) if binary else None) as server:
        yield server


@pytest.fixture
def embedded_redis() -> Iterator[Callable[..., EmbeddedRedis]]:
    """Start servers that a test may stop, kill or configure; the arguments are those of
    EmbeddedRedis.
    """
    servers: list[EmbeddedRedis] = []

    def make(*arguments: str, binary: Path | None = None, port: int | None = None) -> EmbeddedRedis:
        servers.append(EmbeddedRedis(arguments, binary=binary, port=port))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty Redis. After the test, all keys must have a TTL."""
    import redis

    with redis.Redis.from_url(
        redis_server.url, decode_responses=True, encoding_errors="backslashreplace"
    ) as client:
        _end_blocked(client)
        client.flushall()
        if ROLE:
            client.execute_command("ACL", "LOG", "RESET")
            yield user_url(client, ROLE, redis_server.url)
            assert_all_allowed(client, ROLE)
        else:
            yield redis_server.url
        left = set(_without_ttl(client))
    kept = request.node.get_closest_marker("keeps_keys")
    patterns = [PERMANENT, *(re.compile(each) for each in (kept.args if kept else ()))]
    leaked = sorted(key for key in left if not any(each.fullmatch(key) for each in patterns))
    assert not leaked, f"keys without a TTL were left behind: {leaked}"


def _end_blocked(client: redis.Redis) -> None:
    """Close blocked connections of an earlier test, which would claim jobs of the next one."""
    for each in client.client_list():
        if "b" in each["flags"]:
            client.client_kill_filter(_id=each["id"])


def _without_ttl(client: redis.Redis) -> Iterator[str]:
    keys = list(client.scan_iter(count=1000))
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.ttl(key)
    return (key for key, ttl in zip(keys, pipeline.execute(), strict=True) if ttl == -1)


@pytest.fixture
def redis_client(redis_url: str, redis_server: EmbeddedRedis) -> Iterator[redis.Redis]:
    """A redis-py client with all permissions, whose replies are bytes."""
    import redis

    assert redis_url
    with redis.Redis.from_url(redis_server.url, decode_responses=False) as client:
        yield client


@pytest.fixture
def make_settings(redis_url: str) -> Callable[..., Settings]:
    """Create settings of the redis backend on the Redis of the test, with environment variables.

    ``make_settings(ASOK_WORKER_CONCURRENCY=4)``.
    """

    def make(**environment: object) -> Settings:
        base = {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": redis_url,
            "SECRET_KEY": SECRET_KEY,
        }
        return Settings.load(base | {name: str(value) for name, value in environment.items()})

    return make
