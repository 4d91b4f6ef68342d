from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import asok_core
from tests.programs import run_program


def run(code: str) -> subprocess.CompletedProcess[str]:
    return run_program(sys.executable, "-c", textwrap.dedent(code))


def test_every_exported_name_exists() -> None:
    for name in asok_core.__all__:
        assert getattr(asok_core, name) is not None
    assert set(asok_core.__all__) <= set(dir(asok_core))
    assert sorted(asok_core.__all__) == asok_core.__all__
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = asok_core.no_such_name


def test_no_module_hides_an_exported_name() -> None:
    # Any import of asok_core.x sets the attribute x of the package.
    modules = {each.name for each in pkgutil.iter_modules(asok_core.__path__)}
    assert not modules & set(asok_core.__all__)
    for name in modules - {"worker"}:
        importlib.import_module(f"asok_core.{name}")
    assert callable(asok_core.background)


def test_every_logger_of_the_core_is_safe() -> None:
    """A plain logger would let an exception of a handler end the loop that logs (see logs.py)."""
    root = Path(asok_core.__file__).parent
    own = {path.relative_to(root).as_posix() for path in root.rglob("*.py")}
    assert "worker/running/dispatcher.py" in own
    assert {each for each in own if "logging.getLogger(" in (root / each).read_text()} == {
        "runtime/log_lines.py",
        "runtime/logs.py",
    }


def test_importing_the_package_loads_neither_redis_nor_textual_nor_asyncio() -> None:
    done = run(
        """
        import sys
        import asok_core
        loaded = {"redis", "textual", "rich", "asyncio", "concurrent.futures", "logging", "msgspec"}
        assert not loaded & set(sys.modules), loaded & set(sys.modules)
        """
    )
    assert done.returncode == 0, done.stderr


def test_a_local_job_loads_neither_redis_nor_textual() -> None:
    done = run(
        """
        import sys
        from asok_core import background, get_job
        future = background(max, 3, 4)
        assert future.result(30) == 4
        assert get_job(future.job_id).status == "completed"
        assert background(sorted, [2, 1]).result(30) == [1, 2]
        assert not {"redis", "textual", "rich", "msgspec"} & set(sys.modules)
        """
    )
    assert done.returncode == 0, done.stderr


TYPED = """
from datetime import timedelta
from asok_core import Background, background, background_many, call, task

def send(user: int, subject: str = "") -> str: ...
async def fetch(url: str) -> bytes: ...

@task
def bare(number: int) -> float: ...

@task(queue="high", retries=3, backoff=2.5)
async def dressed(number: int) -> float: ...

app = Background()

@app.background(_retries=2)
def hooked(number: int) -> str: ...

reveal_type(background(send, 1, subject="x").result())
reveal_type(background(fetch, "u").result(timeout=5))
reveal_type(bare(1))
reveal_type(bare.delay(1).result())
reveal_type(dressed.delay(number=1).result())
reveal_type(dressed.options(queue="low").delay(1).job_id)
reveal_type(bare.delay_in(timedelta(hours=1), 1).result())
reveal_type(hooked(7).result())
reveal_type(app.background(send, 1).result())
background(send, 1, _queue="low", _retries=1)
background_many([call(send, 1), bare.call(2)])

background(send, "one")
background(send)
background(send, 1, topic="x")
background(send, 1, _retries="x")
bare.delay("x")
bare("x")
dressed.delay()
dressed.options(queue=7)
dressed.options(queues="low")
hooked("x")
call(send, "x")
app.background(send, "one")
task(queue=3)
"""


@pytest.mark.slow
def test_type_checkers_verify_calls_against_the_signature_of_the_task(tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(TYPED)
    root = Path(__file__).parents[2]
    done = run_program(
        *(sys.executable, "-m", "mypy", "--strict", "--disable-error-code=empty-body"),
        *("--config-file=", f"--cache-dir={tmp_path / 'cache'}", str(sample)),
        cwd=root,
        seconds=300,
    )
    lines = TYPED.splitlines()
    revealed = []
    wrong = set()
    for line in done.stdout.splitlines():
        location, _, message = line.partition(": ")
        if "sample.py" in location and "Revealed type" in message:
            revealed.append(message.split('"')[1].replace("builtins.", ""))
        elif "sample.py" in location and message.startswith("error"):
            wrong.add(lines[int(location.split(":")[1]) - 1])
    assert revealed == ["str", "bytes", "float", "float", "float", "str", "float", "str", "str"]
    assert wrong == set(lines[lines.index('background(send, "one")') :]), done.stdout
