"""``asok enqueue`` creates the same jobs as the library."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asok_core.jobs.envelope import unseal
from asok_core.jobs.job import Job
from tests.conftest import SECRET_KEY
from tests.fixtures.bench import KEYRING, Bench
from tests.fixtures.command_line import Ran
from tests.programs import environment, run_program, running, wait_until

SHOP = """\
import queue
import sys
from asok_core import task

print("importing the shop")

@task(queue="high", retries=4, backoff=3, timeout=20)
def pay(order: int) -> str:
    return f"order {order} is paid by {queue.__name__}"

@task(keep_result=False)
def quietly() -> str:
    return "unheard"

def plain(*words, **options):
    return [words, options]

def rows(path):
    yield path

NOTHING = 5
"""

Asok = Callable[..., Ran]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The folder of an application; some of its files have names of standard modules and of
    ours.
    """
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "broken.py").write_text("raise OSError('the database is away')")
    for name in ("queue", "json", "redis", "dotenv", "types", "select"):
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('this is not the real {name}')")
    return tmp_path


@pytest.fixture
def enqueue(redis_url: str, shop: Path) -> Asok:
    """Run ``asok enqueue`` in the folder of the application."""
    settings = {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": redis_url}

    def run(*words: str) -> Ran:
        env = environment(settings | {"SECRET_KEY": SECRET_KEY})
        done = run_program(
            sys.executable, "-P", "-m", "asok_console", "enqueue", *words, env=env, cwd=shop
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def server_time(bench: Bench) -> float:
    seconds, microseconds = bench.client.time()
    return float(seconds + microseconds / 1e6)


def only_job(bench: Bench, queue: str) -> Job:
    [raw] = bench.pending(queue)
    return unseal(raw, KEYRING)


def test_a_job_has_the_options_of_its_task(bench: Bench, enqueue: Asok) -> None:
    before = server_time(bench)
    ran = enqueue("shop:pay", "7")
    # The output of the module is not part of ours.
    assert (ran.code, ran.err) == (0, "importing the shop\n")
    job = only_job(bench, "high")
    assert job.id == ran.out.strip()
    assert (job.task, job.args, job.kwargs) == ("shop.pay", (7,), {})
    assert (job.retries, job.backoff, job.timeout) == (4, 3, 20)
    assert job.enqueued_at is not None
    assert before - 1 <= job.enqueued_at <= server_time(bench) + 1
    record = bench.record(job.id)
    assert (record["status"], record["queue"], record["retries"]) == ("pending", "high", "4")


def test_the_task_is_found_and_set_up_as_the_settings_of_workers_say(
    bench: Bench, enqueue: Asok, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "src").mkdir()
    (shop / "src" / "set_up.py").write_text("import sys\nsys.ready = True\n")
    (shop / "src" / "inner.py").write_text(
        "import sys\nfrom asok_core import task\nassert sys.ready\n"
        "@task(queue='high')\ndef pay(): pass\n"
    )
    monkeypatch.setenv("ASOK_APP", "src")
    monkeypatch.setenv("ASOK_IMPORTS", "set_up")
    ran = enqueue("inner:pay")
    assert (ran.code, ran.err) == (0, "")
    assert only_job(bench, "high").task == "inner.pay"


def test_keep_result_of_the_task_is_used(bench: Bench, enqueue: Asok) -> None:
    assert enqueue("shop:quietly").code == 0
    assert only_job(bench, "default").keep_result is False


@pytest.mark.parametrize(
    ("task", "value", "kept"),
    [
        ("plain", "90m", 5400),
        ("plain", "1", 1),
        ("plain", "no", False),
        ("plain", "Yes", None),
        ("quietly", "yes", None),
        ("quietly", "7d", 7 * 86400),
    ],
)
def test_the_time_to_keep_a_result_is_an_option(
    bench: Bench, enqueue: Asok, task: str, value: str, kept: float | None
) -> None:
    assert enqueue(f"shop:{task}", "--keep-result", value).code == 0
    found = only_job(bench, "default").keep_result
    assert (found, found is False) == (kept, kept is False)


@pytest.mark.parametrize("value", ["0", "0.5s", "99999d", "maybe", ""])
def test_an_invalid_time_to_keep_a_result_is_refused(
    bench: Bench, enqueue: Asok, value: str
) -> None:
    ran = enqueue("shop:plain", "--keep-result", value)
    assert (ran.code, ran.out) == (2, "")
    assert f"--keep-result is '{value}'" in ran.err
    assert "; it must be yes, no, or from 1s to 3650d, as in 90, 90s, 2h or 7d" in ran.err
    assert bench.pending("default") == []


def test_options_of_the_command_line_replace_those_of_the_task_one_by_one(
    bench: Bench, enqueue: Asok
) -> None:
    assert enqueue("shop:pay", "order=7", "--queue", "low", "--timeout", "2m").code == 0
    job = only_job(bench, "low")
    assert (job.retries, job.backoff, job.timeout, job.kwargs) == (4, 3, 120, {"order": 7})


def test_a_plain_function_has_the_defaults_of_the_library(bench: Bench, enqueue: Asok) -> None:
    words = ("7", "a b", "[1]", "-5", "to=x", "n=1.5", "ok=true")
    assert enqueue("shop:plain", *words).code == 0
    job = only_job(bench, "default")
    assert (job.args, job.kwargs) == ((7, "a b", [1], -5), {"to": "x", "n": 1.5, "ok": True})
    assert (job.retries, job.backoff, job.timeout) == (0, 2, None)


def test_a_worker_runs_the_job(bench: Bench, enqueue: Asok, redis_url: str, shop: Path) -> None:
    reported = enqueue("shop:pay", "7", "--json").document
    assert (reported["enqueued"], reported["queue"]) == (True, "high")
    settings = {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": redis_url}
    env = environment(settings | {"SECRET_KEY": SECRET_KEY})
    with running("-P", "-m", "asok_console", "worker", env=env, cwd=shop):
        wait_until(
            lambda: bench.record(reported["id"])["status"] == "completed", "the end of the job"
        )
    assert json.loads(bench.record(reported["id"])["result"]) == "order 7 is paid by queue"


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("elsewhere.tasks:pay", "No module named 'elsewhere'"),
        ("broken:pay", "the database is away"),
    ],
)
def test_a_module_that_cannot_be_imported_here_is_one_line_and_the_job_is_enqueued(
    task: str, why: str, bench: Bench, enqueue: Asok
) -> None:
    ran = enqueue(task, "7", "--retries", "2", "--timeout", "9")
    assert ran.code == 0
    assert len(ran.err.splitlines()) == 1
    assert why in ran.err
    assert "options of its @task are not known here" in ran.err
    job = only_job(bench, "default")
    assert job.id == ran.out.strip()
    assert (job.task, job.retries, job.timeout) == (task.replace(":", "."), 2, 9)
    assert job.enqueued_at is not None


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("shop:pya", "has no function 'pya'"),
        ("shop:NOTHING", "is an int, not a function"),
        ("shop:rows", "shop.rows cannot be a task: it is a generator function"),
    ],
)
def test_a_task_that_does_not_exist_in_its_module_is_refused(
    task: str, why: str, bench: Bench, enqueue: Asok
) -> None:
    ran = enqueue(task, "7")
    assert (ran.code, ran.out) == (2, "")
    assert why in ran.err
    assert "add --no-import (see asok enqueue --help)" in ran.err
    assert bench.pending("default") == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("_retries", "not an option: write --retries VALUE (see asok enqueue --help)"),
        (
            "_retires",
            "nor a parameter of the task; did you mean _retries? (see asok enqueue --help)",
        ),
    ],
)
def test_an_option_of_the_library_among_the_arguments_is_refused(
    name: str, why: str, bench: Bench, enqueue: Asok
) -> None:
    ran = enqueue("shop:pay", "7", f"{name}=3")
    assert (ran.code, ran.out) == (2, "")
    assert why in ran.err
    assert bench.pending("high") == []


