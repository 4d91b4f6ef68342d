from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import pytest

from asok_core.errors import TaskImportFailed, TaskNotFound
from asok_core.execution.tasks import reference, resolve
from tests.samples import sample_tasks

HERE = sample_tasks.__name__


def nested() -> Any:
    def inner() -> None:
        """A function that cannot be imported."""

    return inner


def in_main() -> None:
    """Moved to ``__main__`` by its test."""


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (sample_tasks.add, "add"),
        (sample_tasks.decorated, "decorated"),
        (sample_tasks.coroutine, "coroutine"),
        (sample_tasks.wrapped, "wrapped"),
    ],
)
def test_a_module_level_function_can_be_resolved(function: Any, name: str) -> None:
    assert reference(function) == (HERE, name)
    found = resolve(HERE, name)
    assert found is getattr(function, "__asok_function__", function)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda: 1, "lambda"),
        (sample_tasks.lambda_task, "lambda"),
        (nested(), "inside a function"),
        (sample_tasks.Mailer().send, "method"),
        (sample_tasks.Mailer.send_all, "belongs to a class"),
        (sample_tasks.Mailer(), "Mailer object"),
        (functools.partial(sample_tasks.add, 1), "partial object"),
        (sample_tasks.renamed, "is it a wrapper"),
        (sample_tasks.first_shadowed, "is another function"),
    ],
)
def test_what_a_worker_cannot_import_is_refused_with_a_reason(function: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        reference(function)
    assert "\n" not in str(caught.value)


def test_a_function_of_main_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_main, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "in_main", in_main, raising=False)
    with pytest.raises(ValueError, match=r"__main__.*move it to a module"):
        reference(in_main)


@pytest.mark.parametrize(
    ("module", "function", "reason"),
    [
        ("no_such_module_anywhere", "f", "cannot be imported"),
        (HERE, "gone", "has no function"),
        (HERE, "not_callable", "is an int"),
        (HERE, "__import__", "cannot name a task"),
        (HERE, "Mailer.send", "cannot name a task"),
        ("", "f", "cannot name a module"),
        (".relative", "f", "cannot name a module"),
        ("nul\0byte", "f", "cannot name a module"),
        (f"{HERE}.deeper", "f", "is not a package"),
    ],
)
def test_a_name_that_cannot_be_resolved_is_reported_with_the_reason(
    module: str, function: str, reason: str
) -> None:
    with pytest.raises(TaskNotFound, match=reason):
        resolve(module, function)


def test_a_module_that_exits_on_import_does_not_end_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module_that_exits.py").write_text("raise SystemExit(1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TaskImportFailed, match="module_that_exits"):
        resolve("module_that_exits", "f")


def test_an_error_inside_a_module_is_not_reported_as_a_missing_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "trouble.py").write_text("import module_that_is_not_installed\n")
    with pytest.raises(TaskImportFailed, match="'trouble' cannot be imported") as caught:
        resolve("trouble", "f")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    (tmp_path / "trouble.py").write_text("def f( half of a file\n")
    with pytest.raises(TaskImportFailed) as caught:
        resolve("trouble", "f")
    assert isinstance(caught.value.__cause__, SyntaxError)
    (tmp_path / "trouble.py").write_text(
        "def __getattr__(name):\n    raise OSError('no database')\n"
    )
    with pytest.raises(TaskImportFailed) as caught:
        resolve("trouble", "f")
    assert isinstance(caught.value.__cause__, OSError)
    del sys.modules["trouble"]
    (tmp_path / "trouble.py").write_text("def f():\n    return 'repaired'\n")
    assert resolve("trouble", "f")() == "repaired"


def test_a_module_that_appears_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "late").mkdir()
    with pytest.raises(TaskNotFound, match=r"No module named 'late\.tasks'"):
        resolve("late.tasks", "f")
    (tmp_path / "late" / "tasks.py").write_text("def f():\n    return 1\n")
    assert resolve("late.tasks", "f")() == 1
