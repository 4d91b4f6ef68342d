"""``python -m tests.chaos.green gevent|eventlet``: a producer whose threads are green, beside a worker.

Thirty green threads enqueue and wait for results, and one more counts how often it had its turn.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time

KIND = sys.argv[1] if len(sys.argv) > 1 else "gevent"
if KIND == "eventlet":
    eventlet = importlib.import_module("eventlet")
    eventlet.monkey_patch()
    spawn = eventlet.spawn
else:
    gevent = importlib.import_module("gevent")
    importlib.import_module("gevent.monkey").patch_all()
    spawn = gevent.spawn

from asok_console.demo.embedded import EmbeddedRedis  # noqa: E402 - after the patch
from asok_core import background, shutdown  # noqa: E402
from asok_core.api.client import configure  # noqa: E402
from asok_core.settings.settings import Settings  # noqa: E402
from tests.chaos.tasks import add  # noqa: E402

THREADS, JOBS = 30, 10


def main() -> int:
    """Run once. Returns 0 when every result came and no green thread was held up."""
    with EmbeddedRedis() as server:
        env = {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": server.url, "SECRET_KEY": "g" * 64}
        configure(Settings.load(env))
        command = [sys.executable, "-m", "asok_console", "worker", "-c", "4"]
        worker = subprocess.Popen(command, env=os.environ | env, stdout=subprocess.DEVNULL)
        turns, results = [0], list[int]()

        def count() -> None:
            while len(results) < THREADS * JOBS:
                time.sleep(0.01)
                turns[0] += 1

        def ask(number: int) -> None:
            futures = [background(add, number, each) for each in range(JOBS)]
            results.extend(future.result(timeout=60) for future in futures)

        try:
            counter = spawn(count)
            for thread in [spawn(ask, number) for number in range(THREADS)]:
                thread.wait() if KIND == "eventlet" else thread.get()
            counter.wait() if KIND == "eventlet" else counter.get()
        finally:
            worker.terminate()
            worker.wait()
            ended = shutdown(timeout=30)
    sums = sorted(number + each for number in range(THREADS) for each in range(JOBS))
    sys.stdout.write(f"{KIND}: {len(results)} results, {turns[0]} turns of another green thread\n")
    return 0 if sorted(results) == sums and turns[0] > 10 and ended else 1


if __name__ == "__main__":
    sys.exit(main())
