"""Middleware for WSGI and ASGI servers that adds the application object to each request.

During a request ``environ["asok.app"]`` (``scope["asok.app"]``) is the application object, and
``current_request`` is the request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any, Protocol

from asok_core.execution.context import request_context
from asok_core.runtime.logs import safe_logger
from asok_core.web.request import ASGIRequest, WSGIRequest

logger = safe_logger("asok.background")

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]

KEY = "asok.app"
STATE = "asok_app"


class ApplicationObject(Protocol):
    """The part of ``Background`` that the middleware uses."""

    def close(self) -> None:
        """Wait for the tasks when the server shuts down."""


class WSGIMiddleware:
    """Wraps a WSGI application."""

    def __init__(self, application: WSGIApplication, background: ApplicationObject) -> None:
        self._application = application
        self._background = background

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Serve one request."""
        environ[KEY] = self._background
        request = WSGIRequest(environ)
        with request_context(request):
            body = self._application(environ, start_response)
        file_wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(body, list | tuple) or (
            isinstance(file_wrapper, type) and isinstance(body, file_wrapper)
        ):
            # The application has finished, and servers send these types faster.
            return body
        return _Body(body, request)


class _Body:
    """A streamed response: ``current_request`` is set while the server reads it."""

    def __init__(self, body: Iterable[bytes], request: WSGIRequest) -> None:
        self._body = body
        self._request = request
        with request_context(request):
            self._parts = iter(body)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        # Set for each part: a server may read the parts in different threads.
        with request_context(self._request):
            return next(self._parts)

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            with request_context(self._request):
                close()


class ASGIMiddleware:
    """Wraps an ASGI application. The tasks are shut down when the server's lifespan ends."""

    def __init__(self, application: ASGIApplication, background: ApplicationObject) -> None:
        self._application = application
        self._background = background

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan."""
        scope[KEY] = self._background
        scope.setdefault("state", {})[STATE] = self._background
        if scope["type"] == "lifespan":
            await _Lifespan(self._background, receive, send).run(self._application, scope)
            return
        with request_context(ASGIRequest(scope)):
            await self._application(scope, receive, send)


class _Lifespan:
    """The server's lifespan protocol, also for an application that does not support it."""

    def __init__(self, background: ApplicationObject, receive: Receive, send: Send) -> None:
        self._background = background
        self._receive = receive
        self._send = send
        self._asked = ""
        self._answered = ""

    async def run(self, application: ASGIApplication, scope: Scope) -> None:
        try:
            await application(scope, self.receive, self.send)
        except Exception as error:
            if self._answered:
                await self._shut_down()
                raise
            # An application without support for the lifespan raises here.
            logger.debug("The application does not support the lifespan protocol", exc_info=error)
        await self._finish()

    async def _finish(self) -> None:
        while not self._answered.startswith(("lifespan.shutdown", "lifespan.startup.failed")):
            if not self._asked or self._answered.startswith(self._asked):
                await self.receive()
            await self.send({"type": f"{self._asked}.complete"})

    async def receive(self) -> Message:
        message = await self._receive()
        self._asked = message["type"]
        return message

    async def send(self, message: Message) -> None:
        self._answered = message["type"]
        if self._answered.startswith("lifespan.shutdown"):
            await self._shut_down()
        await self._send(message)

    async def _shut_down(self) -> None:
        await asyncio.to_thread(self._background.close)
