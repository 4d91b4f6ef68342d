from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from asok_core import Background, JobNotFound, Settings, current_request, request_context
from asok_core.web.middleware import Message, Receive, Scope, Send
from asok_core.web.request import ASGIRequest, WSGIRequest
from tests.samples import sample_tasks

WAIT = 30.0


@pytest.fixture
def app() -> Iterator[Background]:
    with Background(bg_workers=2, settings=Settings(), sigterm=False) as made:
        yield made


def get(application: Any, **environ: str) -> list[bytes]:
    base: dict[str, Any] = {}
    setup_testing_defaults(base)
    base |= environ
    body = application(base, lambda *_: None)
    try:
        return list(body)
    finally:
        if hasattr(body, "close"):
            body.close()


class TestBackground:
    def test_a_function_without_arguments_runs(self, app: Background) -> None:
        ran = threading.Event()
        app.background(ran.set)
        assert ran.wait(WAIT)

    def test_arguments_and_options(self, app: Background) -> None:
        future = app.background(sample_tasks.add, 1, b=2, _queue="high", _retries=1)
        assert future.result(WAIT) == 3
        assert app.get_job(future.job_id).queue == "high"
        assert app.background(sample_tasks.takes_executor, executor="x").result(WAIT) == "x"

    def test_as_a_decorator(self, app: Background) -> None:
        @app.background(_queue="low", _retries=2)
        def double(number: int) -> int:
            """Twice the number."""
            return 2 * number

        future = double(4)
        assert future.result(WAIT) == 8
        record = app.get_job(future.job_id)
        assert (record.queue, record.retries) == ("low", 2)
        assert (double.__name__, double.__doc__) == ("double", "Twice the number.")

    def test_each_application_has_its_own_tasks(self, app: Background) -> None:
        future = app.background(sample_tasks.add, 1)
        future.result(WAIT)
        with (
            Background(settings=Settings(), sigterm=False) as other,
            pytest.raises(JobNotFound, match=future.job_id),
        ):
            other.get_job(future.job_id)

    def test_the_end_of_the_with_block_waits_for_its_tasks(self) -> None:
        ran = threading.Event()
        with Background(settings=Settings(), sigterm=False) as app:
            app.background(ran.wait, 0.2)
            future = app.background(ran.set, _delay=0.1)
        assert future.done()
        assert app.get_job(future.job_id).status == "completed"
        with pytest.raises(RuntimeError, match="was shut down"):
            app.background(ran.set)
        assert app.shutdown() is True

    def test_an_unused_application_can_be_shut_down(self) -> None:
        app = Background(sigterm=False)
        assert app.shutdown() is True
        with pytest.raises(RuntimeError, match="was shut down"):
            app.background(print)

    def test_it_requires_a_thread(self) -> None:
        with pytest.raises(ValueError, match="bg_workers is 0"):
            Background(bg_workers=0)

    def test_bg_workers_come_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BG_WORKERS", "1")
        with Background(sigterm=False) as app:
            gate = threading.Event()
            app.background(gate.wait, WAIT)
            second = app.background(sample_tasks.add, 1)
            assert not second.done()
            gate.set()
            assert second.result(WAIT) == 1


class TestCurrentRequest:
    def test_outside_a_request_an_attribute_raises_an_error(self) -> None:
        assert not current_request
        assert repr(current_request) == "<no current request>"
        with pytest.raises(RuntimeError, match="no current request"):
            _ = current_request.path
        with pytest.raises(RuntimeError, match="no current request"):
            current_request.path = "/"

    def test_a_task_has_the_request_that_enqueued_it(self, app: Background) -> None:
        request = WSGIRequest({"PATH_INFO": "/a"})
        with request_context(request):
            assert current_request == request
            future = app.background(lambda: current_request.get() is request)
        assert future.result(WAIT) is True
        with request_context(WSGIRequest({"PATH_INFO": "/b"})):
            other = app.background(sample_tasks.path_of_request)
        assert other.result(WAIT) == "/b"

    def test_a_task_outside_a_request_has_none(self, app: Background) -> None:
        failure = app.background(sample_tasks.path_of_request).exception(WAIT)
        assert failure is not None
        assert isinstance(failure.__cause__, RuntimeError)


