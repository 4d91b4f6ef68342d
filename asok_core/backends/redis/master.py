"""Which server is the master now: the one of the URL, or the one that Sentinel or Cluster names."""

from __future__ import annotations

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import (
    AbstractConnection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.connection import (
    Connection as _PlainConnection,
)
from redis.retry import Retry

from asok_core.settings.redis_url import RedisAddress

CONNECT_TIMEOUT = 5.0
"""Seconds."""


class Master:
    """The server that holds the keys of a namespace. It is found again for each connection."""

    def __init__(self, address: RedisAddress, namespace: str) -> None:
        self._address = address
        self._namespace = namespace

    def connection(self, reply_timeout: float | None) -> AbstractConnection:
        """A connection of redis-py that is not open yet."""
        return _unopened(self._found(), reply_timeout)

    def _found(self) -> dict[str, Any]:
        if self._address.is_sentinel:
            return self._from_sentinel()
        if self._address.is_cluster:
            return self._from_cluster()
        if self._address.path:
            kwargs = self._common()
            kwargs |= {"connection_class": UnixDomainSocketConnection, "path": self._address.path}
            return kwargs
        return self._plain(*self._address.hosts[0])

    def _common(self) -> dict[str, Any]:
        address = self._address
        options = {k: v for k, v in address.options.items() if not k.startswith("sentinel_")}
        return {
            "db": address.db,
            "username": address.username,
            "password": address.password,
            **options,
        }

    def _plain(self, host: str, port: int) -> dict[str, Any]:
        kind = SSLConnection if self._address.is_tls else _PlainConnection
        return {**self._common(), "connection_class": kind, "host": host, "port": port}

    def _from_sentinel(self) -> dict[str, Any]:
        options = self._address.options
        # Sentinels share the TLS settings of the servers; their user and password are their own.
        kwargs = self._plain(*self._address.hosts[0])
        kwargs |= {
            "socket_timeout": CONNECT_TIMEOUT,
            "retry": Retry(NoBackoff(), 0),
            "username": options.get("sentinel_username"),
            "password": options.get("sentinel_password"),
        }
        kwargs["ssl"] = kwargs.pop("connection_class") is SSLConnection
        for name in ("host", "port", "db"):
            kwargs.pop(name, None)
        sentinel = redis.Sentinel(list(self._address.hosts), sentinel_kwargs=kwargs)
        try:
            host, port = sentinel.discover_master(self._address.service)
        finally:
            for each in sentinel.sentinels:
                each.close()
        return self._plain(host, port)

    def _from_cluster(self) -> dict[str, Any]:
        last: Exception | None = None
        for host, port in self._address.hosts:
            seed = _unopened(self._plain(host, port), CONNECT_TIMEOUT)
            try:
                seed.send_command("CLUSTER", "KEYSLOT", f"{self._namespace}:queue")
                slot = int(seed.read_response())
                seed.send_command("CLUSTER", "SLOTS")
                for low, high, master, *_ in seed.read_response():
                    if low <= slot <= high:
                        # A node that does not know its own name leaves it out.
                        return self._plain((master[0] or b"").decode() or host, int(master[1]))
                last = redis.ConnectionError(f"no node serves slot {slot}")
            except redis.RedisError as error:
                last = error
            finally:
                seed.disconnect()
        raise last or redis.ConnectionError("the URL names no node")


def _unopened(kwargs: dict[str, Any], reply_timeout: float | None) -> AbstractConnection:
    """A redis-py connection that is not open yet, and neither retries nor says more than it must."""
    kind: type[AbstractConnection] = kwargs.pop("connection_class")
    return kind(
        **{
            "socket_connect_timeout": CONNECT_TIMEOUT,
            **kwargs,
            "socket_timeout": reply_timeout,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "driver_info": None,
        }
    )
