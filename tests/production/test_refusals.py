"""Each state in which a Redis refuses, made with a real server: one line says which and what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis, server_version
from asok_core.backends.redis.calls.call import ScriptCall
from asok_core.backends.redis.calls.operations import FinishOperation
from asok_core.backends.redis.calls.producing import Enqueue, NewJob
from asok_core.backends.redis.calls.ranges import ListHead
from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.errors import AsokError, Refused, Unreachable
from tests.programs import wait_until


def enqueue(queue: str) -> Enqueue:
    job = NewJob("id", queue, b"envelope", due="", unique="", task="m:f", retries=0)
    return Enqueue(ns="asok", records="hash", jobs=[job])


CALLS: dict[str, ScriptCall[Any]] = {
    "finish_operation": FinishOperation(ns="asok", op="op", about=b"{}", state="done"),
    "enqueue": enqueue("default"),
    "list_head": ListHead(elements="asok:queue", start=0, stop=-1),
}
OOM = (
    "refuses: it is out of memory .maxmemory. and accepts no new data; purge jobs, empty the trash"
)
MISCONF = "refuses: it cannot save its data to disk and accepts no writes"
ACL = r"refuses: this user may not do that .ACL."
UNKNOWN = (
    "does not know the command {}: it is older than 6.2, or the command is renamed or disabled$"
)

# The state, what is asked of Redis in it (a command or a script of ours), and the line for that.
REFUSED = [
    ("full", "SET", OOM),
    ("full", "enqueue", OOM),
    ("full", "MULTI", r"out of memory .maxmemory."),
    ("no_snapshot", "SET", MISCONF),
    ("no_snapshot", "finish_operation", MISCONF),
    ("no_snapshot", "enqueue", MISCONF),
    ("no_log", "SET", MISCONF),
    ("no_log", "finish_operation", MISCONF),
    ("no_replicas", "SET", "refuses: too few replicas are connected .min-replicas-to-write."),
    (
        "no_replicas",
        "finish_operation",
        "refuses: too few replicas are connected .min-replicas-to-write.",
    ),
    ("few_rights", "SET", ACL),
    ("few_rights", "finish_operation", ACL),
    ("few_keys", "SET", ACL),
    ("few_keys", "list_head", ACL),
    ("few_commands", "SET", UNKNOWN.format("SET")),
    ("few_commands", "finish_operation", UNKNOWN.format("EVALSHA")),
]
UNREACHABLE = [
    ("replica", "SET", ": this is a read-only replica$"),
    ("replica", "finish_operation", ": this is a read-only replica$"),
    ("lost_replica", "GET", ": this is a replica that has lost its master$"),
    ("lost_replica", "list_head", ": this is a replica that has lost its master$"),
    ("busy", "GET", ": a script has blocked it for a long time$"),
    ("busy", "list_head", ": a script has blocked it for a long time$"),
    ("loading", "GET", ": it is loading its data$"),
    ("loading", "finish_operation", ": it is loading its data$"),
    ("cluster", "GET", ": the cluster is down$"),
]


class States:
    """Servers in states in which they refuse."""

    def __init__(self, make: Callable[..., EmbeddedRedis], binary: Path, folder: Path) -> None:
        self._make, self._binary, self._folder = make, binary, folder
        self._threads: list[threading.Thread] = []

    def _start(self, *options: str) -> None:
        self.server = self._make(*options, binary=self._binary)
        self.client: Any = redis.Redis.from_url(self.server.url)

    def full(self) -> None:
        self._start()
        self.client.config_set("maxmemory", 1)

    def no_snapshot(self) -> None:
        folder = self._folder / "data"
        folder.mkdir()
        self._start("--dir", str(folder))
        self.client.config_set("save", "3600 1")
        folder.rmdir()
        self.client.set("asok:y", 1)
        self.client.bgsave()
        self._reports("rdb_last_bgsave_status", "err")

    def no_log(self) -> None:
        # No file of it may grow beyond 32 KiB, as on a disk that is full.
        limited = self._folder / "redis-server"
        limited.write_text(f'#!/bin/sh\ntrap "" XFSZ\nulimit -f 64\nexec {self._binary} "$@"\n')
        limited.chmod(0o700)
        self._binary = limited
        self._start("--appendonly", "yes", "--auto-aof-rewrite-percentage", "0")
        with suppress(redis.ResponseError):
            for number in range(100):
                self.client.set(f"asok:y{number}", "y" * 1000)
        self._reports("aof_last_write_status", "err")

    def no_replicas(self) -> None:
        self._start()
        self.client.config_set("min-replicas-to-write", 1)

    def few_rights(self) -> None:
        self._start()
        rights = ("-@all", "+client", "+eval", "+evalsha")
        self.client.execute_command("ACL", "SETUSER", "default", *rights)

    def few_keys(self) -> None:
        self._start()
        self.client.execute_command("ACL", "SETUSER", "default", "resetkeys", "~other:*")

    def few_commands(self) -> None:
        renamed = (("--rename-command", each, f"other-{each}") for each in ("SET", "EVALSHA"))
        self._start(*(word for words in renamed for word in words))

    def replica(self) -> None:
        self._start()
        self.client.replicaof("127.0.0.1", 1)

    def lost_replica(self) -> None:
        self._start("--replica-serve-stale-data", "no")
        self.client.replicaof("127.0.0.1", 1)

    def busy(self) -> None:
        self._start()
        self.client.config_set("lua-time-limit", 1)
        self._keep_running("EVAL", "while true do end", 0)
        wait_until(lambda: self._answers("GET", "asok:x").startswith("BUSY"), "a busy server")

    def loading(self) -> None:
        version = server_version(self._binary) or ()
        debug = ("--enable-debug-command", "local") if version >= (7,) else ()
        self._start(*debug, "--rdbcompression", "no")
        # It answers each time that it has read another 2 MB.
        for number in range(40):
            self.client.set(f"asok:y{number}", "y" * 1_000_000)
        self.client.config_set("key-load-delay", 200_000)
        self._keep_running("DEBUG", "RELOAD")
        self._reports("loading", 1)

    def cluster(self) -> None:
        self._start("--cluster-enabled", "yes")

    def _reports(self, field: str, value: object) -> None:
        wait_until(lambda: self.client.info("persistence")[field] == value, f"{field} {value}")

    def _answers(self, *command: str) -> str:
        try:
            return str(self.client.execute_command(*command))
        except redis.RedisError as error:
            return str(error)

    def _keep_running(self, *command: Any) -> None:
        def run() -> None:
            # The server is ended under it.
            with (
                redis.Redis.from_url(self.server.url, socket_timeout=None) as client,
                suppress(redis.RedisError),
            ):
                client.execute_command(*command)

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()

    def end(self) -> None:
        self.server.stop(kill=True)
        self.client.close()
        for thread in self._threads:
            thread.join()


def ask(connection: Connection, what: str) -> None:
    if what in CALLS:
        connection.run(CALLS[what])
    elif what == "MULTI":
        connection.checked(connection.pipeline([("MULTI",), ("SET", "asok:x", "1"), ("EXEC",)])[-1])
    else:
        connection.call(what, "asok:x", *(["hunter2"] if what == "SET" else []))


@pytest.fixture
def states(
    embedded_redis: Callable[..., EmbeddedRedis], binary: Path, tmp_path: Path
) -> Iterator[States]:
    made = States(embedded_redis, binary, tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize(
    ("state", "what", "line", "kind"),
    [(*each, Refused) for each in REFUSED] + [(*each, Unreachable) for each in UNREACHABLE],
)
def test_a_refusal_is_one_line_that_names_the_state(
    states: States, state: str, what: str, line: str, kind: type[AsokError]
) -> None:
    getattr(states, state)()
    between = "" if line.startswith(":") else ".*"
    with pytest.raises(kind, match=f"^Redis at unix://[^ ]+{between}{line}") as caught:
        ask(Endpoint(states.server.url).connect(), what)
    text = str(caught.value)
    assert "\n" not in text
    assert "user_script" not in text, "where in the script it was is of no use to an operator"
    assert "hunter2" not in text, "values are not repeated"


def test_a_queue_may_be_named_like_an_error_of_redis(
    embedded_redis: Callable[..., EmbeddedRedis], binary: Path
) -> None:
    server = embedded_redis(binary=binary)
    connection = Endpoint(server.url).connect()
    connection.call("SET", "asok:queue:the OOM queue", "no list")
    with pytest.raises(Refused, match="is a string and should be a list") as caught:
        connection.run(enqueue("the OOM queue"))
    assert "memory" not in str(caught.value)
    connection.close()
