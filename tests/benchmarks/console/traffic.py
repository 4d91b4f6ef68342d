"""Traffic while the console is open: heartbeats, counters, jobs that begin and end."""

from __future__ import annotations

import threading
from collections import deque
from itertools import count
from typing import Self

import redis

from asok_core.jobs.envelope import seal
from tests.benchmarks.console.data import RUNNING, SLOTS, Amounts
from tests.tui import seed
from tests.tui.seed import KEYS

_KEPT = 100
_STEPS_A_SECOND = 10
_STEP = 1 / _STEPS_A_SECOND

# A script, so that it hardly affects measurements in this process.
_COUNT_UP = """
local counted = { 'enqueued', 'completed', 'run_ms', 'wait_ms', 'run_b32', 'wait_b44' }
for i = 3, #ARGV do
  for kind, width in pairs({ s = 10, m = 60 }) do
    local key = string.format('%s:stats:%s:%s%d', ARGV[1], ARGV[i], kind, ARGV[2] - ARGV[2] % width)
    for _, field in ipairs(counted) do redis.call('HINCRBY', key, field, 1) end
    redis.call('EXPIRE', key, 86400)
  end
end
"""


class Traffic:
    """Runs on a thread in a ``with``.

    Each second every queue counts a job, every worker sends a heartbeat, and a third of the running
    jobs is replaced by new ones. With ``churn``, ten times a second this many jobs are also added
    to the pending, delayed and dead jobs, and as many removed; so are a queue and a worker."""

    def __init__(self, client: redis.Redis, amounts: Amounts, *, churn: int = 0) -> None:
        self._client = client
        self._amounts = amounts
        self._churn = churn
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic")
        self._numbers = count(RUNNING + 0x100_0000)
        self._count_up = client.register_script(_COUNT_UP)
        self._delayed: deque[bytes] = deque()
        self.steps = 0
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            while not self._stopping.wait(_STEP):
                now = seed.server_time(self._client)
                self._work(now, self.steps % _STEPS_A_SECOND)
                if self._churn:
                    self._turn_over(now)
                self.steps += 1
        except Exception as error:  # noqa: BLE001 - raised at the end of the block
            self.error = error

    def _work(self, now: float, part: int) -> None:
        """A tenth of the workers' activity in a second."""
        queues = self._amounts.names[part::_STEPS_A_SECOND]
        self._count_up(args=[KEYS.namespace, int(now), *queues])
        pipeline = self._client.pipeline(transaction=False)
        for n in range(part, self._amounts.workers, _STEPS_A_SECOND):
            pipeline.hset(KEYS.worker(f"host-{n}"), "beat_at", now)
        pipeline.execute()
        for n in range(part, self._amounts.workers // 3, _STEPS_A_SECOND):
            self._take_over((self.steps // _STEPS_A_SECOND + 3 * n) % self._amounts.workers, now)

    def _take_over(self, worker: int, now: float) -> None:
        """A worker finishes all its jobs and claims as many."""
        pipeline = self._client.pipeline(transaction=False)
        queues = self._amounts.queues_of(worker)
        for slot in range(SLOTS):
            queue = queues[slot % len(queues)]
            active = KEYS.active(f"host-{worker}.1", queue)
            job = seed.job(next(self._numbers), queue)
            pipeline.rpop(active)
            pipeline.lpush(active, seal(job, seed.KEYRING))
            pipeline.hset(
                KEYS.job(job.id),
                mapping={"status": "running", "function": job.task, "ts": now, "started_at": now},
            )
            pipeline.expire(KEYS.job(job.id), 60)
            pipeline.lpush(KEYS.recent, job.id)
        pipeline.ltrim(KEYS.recent, 0, _KEPT - 1)
        pipeline.execute()

    def _turn_over(self, now: float) -> None:
        """Add and remove jobs in every location, and a queue and a worker."""
        pipeline = self._client.pipeline(transaction=False)
        for _ in range(self._churn):
            envelope = seal(seed.job(next(self._numbers), enqueued_at=now), seed.KEYRING)
            pipeline.lpush(KEYS.queue("default"), envelope)
            pipeline.rpop(KEYS.queue("default"))
            pipeline.zadd(KEYS.delayed, {envelope: now + 5})
            self._delayed.append(envelope)
            if len(self._delayed) > 10 * self._churn:
                pipeline.zrem(KEYS.delayed, self._delayed.popleft())
        number = next(self._numbers)
        pipeline.lpush(KEYS.dead, *seed.dead_jobs(now, self._churn, first=number, every=0.01))
        pipeline.ltrim(KEYS.dead, 0, max(self._amounts.dead, 10 * self._churn) - 1)
        passing = f"passing-{self.steps // 10 % 50}"
        if self.steps % 10 == 0:
            pipeline.sadd(KEYS.queues, passing)
            pipeline.lpush(KEYS.queue(passing), seal(seed.job(number, passing), seed.KEYRING))
            pipeline.zadd(KEYS.workers, {passing: round((now + 3600) * 1000)})
            pipeline.hset(
                KEYS.worker(passing), mapping={"host": passing, "queues": passing, "beat_at": now}
            )
            # With a TTL, as a worker has: the run may end while this worker exists.
            pipeline.expire(KEYS.worker(passing), 60)
        elif self.steps % 10 == 5:
            pipeline.srem(KEYS.queues, passing)
            pipeline.delete(KEYS.queue(passing), KEYS.worker(passing))
            pipeline.zrem(KEYS.workers, passing)
        pipeline.execute()
