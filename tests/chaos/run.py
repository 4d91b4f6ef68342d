"""One run: producers, workers and Redis are started, disturbed for a while, and left to finish."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import redis

from asok_console.demo.child_process import ManagedCommand
from asok_console.demo.embedded import EmbeddedRedis
from tests.chaos.damage import Disk
from tests.chaos.faults import Faults
from tests.chaos.holds import RandomHolds
from tests.chaos.journal import VARIABLE, Journal
from tests.chaos.limits import RandomLimits
from tests.chaos.proxy import Proxy
from tests.chaos.report import ChaosReport, ChaosRun, job_statuses, report
from tests.chaos.resources import Resources
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.workers import KILLS, LEASE, ChaosWorker

SECRET_KEY = "c4a05" * 10
ROOT = Path(__file__).parents[2]
QUEUES = "high,default,low,shared"
UNHARMED = "unharmed"
"""Name of the worker that no fault is aimed at; what is injected into Redis reaches it as well."""
SHARED = "shared"
"""The queue that the framework's worker serves as well, until the first fault of Redis: when it or
Redis goes down it loses what it holds by design, and this is about ours."""


# Without the comma it is the stack of a process that died of a signal, as some jobs end theirs.
_OURS = re.compile(r'^ +File ".*/asok_(core|console)/.*", line \d+, in ', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ChaosPlan:
    """How much of everything. ``seconds`` is how long the producers take, and so the beating."""

    jobs: int
    kills: int
    seconds: float
    shared: int
    finish: float = 120.0
    """Seconds that the workers have for what is left when no more faults are injected."""
    scenario: str = "kills"
    """Which faults are injected: a name of ``SCENARIOS``."""
    redis: Path | None = None
    """The redis-server to run; None for the newest that is found."""
    watched: bool = False
    """Whether one more worker runs that is not harmed, and what it uses is watched."""


class Chaos:
    """``run`` returns what became of every job."""

    def __init__(self, plan: ChaosPlan, folder: Path, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._folder = folder
        self._say = say
        self._journal = Journal(folder / "journal")
        self._resources = Resources()

    def run(self) -> ChaosReport:
        """Run to the end. Whatever happens, no process is left behind."""
        began = time.monotonic()
        with ExitStack() as stack:
            options: tuple[str, ...] = ("--appendonly", "yes", "--appendfsync", "always")
            disk = None
            if "disk full" in SCENARIOS[self._plan.scenario]:
                # By another policy Redis ends where it cannot write, instead of refusing.
                disk = stack.enter_context(Disk())
                options = (*options[:3], "everysec", "--dir", str(disk.folder))
            self._server = stack.enter_context(EmbeddedRedis(options, binary=self._plan.redis))
            self._client = stack.enter_context(redis.Redis.from_url(self._server.url))
            path = self._server.folder / "proxy.sock"
            self._proxy = stack.enter_context(Proxy(path, self._server.socket))
            self._workers = list(self._make_workers())
            self._targets = [worker for worker in self._workers if worker.name != UNHARMED]
            self._faults = Faults(
                self._server,
                self._proxy,
                self._journal,
                self._workers,
                self._folder / "faults",
                holds=RandomHolds(self._server.url, SECRET_KEY),
                limits=RandomLimits(self._server.url, SECRET_KEY),
                disk=disk,
            )
            for worker in self._workers:
                stack.callback(worker.close)
            jobs = self._share(stack)
            jobs |= self._heartbeat(stack)
            complaints = [*self._finish(), *self._stop()]
            if self._plan.watched:
                complaints += self._resources.complaints()
                self._say(f"the supervisor that was not harmed: {self._resources.summary()}")
            self._journal.read()
            seconds = time.monotonic() - began
            faults = self._faults
            run = ChaosRun(
                jobs,
                self._journal,
                faults.blows,
                faults.counts,
                complaints,
                seconds,
                frozenset(faults.deleted),
                faults.holds.in_force,
            )
            return report(self._client, run)

    def _environment(self, url: str) -> dict[str, str]:
        return os.environ | {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": url,
            "SECRET_KEY": SECRET_KEY,
            "ASOK_WORKER_QUEUES": QUEUES,
            "ASOK_WORKER_SHUTDOWN_TIMEOUT": "2s",
            "ASOK_WORKER_LEASE": f"{LEASE:g}s",
            VARIABLE: str(self._folder / "journal"),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }

    def _make_workers(self) -> Iterator[ChaosWorker]:
        for name, options, url in (
            ("two", ("-p", "2", "-c", "4"), self._server.url),
            # Its processes retire now and then, and have successors as standbys.
            ("wide", ("-p", "1", "-c", "8", "--max-jobs", "60"), self._server.url),
            ("far", ("-p", "1", "-c", "3"), self._proxy.url),
        ):
            yield ChaosWorker(name, options, self._environment(url), self._folder / f"{name}.log")
        if self._plan.watched:
            env = self._environment(self._server.url)
            yield ChaosWorker(
                UNHARMED, ("-p", "1", "-c", "2"), env, self._folder / f"{UNHARMED}.log"
            )

    # The first part: beside the framework's worker

    def _share(self, stack: ExitStack) -> dict[str, str]:
        """Jobs of the framework, run by its worker and ours while ours are killed."""
        if not self._plan.shared:
            return {}
        env = self._environment(self._server.url) | {
            "ASOK_WORKER_QUEUES": SHARED,
            "ASOK_WORKER_CONCURRENCY": "2",
        }
        reported = subprocess.run(
            [sys.executable, "-m", "tests.chaos.framework", SHARED, str(self._plan.shared)],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        jobs = dict(line.split() for line in reported.stdout.splitlines())
        log = self._folder / "framework.log"
        peer = ManagedCommand([sys.executable, "-m", "asok", "worker"], environment=env, errors=log)
        stack.callback(peer.close)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not self._done(jobs):
            self._step(random.choice(("process", "process", "supervisor", "worker")), 0.7)
        its = sum(self._journal.lines[word][-1].pid == peer.pid for word in jobs)
        self._say(f"of {len(jobs)} jobs of the framework its own worker ran {its}")
        peer.close()
        return jobs

    def _done(self, jobs: dict[str, str]) -> bool:
        self._journal.read()
        if not all(self._journal.count(word, "done") for word in jobs):
            return False
        # The framework's worker is ended next, and must have written what its tasks came to.
        return all(each == "completed" for each in job_statuses(self._client, [*jobs.values()]))

    # The second part

    def _heartbeat(self, stack: ExitStack) -> dict[str, str]:
        """Producers fill the queues while everything is harmed; the jobs that Redis acknowledged."""
        plan, producers = self._plan, ("east", "west")
        ledgers = {name: self._folder / f"{name}.ledger" for name in producers}
        running: dict[str, ManagedCommand | None] = dict.fromkeys(producers)
        began, spoken = time.monotonic(), 0.0
        arrived: dict[str, str] = {}
        share = plan.jobs // len(producers)
        harmed_until = began + plan.seconds * 1.5
        # On a busy machine the producers are not done by then: they get the rest in undisturbed.
        while time.monotonic() < harmed_until + plan.finish:
            for name, ledger in ledgers.items():
                arrived |= {word: word for word in _words(ledger)}
                managed = running[name]
                if managed is None or (managed.wait(0) and len(_words(ledger)) < share):
                    command = ["-m", "tests.chaos.producer", name, str(share), str(plan.seconds)]
                    managed = ManagedCommand(
                        [sys.executable, *command, str(ledger)],
                        environment=self._environment(self._server.url),
                        errors=self._folder / f"{name}.log",
                    )
                    stack.callback(managed.close)
                    running[name] = managed
            harmed_enough = self._injected() >= plan.kills or time.monotonic() >= harmed_until
            if len(arrived) >= share * len(producers) and harmed_enough:
                break
            if time.monotonic() >= harmed_until:
                self._faults.due()
                time.sleep(0.2)
                continue
            weights = SCENARIOS[plan.scenario]
            fault = random.choices(list(weights), list(weights.values()))[0]
            if random.random() < 0.03:
                self._kill_producer(random.choice(list(running.values())))
            self._step(fault, plan.seconds / plan.kills * 0.6)
            if time.monotonic() - spoken > 20:
                spoken = time.monotonic()
                self._say(f"{len(arrived)} enqueued, {self._injected()} faults")
        self._faults.undo_all()
        for managed in running.values():
            if managed is not None:
                managed.close()
        return arrived

    def _injected(self) -> int:
        """Faults that count: kills, or all of a scenario that is not about kills."""
        kinds = KILLS if self._plan.scenario == "kills" else self._faults.counts
        return sum(self._faults.counts[kind] for kind in kinds)

    def _kill_producer(self, managed: ManagedCommand | None) -> None:
        if managed is not None and not managed.wait(0):
            managed.send(signal.SIGKILL)
            self._faults.counts["producer"] += 1

    def _step(self, fault: str, seconds: float) -> None:
        for worker in self._workers:
            if not worker.suspended:
                worker.ensure()
        self._faults.due()
        self._journal.read()
        self._faults.inject(fault, random.choice(self._targets))
        if self._plan.watched:
            self._resources.sample(self._workers[-1].pid)
        time.sleep(seconds * random.uniform(0.5, 1.5))

    # The end

    def _finish(self) -> list[str]:
        """Let the workers do what is left in peace; what they did not do."""
        deadline = time.monotonic() + self._plan.finish
        left: dict[str, int] = {}
        while time.monotonic() < deadline:
            for worker in self._workers:
                worker.ensure()
            with suppress(redis.RedisError):  # it may be away, or loading its data
                left = self._left()
                if not left:
                    return []
            time.sleep(0.2)
        return [f"still there after {self._plan.finish:g} s: {left}"]

    def _left(self) -> dict[str, int]:
        client = self._client
        lists = [key.decode() for key in client.keys("asok:queue*") if key != b"asok:queues"]
        lists += [key.decode() for key in client.keys("asok:active:*")]
        lists += [key.decode() for key in client.keys("asok:held:*")]
        left = {key: client.llen(key) for key in lists}
        left["asok:delayed_tasks"] = client.zcard("asok:delayed_tasks")
        return {key: count for key, count in left.items() if count}

    def _stop(self) -> list[str]:
        complaints = [
            f"worker {worker.name} did not stop when asked"
            for worker in self._workers
            if not worker.stop(15)
        ]
        for log in self._folder.glob("*.log"):
            text = log.read_text(errors="replace")
            # The tracebacks of jobs that fail are expected: they have frames of the tasks alone.
            if _OURS.search(text) or "internal error" in text:
                complaints.append(f"{log} holds a traceback of ours")
        return complaints


def _words(path: Path) -> list[str]:
    if not path.exists():
        return []
    text = path.read_text()
    return text[: text.rfind("\n") + 1].split()
