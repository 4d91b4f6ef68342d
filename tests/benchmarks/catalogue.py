"""The peers: how their workers are started, and with which settings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

OWN = "asok-console"
_HERE = "tests.benchmarks.peers"
_PYTHON = sys.executable
_BIN = Path(sys.executable).parent

REDIS5 = Path(sys.prefix) / "redis5"
"""The environment of peers that require an older redis-py: see ``requirements-redis5.txt``."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One configuration of one library.

    ``worker(processes, concurrency)`` returns the commands of its worker. ``keeps``: a record or
    result of each finished job is stored. ``bulk`` is how it enqueues many jobs, if it can.
    ``jobs`` is the number for a drain by one process; slow peers have fewer."""

    name: str
    module: str
    worker: Callable[[int, int], list[list[str]]]
    settings: str
    jobs: int
    keeps: bool = True
    bulk: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None

    def version(self, package: str) -> str:
        """The installed version, or '' if it is not installed."""
        path = [str(self.folder)] if self.folder else sys.path
        found = next(iter(metadata.distributions(name=package, path=path)), None)
        return found.version if found else ""

    @property
    def package(self) -> str:
        """Its name on PyPI."""
        return self.name.split(" ")[0]


def _run(module: str, *arguments: str) -> list[str]:
    return [_PYTHON, "-m", module, *arguments]


def _console(processes: int, concurrency: int) -> list[list[str]]:
    return [
        _run(
            *("asok_console", "worker", "-p", str(processes), "-c", str(concurrency)),
            *("--log-level", "warning"),
        )
    ]


def _framework(processes: int, _concurrency: int) -> list[list[str]]:
    return [_run("asok", "worker")] * processes


def _rq(processes: int, concurrency: int) -> list[list[str]]:
    pool = ["worker-pool", "-q", "-u", "{url}", "-n", str(processes * concurrency)]
    return [[str(_BIN / "rq"), *pool, "-w", "rq.worker.SimpleWorker", "default"]]


def _rq_default(processes: int, concurrency: int) -> list[list[str]]:
    return [
        [
            str(_BIN / "rq"),
            *("worker-pool", "-q", "-u", "{url}", "-n", str(processes * concurrency), "default"),
        ]
    ]


def _celery(processes: int, concurrency: int) -> list[list[str]]:
    return [
        _run(
            *("celery", "-A", f"{_HERE}.celery", "worker", "-P", "threads", "-c", str(concurrency)),
            *("-n", f"bench{n}@%h", "-l", "WARNING"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        )
        for n in range(processes)
    ]


def _dramatiq(processes: int, concurrency: int) -> list[list[str]]:
    threads = ["-p", str(processes), "-t", str(concurrency)]
    return [_run("dramatiq", f"{_HERE}.dramatiq", *threads)]


def _huey(processes: int, concurrency: int) -> list[list[str]]:
    threads = ["-k", "thread", "-w", str(concurrency), "-q"]
    return [_run("huey.bin.huey_consumer", f"{_HERE}.huey.huey", *threads)] * processes


def _arq(processes: int, _concurrency: int) -> list[list[str]]:
    quiet = ["--custom-log-dict", f"{_HERE}.arq.quiet"]
    return [_run("arq", f"{_HERE}.arq.WorkerSettings", *quiet)] * processes


def _saq(processes: int, _concurrency: int) -> list[list[str]]:
    return [_run("saq", f"{_HERE}.saq.settings", "-q", "--workers", str(processes))]


def _taskiq(processes: int, concurrency: int) -> list[list[str]]:
    return [
        _run(
            *("taskiq", "worker", f"{_HERE}.taskiq:broker", "-w", str(processes)),
            *("--max-async-tasks", str(concurrency), "--log-level", "WARNING"),
        )
    ]


def _streaq(processes: int, _concurrency: int) -> list[list[str]]:
    return [_run("streaq", "run", f"{_HERE}.streaq:worker", "-w", str(processes))]


_RESULTS = {"BENCH_RESULTS": "1"}

PEERS = (
    Peer(
        OWN,
        "asok_console",
        _console,
        "`asok worker -p P -c 10 --log-level warning`; every job has a signed envelope, a record with "
        "its result, and counters",
        20_000,
        bulk="`background_many`, 250 a round trip",
    ),
    Peer(
        "asok",
        "asok",
        _framework,
        "`ASOK_WORKER_CONCURRENCY=10 asok worker`, P of them; record as JSON string",
        4_000,
    ),
    Peer(
        "rq",
        "rq",
        _rq,
        "`rq worker-pool -q -n 10 -w rq.worker.SimpleWorker`: it has no threads, so ten processes "
        "(times P) replace one with ten threads; the recovery case uses the default Worker, which "
        "forks",
        1_500,
        bulk="`Queue.enqueue_many`",
    ),
    Peer(
        "celery",
        "celery",
        _celery,
        "`-P threads -c 10 --without-gossip --without-mingle --without-heartbeat`, results ignored",
        1_500,
        keeps=False,
        bulk="`group`",
    ),
    Peer(
        "celery +results",
        "celery",
        _celery,
        "the same with Redis as result backend",
        1_500,
        bulk="`group`",
        environment=_RESULTS,
    ),
    Peer(
        "dramatiq",
        "dramatiq",
        _dramatiq,
        "`-p P -t 10`, its default middleware",
        6_000,
        keeps=False,
    ),
    Peer(
        "dramatiq +results",
        "dramatiq",
        _dramatiq,
        "the same with the Results middleware on Redis, `store_results=True`",
        4_000,
        environment=_RESULTS,
    ),
    Peer(
        "huey",
        "huey",
        _huey,
        "`RedisHuey(results=False)`, `-k thread -w 10 -q`, P consumers",
        5_000,
        keeps=False,
    ),
    Peer(
        "huey +results",
        "huey",
        _huey,
        "the same with `results=True` and tasks that return True",
        5_000,
        environment=_RESULTS,
    ),
    Peer(
        "arq",
        "arq",
        _arq,
        "`max_jobs=10`, default poll_delay (0.5 s) and keep_result (1 h), logging off, P workers; "
        "redis-py 5, the newest that it supports",
        1_000,
        bulk="`asyncio.gather` of 100",
        folder=REDIS5,
    ),
    Peer(
        "saq",
        "saq",
        _saq,
        "`concurrency` 10, `--workers P -q`; on the redis-py 5 that arq requires",
        2_500,
        bulk="`asyncio.gather` of 100",
        folder=REDIS5,
    ),
    Peer(
        "taskiq-redis",
        "taskiq",
        _taskiq,
        "ListQueueBroker, `-w P --max-async-tasks 10 --log-level WARNING`, uvloop, no results",
        4_000,
        keeps=False,
        bulk="`asyncio.gather` of 100",
    ),
    Peer(
        "taskiq-redis +results",
        "taskiq",
        _taskiq,
        "RedisStreamBroker with acknowledgements and RedisAsyncResultBackend",
        2_500,
        bulk="`asyncio.gather` of 100",
        environment=_RESULTS,
    ),
    Peer(
        "streaq",
        "streaq",
        _streaq,
        "`concurrency=10`, `-w P`, uvloop, logging off",
        2_000,
        bulk="`Worker.enqueue_many`",
    ),
)

DEFAULT_WORKERS = {"rq": _rq_default}
"""Default workers of peers for which ``worker`` is a faster and less safe one."""
