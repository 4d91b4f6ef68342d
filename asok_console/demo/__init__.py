"""The demo: a Redis of its own, two real workers, and the traffic of a small web shop.

Nothing in it is simulated: jobs are enqueued by ``background``, run by ``asok worker`` and fail with
real exceptions. When the console ends, for whatever reason, the demo ends and leaves nothing behind.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from asok_core.settings.settings import Settings

APP = Path(__file__).parent / "app"
WORKERS = (
    ("--queues", "critical,mail,default", "--concurrency", "6"),
    ("--queues", "default,media,low", "--concurrency", "4"),
)


@contextmanager
def session() -> Iterator[Settings]:
    """Start the demo and yield the settings of its Redis.

    Raises:
        Unreachable: No redis-server was found; the message says what to install.
    """
    from asok_console.demo.child_process import ManagedCommand
    from asok_console.demo.embedded import EmbeddedRedis

    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedRedis())
        demo = {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": server.url,
            "SECRET_KEY": secrets.token_hex(32),
            "ASOK_WORKER_QUEUES": "critical,mail,default,media,low",
            # When a worker is killed, its processes finish their jobs for at most this long.
            "ASOK_WORKER_SHUTDOWN_TIMEOUT": "1s",
        }
        others = {name for each in Settings.declared().values() for name in each.variables}
        inherited = {name: value for name, value in os.environ.items() if name not in others}
        # As in a project of its own, its tasks are named `shop.send_receipt` and so on.
        inherited["PYTHONPATH"] = os.pathsep.join(
            (str(APP), *filter(None, (os.environ.get("PYTHONPATH"),)))
        )
        for program in (
            ("traffic",),
            *(("asok_console", "worker", "run", *options) for options in WORKERS),
        ):
            # -P: modules of the working directory are not imported (execution/import_path.py).
            command = (sys.executable, "-P", "-m", *program)
            stack.enter_context(ManagedCommand(command, environment={**inherited, **demo}))
        yield Settings.load(demo)
