"""gunicorn with two forked workers, stopped under load."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from asok_console.demo.embedded import free_port
from asok_core import Settings
from tests.conftest import SECRET_KEY
from tests.programs import PATIENCE, ROOT, environment, running, wait_until

LOST = re.compile(r"Background task note did not finish before the shutdown: .* \(job (\S+)\)")


class Shop:
    """The server of the shop, and its customers."""

    def __init__(self, tmp_path: Path, env: Mapping[str, str], *options: str) -> None:
        self.journal = tmp_path / "journal"
        self.journal.touch()
        self.log = tmp_path / "log"
        self.port = free_port()
        self.accepted: dict[str, str] = {}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "tests.examples.shop:app"),
                    *("--workers", "2", "--bind", f"127.0.0.1:{self.port}", *options),
                ],
                env=environment({"JOURNAL": str(self.journal), **env}),
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: self.order("first"), "the shop")

    def order(self, number: str, query: str = "", kind: str = "orders") -> str | None:
        """Send an order; return the id of its job, or None if the shop refuses it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("POST", f"/{kind}/{number}{query}", headers={"X-Request-ID": number})
            reply = connection.getresponse()
            body = reply.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        if reply.status != 202:
            return None
        self.accepted[number] = json.loads(body)["job"]
        return self.accepted[number]

    def order_until_closed(self, customer: int) -> None:
        for number in range(10_000):
            if self.order(f"{customer}.{number}") is None and self.process.poll() is not None:
                return

    def stop_under_load(self, orders: int) -> None:
        customers = [
            threading.Thread(target=self.order_until_closed, args=(each,)) for each in range(4)
        ]
        for customer in customers:
            customer.start()
        wait_until(lambda: len(self.accepted) > orders, f"{orders} orders")
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0
        for customer in customers:
            customer.join()

    def noted(self) -> dict[str, list[str]]:
        return {each.split()[0]: each.split()[1:] for each in self.journal.read_text().splitlines()}

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--preload",)])
def test_local_tasks_finish_or_are_logged_by_name(tmp_path: Path, options: tuple[str, ...]) -> None:
    env = {"ASOK_QUEUE_BACKEND": "local", "BG_WORKERS": "3", "SHUTDOWN_TIMEOUT": "2"}
    shop = Shop(tmp_path, env, *options)
    try:
        failing = shop.order("vain", kind="failures")
        wait_until(lambda: "retry 1 of 1 in 0.1 s" in shop.log.read_text(), "the retry")
        for number in range(2):
            assert shop.order(f"slow{number}", "?seconds=600")
        shop.stop_under_load(orders=200)
    finally:
        shop.close()
    log = shop.log.read_text()
    noted = shop.noted()
    lost = set(LOST.findall(log))
    assert failing is not None
    assert "Background task fail failed: ConnectionError('no stock for vain')" in log
    vanished = {
        order
        for order, job in shop.accepted.items()
        if order not in noted and job not in lost and order != "vain"
    }
    assert vanished == set()
    assert {shop.accepted[f"slow{number}"] for number in range(2)} <= lost
    assert noted["first"] == ["/orders/first", "None"]


@pytest.mark.slow
def test_nothing_on_redis_is_lost(tmp_path: Path, make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    env = {
        "ASOK_QUEUE_BACKEND": "redis",
        "ASOK_REDIS_URL": settings.redis_url,
        "SECRET_KEY": SECRET_KEY,
    }
    shop = Shop(tmp_path, env)
    try:
        shop.order("vain", kind="failures")
        shop.stop_under_load(orders=200)
    finally:
        shop.close()
    worker_env = environment({"JOURNAL": str(shop.journal), **env})
    expected = set(shop.accepted) - {"vain"}
    with running("-m", "asok_console", "worker", "--concurrency", "8", env=worker_env):
        wait_until(lambda: expected <= set(shop.noted()), "all orders")
    noted = shop.noted()
    assert noted["first"] == ["/orders/first", "None"]
    assert all(noted[order][0] == f"/orders/{order}" for order in expected)
