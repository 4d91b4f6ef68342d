"""A certificate that expires while workers are connected, and is renewed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
import trustme

from asok_console.demo.embedded import EmbeddedRedis
from tests.production.conftest import DeployedApplication
from tests.production.test_tls import Papers, Terminator
from tests.programs import wait_until


class ShortPapers(Papers):
    """Those of a server whose certificate is valid for some seconds, until it is renewed."""

    def __init__(self, folder: Path, valid: timedelta) -> None:
        folder.mkdir()
        self.ca, self.key, self.cert = (folder / name for name in ("ca.pem", "key.pem", "cert.pem"))
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(self.ca)
        self.expires = datetime.now(UTC) + valid
        self.issue(self.expires)

    def issue(self, until: datetime) -> None:
        issued = self._authority.issue_cert("127.0.0.1", not_after=until)
        issued.private_key_pem.write_to_path(self.key)
        issued.cert_chain_pems[0].write_to_path(self.cert)


class Renewable(Terminator):
    """A terminator that reads its certificate again, as a server does on reload."""

    def reload(self, papers: Papers) -> None:
        self._context.load_cert_chain(papers.cert, papers.key)


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_certificate_expires_while_a_worker_is_connected(
    application: Callable[..., DeployedApplication],
    embedded_redis: Callable[..., EmbeddedRedis],
    tmp_path: Path,
) -> None:
    papers = ShortPapers(tmp_path / "papers", timedelta(seconds=20))
    server = embedded_redis()
    terminator = Renewable(papers, server.socket)
    app = application(f"rediss://127.0.0.1:{terminator.port}/0?ssl_ca_certs={papers.ca}")
    try:
        with redis.Redis.from_url(server.url) as client, app.worker("-c", "2"):
            ids = app.enqueue(5)
            app.wait_for_all()
            wait_until(lambda: datetime.now(UTC) > papers.expires, "the certificate to expire")
            # What is connected stays connected; to enqueue requires a new connection.
            refused = app.asok("worker", "status")
            assert refused.returncode == 3
            assert "certificate has expired" in refused.stderr
            assert refused.stderr.count("\n") == 1
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            wait_until(
                lambda: app.reported().count("certificate has expired") >= 2, "both to say so"
            )
            papers.issue(datetime.now(UTC) + timedelta(days=1))
            terminator.reload(papers)
            wait_until(lambda: app.reported().count("Redis is back") >= 2, "both to be back")
            ids += app.enqueue(5)
            app.wait_for_all()
            wait_until(lambda: not client.keys("asok:active:*"), "the last outcome")
            app.assert_completed(ids)
        assert set(app.ran().values()) == {1}
        assert "Traceback" not in app.reported()
    finally:
        terminator.close()