class TestWSGI:
    def test_a_request_enqueues_through_the_environ(self, app: Background) -> None:
        futures = []

        def view(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response("200 OK", [])
            futures.append(environ["asok.app"].background(sample_tasks.path_of_request))
            return [current_request.path.encode()]

        assert get(app.wsgi(view), PATH_INFO="/caf\xc3\xa9") == ["/café".encode()]
        assert futures[0].result(WAIT) == "/café"
        assert not current_request

    def test_the_request_is_set_while_the_body_is_read(self, app: Background) -> None:
        closed = []

        def view(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [])
            try:
                yield current_request.method.encode()
                yield app.background(sample_tasks.path_of_request).result(WAIT).encode()
            finally:
                closed.append(current_request.path)

        assert get(app.wsgi(view), PATH_INFO="/stream") == [b"GET", b"/stream"]
        assert closed == ["/stream"]
        assert not current_request

    def test_after_an_error_of_the_view_there_is_no_request(self, app: Background) -> None:
        def view(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            raise ValueError("view")

        with pytest.raises(ValueError, match="view"):
            get(app.wsgi(view))
        assert not current_request

    def test_attributes_of_a_wsgi_request(self) -> None:
        request = WSGIRequest(
            {
                "REQUEST_METHOD": "POST",
                "SCRIPT_NAME": "/shop",
                "PATH_INFO": "/cart",
                "QUERY_STRING": "a=1",
                "HTTP_HOST": "shop.example:8000",
                "HTTP_ACCEPT_LANGUAGE": "de-CH,fr;q=0.5",
                "HTTP_X_REQUEST_ID": "id-7",
                "REMOTE_USER": "ada",
            }
        )
        assert (request.method, request.path, request.query) == ("POST", "/shop/cart", "a=1")
        assert (request.host, request.language) == ("shop.example:8000", "de-CH")
        assert (request.remote_user, request.request_id) == ("ada", "id-7")
        bare = WSGIRequest({"HTTP_X_REQUEST_ID": "evil\x1b[2J"})
        assert (bare.method, bare.path, bare.query, bare.host) == ("GET", "/", "", "")
        assert (bare.language, bare.remote_user) == (None, None)
        assert bare.request_id == bare.request_id
        assert len(bare.request_id) == 32


class TestASGI:
    async def test_a_request_enqueues_through_the_scope(self, app: Background) -> None:
        results = []

        async def view(scope: Scope, receive: Receive, send: Send) -> None:
            assert scope["state"]["asok_app"] is scope["asok.app"]
            future = scope["asok.app"].background(sample_tasks.path_of_request)
            results.append(await asyncio.wrap_future(future))

        await app.asgi(view)({"type": "http", "path": "/a"}, none_to_receive, none_to_send)
        assert results == ["/a"]
        assert not current_request

    def test_attributes_of_an_asgi_request(self) -> None:
        request = ASGIRequest(
            {
                "type": "http",
                "method": "PUT",
                "path": "/p",
                "query_string": b"a=1",
                "headers": [(b"host", b"h"), (b"accept-language", b"fr"), (b"x-request-id", b"7")],
            }
        )
        assert (request.method, request.path, request.query) == ("PUT", "/p", "a=1")
        assert (request.host, request.language, request.request_id) == ("h", "fr", "7")
        assert request.remote_user is None
        assert ASGIRequest({"type": "websocket"}).method == "WEBSOCKET"

    async def test_the_end_of_the_lifespan_waits_for_the_tasks(self) -> None:
        async def view(scope: Scope, receive: Receive, send: Send) -> None:
            for phase in ("startup", "shutdown"):
                assert (await receive())["type"] == f"lifespan.{phase}"
                await send({"type": f"lifespan.{phase}.complete"})

        await self.check_lifespan(view)

    async def test_an_application_without_support_for_the_lifespan(self) -> None:
        async def view(scope: Scope, receive: Receive, send: Send) -> None:
            assert scope["type"] == "http", "no lifespan, please"

        await self.check_lifespan(view)

    async def test_an_application_that_ignores_the_lifespan(self) -> None:
        async def view(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()

        await self.check_lifespan(view)

    async def test_a_failed_startup_is_passed_on(self) -> None:
        sent: list[Message] = []

        async def view(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database"})

        async def receive() -> Message:
            return {"type": "lifespan.startup"}

        async def send(message: Message) -> None:
            sent.append(message)

        app = Background(settings=Settings(), sigterm=False)
        await app.asgi(view)({"type": "lifespan"}, receive, send)
        assert sent == [{"type": "lifespan.startup.failed", "message": "no database"}]

    @staticmethod
    async def check_lifespan(view: Any) -> None:
        app = Background(settings=Settings(), sigterm=False)
        order: list[str] = []
        incoming = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> Message:
            kind = next(incoming)
            if kind == "lifespan.shutdown":
                app.background(order.append, "task", _delay=0.1)
            return {"type": kind}

        async def send(message: Message) -> None:
            order.append(message["type"])

        await app.asgi(view)({"type": "lifespan"}, receive, send)
        assert order == ["lifespan.startup.complete", "task", "lifespan.shutdown.complete"]


async def none_to_receive() -> Message:
    raise AssertionError("nothing is to be received")


async def none_to_send(message: Message) -> None:
    raise AssertionError("nothing is to be sent")
