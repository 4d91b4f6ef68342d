"""The use cases of the README, on the local backend and with a real worker on Redis."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from PIL import Image

from asok_console.demo.embedded import free_port
from asok_core import Settings, Status, configure, get_job, shutdown
from tests.conftest import SECRET_KEY
from tests.examples import mail
from tests.examples.thumbnails import make_thumbnail
from tests.examples.warm_cache import warm_all
from tests.examples.webhook import deliver
from tests.programs import environment, running

WAIT = 50.0


@pytest.fixture(params=["local", "redis"])
def backend(
    request: pytest.FixtureRequest, make_settings: Callable[..., Settings]
) -> Iterator[str]:
    settings = make_settings(ASOK_QUEUE_BACKEND=request.param)
    configure(settings)
    try:
        if request.param == "local":
            yield request.param
            return
        env = environment(
            {
                "ASOK_QUEUE_BACKEND": "redis",
                "ASOK_REDIS_URL": settings.redis_url,
                "SECRET_KEY": SECRET_KEY,
            }
        )
        with running("-m", "asok_console", "worker", env=env):
            yield request.param
    finally:
        shutdown(timeout=WAIT)
        configure()


@contextmanager
def receiver(failures: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that fails for some requests, and records the bodies of the others."""
    received: list[dict[str, Any]] = []
    left = [failures]

    class Receive(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            left[0] -= 1
            if left[0] < 0:
                received.append(json.loads(body))
            self.send_response(503 if left[0] >= 0 else 201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Receive) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook", received
        finally:
            server.shutdown()
            thread.join()


def test_a_webhook_that_fails_twice_arrives(backend: str) -> None:
    event = {"type": "order.paid", "id": "7"}
    with receiver(failures=2) as (url, received):
        future = deliver.options(backoff=0.1).delay(url, event)
        assert future.result(WAIT) == 201
    assert received == [event]
    record = get_job(future.job_id)
    assert (record.status, record.retry_count) == (Status.COMPLETED, 2)


def test_an_uploaded_image_gets_a_thumbnail(backend: str, tmp_path: Path) -> None:
    source, target = tmp_path / "upload.png", tmp_path / "small.png"
    Image.new("RGB", (1600, 900), "teal").save(source)
    future = make_thumbnail.delay(str(source), str(target), longest=160)
    assert future.result(WAIT) == (160, 90)
    with Image.open(target) as small:
        assert small.size == (160, 90)


def test_a_cache_is_warm_before_the_first_visitor(backend: str, tmp_path: Path) -> None:
    pages = [f"page-{number}" for number in range(30)]
    futures = [*warm_all(str(tmp_path), pages), *warm_all(str(tmp_path), pages)]
    assert [each.result(WAIT) for each in futures] == [None] * 60
    assert {each.stem for each in tmp_path.iterdir()} == set(pages)
    assert json.loads((tmp_path / "page-7.json").read_text()) == {"title": "Page 7"}


class Mailbox:
    """A mail server that accepts no mail before its gate is open."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.arrived = threading.Event()
        self.mails: list[tuple[list[str], str]] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        await asyncio.to_thread(self.gate.wait, WAIT)
        self.mails.append((envelope.rcpt_tos, envelope.content.decode()))
        self.arrived.set()
        return "250 OK"


def test_a_mail_does_not_delay_the_response(monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = Mailbox()
    port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("SMTP_PORT", str(port))
        reply = mail.app.test_client().post(
            "/orders", data={"email": "ada@example.org"}, headers={"Accept-Language": "fr"}
        )
        # The response has arrived, and the mail server has accepted nothing yet.
        assert reply.status_code == 202
        assert mailbox.mails == []
        mailbox.gate.set()
        assert mailbox.arrived.wait(WAIT)
    finally:
        mailbox.gate.set()
        controller.stop()
    ((recipients, text),) = mailbox.mails
    assert recipients == ["ada@example.org"]
    assert "Subject: Merci: order 7" in text
