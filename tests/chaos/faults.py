"""Faults that a run injects: into workers, into Redis, and into the network between them."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

import redis

from asok_console.demo.embedded import EmbeddedRedis
from tests.chaos.damage import Disk, delete_by_hand
from tests.chaos.holds import RandomHolds
from tests.chaos.journal import Journal
from tests.chaos.limits import RandomLimits
from tests.chaos.proxy import Proxy
from tests.chaos.workers import LEASE, Blow, ChaosWorker, parent_of
from tests.programs import wait_until

FREEZE = LEASE + 1.5
"""Seconds for which processes or Redis are stopped: longer than a lease."""
SUSPENDED = 120.0
"""Seconds for which everything is suspended in the long form of a suspension."""
FULL = 6.0
"""Seconds for which Redis has no memory left, or is a replica without a master."""
HOUR = 3_600_000
"""Milliseconds that the clock of Redis steps."""
_MOVE_LEASES = """
for _, worker in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  redis.call('ZINCRBY', KEYS[1], ARGV[1], worker)
end
"""
WHOLE_SERVER = frozenset(
    {
        "redis",
        "freeze redis",
        "cut",
        "hold",
        "strand",
        "full",
        "replica",
        "client kill",
        "script flush",
    }
    | {
        "clock forward",
        "clock back",
        "suspend all",
        "suspend long",
        "rename",
        "delete",
        "disk full",
    }
    | {"hold add", "hold release", "hold remove"}
)
"""Faults that do not need a worker which runs."""

Pids = Collection[int]


class Faults:
    """Injects faults by name. ``counts`` and ``blows`` say what was done.

    Each fault returns the processes that can run no job for now, or None when there was nothing to
    harm. What has an end is undone by ``due``, or by ``undo_all`` at the end of the run.
    """

    def __init__(
        self,
        server: EmbeddedRedis,
        proxy: Proxy,
        journal: Journal,
        workers: Sequence[ChaosWorker],
        log: Path,
        *,
        holds: RandomHolds,
        limits: RandomLimits,
        disk: Disk | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.blows: list[Blow] = []
        self._server = server
        self._proxy = proxy
        self._journal = journal
        self._workers = workers
        self._log = log
        self.holds = holds
        self._limits = limits
        self._disk = disk
        self.deleted: set[str] = set()
        """Keys that were deleted by hand."""
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._in_force: set[str] = set()
        self._by_name: dict[str, Callable[[ChaosWorker], Pids | None]] = {
            "process": self._kill_process,
            "supervisor": self._kill_supervisor,
            "worker": self._kill_worker,
            "redis": self._kill_redis,
            "terminate": self._terminate,
            "freeze worker": self._freeze_worker,
            "freeze supervisor": self._freeze_supervisor,
            "freeze process": self._freeze_process,
            "freeze redis": self._freeze_redis,
            "suspend all": lambda _worker: self._suspend_all(FREEZE),
            "suspend long": lambda _worker: self._suspend_all(SUSPENDED),
            "cut": self._cut,
            "hold": self._hold,
            "strand": self._strand,
            "full": self._fill,
            "replica": self._make_replica,
            "client kill": self._kill_clients,
            "script flush": self._flush_scripts,
            "clock forward": lambda _worker: self._step_clock(HOUR),
            "clock back": lambda _worker: self._step_clock(-HOUR),
            "rename": self._rename,
            "delete": self._delete,
            "disk full": self._fill_disk,
            "hold add": lambda _worker: () if holds.add() else None,
            "hold release": lambda _worker: () if holds.release() else None,
            "hold remove": lambda _worker: () if holds.remove() else None,
            "limit set": lambda _worker: () if limits.set() else None,
            "limit reset": lambda _worker: () if limits.reset() else None,
        }

    def inject(self, name: str, worker: ChaosWorker) -> None:
        """Inject one fault, unless what it harms is out of reach at the moment."""
        if (worker.suspended and name not in WHOLE_SERVER) or name in self._in_force:
            return
        now = time.monotonic()
        with suppress(redis.RedisError):  # an operator's command meets the other faults as well
            hurt = self._by_name[name](worker)
            if hurt is not None:
                self.counts[name] += 1
                self.blows.append(Blow(name, frozenset(hurt), now))
                with self._log.open("a") as file:
                    file.write(f"{now:.4f} {name} {worker.name} {worker.pid}\n")

    def due(self) -> None:
        """Undo what has lasted its time."""
        now = time.monotonic()
        for item in [item for item in self._later if item[0] <= now]:
            with suppress(redis.RedisError):  # Redis itself is down: tried again at the next call
                item[1]()
                self._later.remove(item)

    def undo_all(self) -> None:
        """Undo everything that is in force. Redis may still be loading its data."""
        self._later = [(0.0, undo) for _, undo in self._later]

        def undone() -> bool:
            self.due()
            return not self._later

        wait_until(undone, "the end of every fault")
        self._limits.reset_all(self._client())
        self.holds.release_all(self._client())

    def _undo_later(self, undo: Callable[[], None], seconds: float = FREEZE) -> None:
        self._later.append((time.monotonic() + seconds, undo))

    def _until(self, name: str, seconds: float, undo: Callable[[], object]) -> None:
        """Keep a fault in force for ``seconds``, and do not inject it a second time meanwhile."""
        self._in_force.add(name)

        def end() -> None:
            undo()
            self._in_force.discard(name)

        self._undo_later(end, seconds)

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self._server.url, socket_timeout=10)

    # Workers

    def processes(self, worker: ChaosWorker) -> list[int]:
        """Processes of a worker that have run a job and live."""
        pids = self._journal.children.get(worker.pid, [])
        return [pid for pid in pids if parent_of(pid) == worker.pid]

    def _kill_process(self, worker: ChaosWorker) -> Pids | None:
        pids = self.processes(worker)
        if not pids:
            return None
        pid = random.choice(pids)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return [pid]

    def _kill_supervisor(self, worker: ChaosWorker) -> Pids:
        worker.kill_supervisor()
        return ()

    def _kill_worker(self, worker: ChaosWorker) -> Pids:
        pids = self.processes(worker)
        worker.kill_all()
        return pids

    def _terminate(self, worker: ChaosWorker) -> Pids:
        worker.terminate()
        return ()

    def _freeze_worker(self, worker: ChaosWorker) -> Pids:
        worker.freeze(whole=True)
        self._undo_later(worker.thaw)
        return self.processes(worker)

    def _freeze_supervisor(self, worker: ChaosWorker) -> Pids:
        worker.freeze(whole=False)
        self._undo_later(worker.thaw)
        return ()

    def _freeze_process(self, worker: ChaosWorker) -> Pids | None:
        """Stop one process; its supervisor keeps the lease of what it holds."""
        pids = self.processes(worker)
        if not pids:
            return None
        pid = random.choice(pids)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)

        def thaw() -> None:
            # Once it is dead and reaped, its number may be another program's.
            if parent_of(pid) == supervisor:
                os.kill(pid, signal.SIGCONT)

        supervisor = worker.pid
        self._undo_later(thaw)
        return [pid]

    # Redis

    def _kill_redis(self, _worker: ChaosWorker) -> Pids:
        self._server.stop(kill=True)
        time.sleep(random.uniform(0.1, 2.0))
        self._server.start()
        return ()

    def _freeze_redis(self, _worker: ChaosWorker) -> Pids:
        with self._stopped_redis():
            time.sleep(FREEZE)
        return ()

    def _suspend_all(self, seconds: float) -> Pids:
        """Stop everything at once and resume it, as a virtual machine does that is suspended."""
        awake = [worker for worker in self._workers if not worker.suspended]
        with self._stopped_redis():
            for worker in awake:
                worker.freeze(whole=True)
            time.sleep(seconds)
            for worker in awake:
                worker.thaw()
        return [pid for worker in awake for pid in self.processes(worker)]

    def _stopped_redis(self) -> _Stopped:
        pid = self._server.pid
        assert pid is not None, "it is started again before this is reached"
        return _Stopped(pid)

    def _fill(self, _worker: ChaosWorker) -> Pids:
        """Leave Redis no memory: it refuses what would need more."""
        self._client().config_set("maxmemory", "1mb")
        self._until("full", FULL, lambda: self._client().config_set("maxmemory", "0"))
        return ()

    def _make_replica(self, _worker: ChaosWorker) -> Pids:
        """Demote Redis: as a replica whose master is away it keeps its data and refuses writes."""
        self._client().replicaof("127.0.0.1", "1")
        self._until("replica", FULL, lambda: self._client().replicaof("NO", "ONE"))
        return ()

    def _kill_clients(self, _worker: ChaosWorker) -> Pids:
        self._client().execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self._client().execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        return ()

    def _flush_scripts(self, _worker: ChaosWorker) -> Pids:
        self._client().script_flush()
        return ()

    def _step_clock(self, milliseconds: int) -> Pids:
        """Step the clock of Redis, as the leases show it: all of them move by the same amount.

        To workers a clock that steps forward and leases that move back are the same.
        """
        client = self._client()
        client.eval(_MOVE_LEASES, 1, "asok:workers", -milliseconds)
        return ()

    def _rename(self, _worker: ChaosWorker) -> Pids | None:
        """Rename a queue, as a person does who makes room for something, and return its jobs."""
        client = self._client()
        aside = "asok:set-aside-by-hand"
        queues = ("asok:queue:low", "asok:queue", "asok:queue:high")
        queue = next((key for key in queues if client.exists(key)), None)
        if queue is None or client.exists(aside):
            return None
        client.rename(queue, aside)

        def restore_name() -> None:
            connection = self._client()
            while connection.lmove(aside, queue, "LEFT", "RIGHT") is not None:
                pass

        self._until("rename", 2.0, restore_name)
        return ()

    def _delete(self, _worker: ChaosWorker) -> Pids:
        """Delete keys, as a person does who tidies up."""
        self.deleted.update(delete_by_hand(self._client()))
        return ()

    def _fill_disk(self, _worker: ChaosWorker) -> Pids | None:
        """Leave the disk of Redis no room: it cannot append to its file, and refuses writes."""
        if self._disk is None:
            return None
        self._disk.fill()
        self._until("disk full", FULL, self._disk.free)
        return ()

    # The network

    def _cut(self, _worker: ChaosWorker) -> Pids:
        self._proxy.cut()
        return ()

    def _hold(self, _worker: ChaosWorker) -> Pids:
        self._proxy.hold()
        self._undo_later(self._proxy.release)
        return ()

    def _strand(self, _worker: ChaosWorker) -> Pids:
        """Lose all that comes over the connections there are, as after a firewall has lost its table."""
        self._proxy.strand()
        return ()


class _Stopped:
    """Stops a process for the body of a ``with``."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __enter__(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        os.kill(self._pid, signal.SIGCONT)
