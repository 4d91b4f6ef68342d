"""WSGI and ASGI requests: what ``current_request`` is under our middleware."""

from __future__ import annotations

import uuid
from collections.abc import MutableMapping
from functools import cached_property
from typing import Any

_LONGEST_ID = 128


class WSGIRequest:
    """A WSGI request. ``environ`` is the server's own; the rest is read from it."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ

    @property
    def method(self) -> str:
        """``GET``, ``POST`` and so on."""
        return str(self.environ.get("REQUEST_METHOD", "GET"))

    @property
    def path(self) -> str:
        """The path, with the prefix under which the application is mounted."""
        path = f"{self.environ.get('SCRIPT_NAME', '')}{self.environ.get('PATH_INFO', '')}"
        # PEP 3333 passes bytes as Latin-1 text.
        return path.encode("latin-1", "replace").decode("utf-8", "replace") or "/"

    @property
    def query(self) -> str:
        """The query string, not decoded."""
        return str(self.environ.get("QUERY_STRING", ""))

    @property
    def host(self) -> str:
        """Host and port of the request."""
        return str(self.environ.get("HTTP_HOST") or self.environ.get("SERVER_NAME", ""))

    @property
    def language(self) -> str | None:
        """The language that the client prefers."""
        return _first_language(self.environ.get("HTTP_ACCEPT_LANGUAGE", ""))

    @property
    def remote_user(self) -> str | None:
        """The user that the server authenticated, if any."""
        return self.environ.get("REMOTE_USER") or None

    @cached_property
    def request_id(self) -> str:
        """The value of the ``X-Request-ID`` header, or a new id."""
        return _request_id(self.environ.get("HTTP_X_REQUEST_ID", ""))

    def __repr__(self) -> str:
        return f"<WSGIRequest {self.method} {self.path}>"


class ASGIRequest:
    """An ASGI request or WebSocket. ``scope`` is the server's own; the rest is read from it."""

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self.scope = scope

    @property
    def method(self) -> str:
        """``GET``, ``POST`` and so on; ``WEBSOCKET`` for a WebSocket."""
        return str(self.scope.get("method", "WEBSOCKET"))

    @property
    def path(self) -> str:
        """The path, with the prefix under which the application is mounted."""
        return str(self.scope.get("path") or "/")

    @property
    def query(self) -> str:
        """The query string, not decoded."""
        return bytes(self.scope.get("query_string", b"")).decode("latin-1")

    @property
    def host(self) -> str:
        """Host and port of the request."""
        return self._header(b"host")

    @property
    def language(self) -> str | None:
        """The language that the client prefers."""
        return _first_language(self._header(b"accept-language"))

    @property
    def remote_user(self) -> str | None:
        """The name of ``scope["user"]``, if a framework has set it."""
        return getattr(self.scope.get("user"), "display_name", None) or None

    @cached_property
    def request_id(self) -> str:
        """The value of the ``X-Request-ID`` header, or a new id."""
        return _request_id(self._header(b"x-request-id"))

    def _header(self, name: bytes) -> str:
        values = (value for header, value in self.scope.get("headers", ()) if header == name)
        return bytes(next(values, b"")).decode("latin-1")

    def __repr__(self) -> str:
        return f"<ASGIRequest {self.method} {self.path}>"


def _first_language(header: str) -> str | None:
    return header.split(",", maxsplit=1)[0].split(";", maxsplit=1)[0].strip() or None


def _request_id(header: str) -> str:
    given = header.strip()
    if given and given.isascii() and given.isprintable() and len(given) <= _LONGEST_ID:
        return given
    return uuid.uuid4().hex
