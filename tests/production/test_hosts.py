"""Workers on hosts of their own: network namespaces, each with one connection to Redis, which is cut.

It takes a user who may make network namespaces (root, CAP_NET_ADMIN).
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.settings.settings import Settings
from asok_core.worker.supervising.recovery import PROVED
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import Desk
from tests.programs import FAMILY, environment, kill_family, wait_until

LEASE = "4s"
SUBNET = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"


def ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True, capture_output=True, text=True, timeout=30)


class NetworkHost:
    """A network namespace. ``gateway`` is the address at which it reaches this machine."""

    def __init__(self, number: int) -> None:
        self.name = f"asok-{os.getpid()}-{number}"
        self.gateway, own = f"{SUBNET}.{4 * number + 1}", f"{SUBNET}.{4 * number + 2}"
        self.outer, inner = f"ak{os.getpid() % 10**6}o{number}", f"ak{os.getpid() % 10**6}i{number}"
        ip("netns", "add", self.name)
        try:
            ip("link", "add", self.outer, "type", "veth", "peer", "name", inner)
            ip("link", "set", inner, "netns", self.name)
            ip("addr", "add", f"{self.gateway}/30", "dev", self.outer)
            ip("link", "set", self.outer, "up")
            ip("-n", self.name, "addr", "add", f"{own}/30", "dev", inner)
            ip("-n", self.name, "link", "set", inner, "up")
            ip("-n", self.name, "link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        # The network devices go with it.
        ip("netns", "del", self.name)

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        ip("link", "set", self.outer, "down")
        try:
            yield
        finally:
            ip("link", "set", self.outer, "up")


@pytest.fixture
def hosts() -> Iterator[list[NetworkHost]]:
    with ExitStack() as stack:
        made = []
        try:
            for number in (0, 1):
                made.append(NetworkHost(number))
                stack.callback(made[-1].close)
        except (OSError, subprocess.CalledProcessError) as error:
            why = getattr(error, "stderr", None) or error
            pytest.skip(f"this machine allows no network namespaces: {why}")
        yield made


class Remote:
    """A worker on a host."""

    def __init__(self, host: NetworkHost, port: int, folder: Path) -> None:
        self._family, self._log = uuid.uuid4().hex, folder / f"{host.name}.log"
        variables = {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": f"redis://{host.gateway}:{port}/0?socket_timeout=2",
            "SECRET_KEY": SECRET_KEY,
            "ASOK_WORKER_LEASE": LEASE,
            "ASOK_TEST_FOLDER": str(folder),
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["ip", "netns", "exec", host.name, sys.executable, "-m", "asok_console", "worker"],
                env=environment(variables) | {FAMILY: self._family},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        kill_family(self._family)
        self._process.wait()

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_for_log(self, words: str, times: int = 1) -> None:
        wait_until(lambda: self.log.count(words) >= times, f"{words!r} in the log:\n{self.log}")


@pytest.fixture
def server(embedded_redis: Callable[..., EmbeddedRedis], hosts: list[NetworkHost]) -> EmbeddedRedis:
    addresses = ("127.0.0.1", *(host.gateway for host in hosts))
    return embedded_redis("--bind", *addresses, "--protected-mode", "no", port=0)


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_host_that_is_cut_off_and_one_that_dies(
    hosts: list[NetworkHost], server: EmbeddedRedis, tmp_path: Path
) -> None:
    settings = Settings.load(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": server.url, "SECRET_KEY": SECRET_KEY}
    )
    port = server.port
    assert port is not None
    with redis.Redis.from_url(server.url) as client, ExitStack() as stack:
        desk = Desk(settings, client, RedisProducer(settings), tmp_path)
        stack.callback(desk.producer.close)
        first = Remote(hosts[0], port, tmp_path)
        stack.callback(first.kill)
        job = desk.hold("job")
        second = Remote(hosts[1], port, tmp_path)
        stack.callback(second.kill)
        wait_until(lambda: client.zcard("asok:workers") == 2, "two workers")
        with hosts[0].cut_off():
            second.wait_for_log("whose lease expired")
            desk.wait_for_lines("begin job", "begin job")
            desk.release("job")
            desk.reaches(job, "completed")
            first.wait_for_log("waiting for it")
        # It is back with an outcome of a job that another had run: that is dropped.
        first.wait_for_log("Redis is back", times=2)
        wait_until(lambda: desk.counted("outcomes_dropped") == 1, "the outcome to be dropped")
        assert desk.counted("completed") == 1
        assert sorted(desk.journal()) == ["begin job", "begin job", "end job", "end job"]
        # The kernel proves no death to another host: the lease decides, and no worker recovers too soon.
        again = desk.hold("again")
        holder = desk.record(again).worker or ""
        dead, alive = (first, second)
        if f"Worker {holder.rpartition('.')[0]}:" in second.log:
            dead, alive = second, first
        before = alive.log.count("whose lease expired")
        dead.kill()
        desk.release("again")
        alive.wait_for_log("whose lease expired", times=before + 1)
        desk.reaches(again, "completed")
        assert desk.journal().count("begin again") == 2
        assert PROVED not in alive.log
        assert not desk.active()
