"""ASOK_TASK_MODULES: which tasks may run, by their names and by the modules of their functions."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.errors import InvalidTaskName, SettingsError, TaskNotAllowed
from asok_core.execution.task_modules import TaskModules
from asok_core.execution.tasks import resolve
from asok_core.jobs.calls import make_call
from asok_core.settings.settings import Settings
from tests.samples import sample_tasks

DANGEROUS = [
    *(("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "exec")),
    *(("subprocess", "run"), ("subprocess", "getoutput"), ("runpy", "run_path"), ("pty", "spawn")),
    *(("pickle", "loads"), ("importlib", "import_module"), ("ctypes", "CDLL"), ("code", "interact")),
    *(("os.path", "os"), ("timeit", "timeit"), ("shutil", "rmtree"), ("asyncio", "run")),
    *(("__main__", "main"), ("asok_core.api.client", "shutdown"), ("asok_console.cli.main", "main")),
    *(("logging.config", "dictConfig"), ("webbrowser", "open"), ("_posixsubprocess", "fork_exec")),
]  # fmt: skip


def allowed(text: str) -> TaskModules:
    return TaskModules(Settings.load({"ASOK_TASK_MODULES": text}).task_modules)


@pytest.mark.parametrize(("module", "function"), DANGEROUS)
def test_functions_that_run_their_arguments_are_refused_unless_named(
    module: str, function: str
) -> None:
    for text in ("*", "shop.*", "*,shop.tasks"):
        assert allowed(text).refusal(module, function)
        with pytest.raises(InvalidTaskName, match="is refused"):
            resolve(module, function, allowed(text))
    with pytest.raises(InvalidTaskName, match="is refused"):
        resolve(module, function)
    assert not allowed(f"*,{module}:{function}").refusal(module, function)
    assert not allowed(f"{module}").refusal(module, function)


@pytest.mark.parametrize(
    ("patterns", "task", "runs"),
    [
        ("shop.*,billing.tasks", "shop:f", True),
        ("shop.*,billing.tasks", "shop.mail:f", True),
        ("shop.*,billing.tasks", "shop.a.b:f", True),
        ("shop.*,billing.tasks", "billing.tasks:f", True),
        ("shop.*,billing.tasks", "billing.tasks.old:f", False),
        ("shop.*,billing.tasks", "billing:f", False),
        ("shop.*", "shopping:f", False),
        ("shop.*", "my.shop:f", False),
        ("shop.*", "SHOP:f", False),
        ("shop.mail:send", "shop.mail:send", True),
        ("shop.mail:send", "shop.mail:send_all", False),
        ("*", "anything.at.all:f", True),
        ("os:getpid", "os:system", False),
    ],
)
def test_a_pattern_allows_the_tasks_that_it_matches(patterns: str, task: str, runs: bool) -> None:
    module, _, function = task.partition(":")
    assert (allowed(patterns).refusal(module, function) == "") is runs


@pytest.mark.parametrize("text", ["shop*", "*.tasks", "shop..a", "shop.*:f", "shop,!x", "a b", ","])
def test_an_invalid_pattern_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="ASOK_TASK_MODULES is"):
        allowed(text)


def test_a_module_that_is_not_allowed_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "unlisted_module.py").write_text("def f():\n    return 1\n")
    with pytest.raises(
        TaskNotAllowed, match=r"unlisted_module\.f .*\(shop\.\*\) does not allow it"
    ):
        resolve("unlisted_module", "f", allowed("shop.*"))
    assert "unlisted_module" not in sys.modules


def test_an_imported_function_is_checked_by_its_own_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "helping_module.py").write_text("def send():\n    return 1\n")
    (tmp_path / "listed_module.py").write_text(
        "import functools\n"
        "from os import system\nfrom subprocess import run, Popen\nfrom builtins import eval\n"
        "from helping_module import send\n"
        "deleted = functools.partial(functools.partial(system), 'true')\n"
        "from code import InteractiveInterpreter\nsource = InteractiveInterpreter().runsource\n"
        "def own(n):\n    return n\npart = functools.partial(own, 4)\n"
        "@functools.lru_cache\ndef cached():\n    return 2\n"
        "@functools.wraps(cached)\ndef wrapped():\n    return 3\n"
    )
    for name in ("system", "run", "Popen", "eval", "deleted", "source"):
        for patterns in ("*", "listed_module"):
            with pytest.raises(InvalidTaskName, match="is refused"):
                resolve("listed_module", name, allowed(patterns))
    with pytest.raises(TaskNotAllowed, match=r"helping_module\.send"):
        resolve("listed_module", "send", allowed("listed_module"))
    assert resolve("listed_module", "send", allowed("*"))() == 1
    assert resolve("listed_module", "part", allowed("listed_module"))() == 4
    assert resolve("listed_module", "cached", allowed("listed_module"))() == 2
    assert resolve("listed_module", "wrapped", allowed("listed_module"))() == 3
    assert resolve("os", "getpid", allowed("os:getpid"))() == os.getpid()


@pytest.mark.parametrize(
    ("patterns", "function"),
    [("*", os.system), ("*", eval), ("shop.*", sample_tasks.add), ("tests.samples:add", sample_tasks.add)],
)  # fmt: skip
def test_a_task_that_no_worker_allows_is_refused_when_it_is_enqueued(
    make_settings: Any, redis_client: redis.Redis, patterns: str, function: Any
) -> None:
    backend = RedisBackend(make_settings(ASOK_TASK_MODULES=patterns))
    for calls in ([make_call(function, 1)], [make_call(function, 1)] * 3):
        with pytest.raises(ValueError, match="ASOK_TASK_MODULES"):
            backend.enqueue_many(calls)
    with pytest.raises(ValueError, match="is refused"):
        backend.enqueue(make_call(function, 1))
    assert redis_client.keys("*") == []
    backend.shutdown(wait=True, timeout=1)


def test_all_standard_modules_are_refused_except_those_that_only_compute() -> None:
    free = {name for name in sys.stdlib_module_names if not TaskModules().refusal(name, "f")}
    assert free == {
        *("cmath", "datetime", "genericpath", "json", "math", "posixpath", "random"),
        *("statistics", "string", "textwrap", "time"),
    }
