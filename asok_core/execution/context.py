"""The request in whose course a task was dispatched: ``current_request``.

During a request, and in tasks that run in the same process, it is the request object itself. In a
task that a worker runs it is a :class:`RequestSnapshot`, made from what travelled with the job:
method, path, host, language, remote user, request id, and what the application's own hooks
add. Cookies and authorization headers never travel, a query string only where a hook adds it
(``{"query": request.query}``), and what stands under a name that looks secret is replaced by a mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, TypeVar

from asok_core.settings.secret_names import query_without_secrets, without_secrets

FIELDS = ("method", "path", "query", "host", "language", "remote_user", "request_id")
"""Attributes of a request snapshot, each a string or None."""
_TRAVEL = tuple(name for name in FIELDS if name != "query")
"""Those that travel with a job. A query string may hold anything: only a ``dump`` hook adds it."""

_LONGEST_FIELD = 2048

_request: ContextVar[Any] = ContextVar("asok_request", default=None)

Dump = Callable[[Any], Mapping[str, Any]]
"""Takes the request, returns JSON-safe values that are to travel with the job."""
Load = Callable[[Mapping[str, Any]], Any]
"""Takes what travelled, returns what ``current_request`` is in the worker."""

D = TypeVar("D", bound=Dump)
L = TypeVar("L", bound=Load)


class RequestSnapshot:
    """A request as it was when the job was enqueued: its fields as attributes, read only."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(dict.fromkeys(FIELDS))
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a request snapshot cannot be changed: {name}")

    def __repr__(self) -> str:
        return f"<RequestSnapshot {self.__dict__['method']} {self.__dict__['path']}>"


class CurrentRequest:
    """Stands for the request of this context; every attribute is that request's.

    Raises RuntimeError where there is none. ``bool(current_request)`` tells without raising.
    """

    __slots__ = ()

    def get(self) -> Any:
        """The request object itself. Raises RuntimeError where there is none."""
        request = _request.get()
        if request is None:
            raise RuntimeError(
                "there is no current request: this code runs outside a request, or in a task that "
                "was not dispatched during one"
            )
        return request

    def __getattr__(self, name: str) -> Any:
        return getattr(self.get(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.get(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.get(), name)

    def __bool__(self) -> bool:
        return _request.get() is not None

    def __eq__(self, other: object) -> bool:
        return bool(_request.get() == (other.get() if isinstance(other, CurrentRequest) else other))

    def __hash__(self) -> int:
        return hash(self.get())

    def __repr__(self) -> str:
        request = _request.get()
        return "<no current request>" if request is None else repr(request)


current_request = CurrentRequest()
"""The request in which the running task was enqueued; see ``CurrentRequest``.

Each attribute is that of the request, or of its snapshot in a worker. Where there is none, an attribute
raises RuntimeError, and ``bool(current_request)`` is False.
"""


@contextmanager
def request_context(request: object) -> Iterator[None]:
    """``current_request`` is ``request`` in the body, and in tasks dispatched from it."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


_dumps: list[Dump] = []
_load: Load = RequestSnapshot


def dump(hook: D) -> D:
    """Let ``hook(request)`` add values to what travels with a job. Usable as a decorator."""
    _dumps.append(hook)
    return hook


def load(hook: L) -> L:
    """Let ``hook(values)`` make ``current_request`` in the worker. Usable as a decorator."""
    global _load  # noqa: PLW0603 - one application, one kind of request
    _load = hook
    return hook


def snapshot() -> dict[str, Any] | None:
    """What is to travel with a job that is enqueued in this context; None outside a request."""
    request = _request.get()
    if request is None:
        return None
    if isinstance(request, RequestSnapshot):
        # A job enqueued by a task of a worker belongs to the same request.
        values = dict(request.__dict__)
    else:
        values = {name: _text(getattr(request, name, None)) for name in _TRAVEL}
    for hook in _dumps:
        values.update(hook(request))
    if isinstance(query := values.get("query"), str):
        values["query"] = query_without_secrets(query)
    hidden: dict[str, Any] = without_secrets(values)
    return hidden


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value[:_LONGEST_FIELD] if isinstance(value, str) else None


def restored(values: Mapping[str, Any] | None) -> AbstractContextManager[None]:
    """In the body ``current_request`` is the request that travelled with a job, if one did."""
    return _NO_REQUEST if values is None else request_context(_load(values))


_NO_REQUEST = nullcontext()
