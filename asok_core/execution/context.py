"""``current_request``: the request during which a task was enqueued.

During a request, and in tasks that run in the same process, it is the request object itself. In a
task that a worker runs it is a :class:`RequestSnapshot` of the values in the job: method, path,
host, language, remote user, request id, and values that hooks of the application add. Cookies and
authorization headers are never part of a job, a query string only if a hook adds it (``{"query":
request.query}``), and values under names that look secret are masked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, TypeVar

from asok_core.settings.secret_names import query_without_secrets, without_secrets

FIELDS = ("method", "path", "query", "host", "language", "remote_user", "request_id")
"""Attributes of a request snapshot, each a string or None."""
_SENT = tuple(name for name in FIELDS if name != "query")
"""Attributes that become part of a job. A query string may have secrets: only a hook adds it."""

_LONGEST_FIELD = 2048

_request: ContextVar[Any] = ContextVar("asok_request", default=None)

Dump = Callable[[Any], Mapping[str, Any]]
"""Takes the request, returns JSON values that become part of the job."""
Load = Callable[[Mapping[str, Any]], Any]
"""Takes the values in the job, returns the ``current_request`` of the worker."""

D = TypeVar("D", bound=Dump)
L = TypeVar("L", bound=Load)


class RequestSnapshot:
    """A request as it was when the job was enqueued, with read-only attributes."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(dict.fromkeys(FIELDS))
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a request snapshot cannot be changed: {name}")

    def __repr__(self) -> str:
        return f"<RequestSnapshot {self.__dict__['method']} {self.__dict__['path']}>"


class CurrentRequest:
    """Proxy of the request of this context.

    Attributes raise RuntimeError if there is none; ``bool(current_request)`` is False then.

    Examples:
        >>> from types import SimpleNamespace
        >>> with request_context(SimpleNamespace(path="/orders/7")):
        ...     current_request.path
        '/orders/7'
        >>> bool(current_request)
        False
    """

    __slots__ = ()

    def get(self) -> Any:
        """The request object itself. Raises RuntimeError if there is none."""
        request = _request.get()
        if request is None:
            raise RuntimeError(
                "there is no current request: this code runs outside a request, or in a task that "
                "was not enqueued during one"
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
"""The request during which the running task was enqueued; see ``CurrentRequest``.

Its attributes are those of the request, or of its snapshot in a worker. If there is none, an
attribute raises RuntimeError, and ``bool(current_request)`` is False. """


@contextmanager
def request_context(request: object) -> Iterator[None]:
    """Set ``current_request`` in the body, and in tasks that are enqueued by it.

    Examples:
        >>> from types import SimpleNamespace
        >>> def ordered_from():
        ...     return current_request.path
        >>> configure(Settings(queue_backend="eager"))
        >>> with request_context(SimpleNamespace(path="/orders/7")):
        ...     background(ordered_from).result()
        '/orders/7'
    """
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


_dumps: list[Dump] = []
_load: Load = RequestSnapshot


def dump(hook: D) -> D:
    """Register ``hook(request)``, which adds values to a job. Usable as a decorator."""
    _dumps.append(hook)
    return hook


def load(hook: L) -> L:
    """Register ``hook(values)``, which creates ``current_request`` in a worker. Usable as a decorator."""
    global _load  # noqa: PLW0603 - one application, one kind of request
    _load = hook
    return hook


def snapshot() -> dict[str, Any] | None:
    """The values for a job that is enqueued in this context; None outside a request."""
    request = _request.get()
    if request is None:
        return None
    if isinstance(request, RequestSnapshot):
        # A job that a task enqueues belongs to the request of the task.
        values = dict(request.__dict__)
    else:
        values = {name: _text(getattr(request, name, None)) for name in _SENT}
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
    """Set ``current_request`` in the body to the request of a job, if it has one."""
    return _NO_REQUEST if values is None else request_context(_load(values))


_NO_REQUEST = nullcontext()
