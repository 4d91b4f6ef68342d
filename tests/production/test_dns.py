"""A host name that resolves to another address after a failover, as managed Redis services do it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from tests.production.conftest import APP, DeployedApplication
from tests.programs import environment, wait_until
from tests.servers import tcp_url

RESOLVER = Path(__file__).parent / "resolver"


class Named(DeployedApplication):
    """Its programs find Redis by a name."""

    @property
    def address(self) -> Path:
        return self.folder / "address"

    @property
    def env(self) -> dict[str, str]:
        env = environment(
            self._variables | {"JOURNAL": str(self.journal), "RESOLVER_FILE": str(self.address)},
            APP,
        )
        return env | {"PYTHONPATH": os.pathsep.join([str(RESOLVER), env.get("PYTHONPATH", "")])}

    def resolve_to(self, address: str) -> None:
        fresh = self.folder / "fresh"
        fresh.write_text(address)
        fresh.rename(self.address)


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize("former", ["dead", "a replica"])
def test_a_name_that_moves_to_the_new_master(
    embedded_redis: Callable[..., EmbeddedRedis], tmp_path: Path, former: str
) -> None:
    old = embedded_redis("--repl-diskless-sync-delay", "0", port=0)
    new = embedded_redis(
        "--bind", "127.0.0.2", "--replicaof", "127.0.0.1", str(old.port), port=old.port
    )
    app = Named(f"redis://redis.test:{old.port}/0", tmp_path)
    app.resolve_to("127.0.0.1")
    by_address = DeployedApplication(tcp_url(old), tmp_path)
    with redis.Redis.from_url(old.url) as first, redis.Redis.from_url(new.url) as second:
        wait_until(lambda: second.info("replication")["master_link_status"] == "up", "a replica")
        ids = by_address.enqueue(200)
        app.ids = by_address.ids
        with app.worker("-c", "2"):
            wait_until(lambda: len(app.ran()) > 50, "50 jobs")
            first.config_set("min-replicas-to-write", 1)
            assert first.wait(1, 50_000) == 1
            second.replicaof("NO", "ONE")
            app.resolve_to("127.0.0.2")
            if former == "dead":
                old.stop(kill=True)
            else:
                first.replicaof("127.0.0.2", str(old.port))
            app.wait_for_all()
            wait_until(
                lambda: not second.keys("asok:active:*") and not second.llen("asok:queue"),
                "the rest",
            )
            statuses = {second.hget(f"asok:job:{job_id}", "status") for job_id in ids}
            assert statuses == {b"completed"}
            assert len(second.zrange("asok:workers", 0, -1)) == 1
    assert "Traceback" not in app.reported()