def test_without_the_import_no_code_of_the_application_runs(bench: Bench, enqueue: Asok) -> None:
    ran = enqueue("shop:pya", "7", "--no-import")
    assert (ran.code, ran.err) == (0, "")
    assert only_job(bench, "default").task == "shop.pya"


def test_enqueue_with_a_delay_and_a_unique_key(bench: Bench, asok: Asok) -> None:
    words = ("enqueue", "a:b", "--no-import", "--unique", "k")
    reported = asok(*words, "--delay", "2h", "--json").document
    assert reported["enqueued"] is True
    assert bench.record(reported["id"])["status"] == "scheduled"
    again = asok(*words)
    assert (again.code, again.out) == (1, "")
    assert "unique key 'k'" in again.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("shop.mail",), "not MODULE:FUNCTION"),
        (("a:b", "x=1", "2"), "'2': positional arguments must come before NAME=VALUE"),
        (("a:b", "x=1", "x=2"), "argument x is given twice"),
        (("a:b", "_queue=low", "--no-import"), "_queue=... would be an argument of the task, not"),
        (("a:b", "_at=1", "--no-import"), "not an option: write --delay DURATION"),
        (("a:b", "NaN"), "argument 1 is nan, which JSON cannot encode"),
        (("a:b", 'order={"price": Infinity}'), "argument 'order': price is inf"),
        (("a:b", "[" * 300 + "]" * 300), "argument 1 is nested more than 100 levels deep"),
        (("a:b", "[" * 100_000 + "]" * 100_000), "nested too deeply"),
        (("a:b", "n=" + "1" * 5000), "cannot be read as JSON: Exceeds the limit"),
        (("a:b", "--retries", "-1"), "--retries is '-1'; it must be a whole number from 0 to"),
        (("a:b", "--backoff", "x"), "--backoff is 'x'; it must be a number of seconds"),
        (("a:b", "--backoff", "nan"), "--backoff is"),
        (("a:b", "--backoff", "-1"), "--backoff is -1; it must be 0 or more"),
        (("a:b", "--timeout", "soon"), "--timeout is 'soon'; it must be a duration"),
        (("a:b", "--timeout", "0"), "--timeout is 0.0; it must be more than 0 seconds"),
        (("a:b", "--delay", "soon"), "--delay is 'soon'; it must be a duration"),
        (("a:b", "--queue", "x,y"), "--queue is 'x,y' (queue name 'x,y' contains a comma"),
        (("a:b", "--queue", ""), "--queue is ''"),
        (("a:b", "--unique", ""), "--unique has 0 characters; it must have 1 to 200"),
        (("a:b", "--unique", "\udcff"), "--unique is not UTF-8 text"),
        (("a:b", "--frob"), "--frob is not an option of asok enqueue"),
        ((), "specify MODULE:FUNCTION (see asok enqueue --help)"),
    ],
)
def test_a_command_line_that_is_invalid_is_one_line_that_names_its_own_help(
    asok: Asok, words: tuple[str, ...], line: str
) -> None:
    ran = asok("enqueue", *words)
    assert (ran.code, ran.out) == (2, "")
    assert line in ran.err
    assert ran.err.endswith(" (see asok enqueue --help)\n")
    assert ran.err.count("\n") == 1


def test_the_help_describes_how_arguments_are_parsed(asok: Asok) -> None:
    assert "each is parsed as JSON; otherwise it is a string" in " ".join(
        asok("enqueue", "--help").out.split()
    )
