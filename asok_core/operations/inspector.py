"""Open the reading and the operating side of the queues that the settings name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from asok_core.errors import SettingsError, UsageError
from asok_core.settings.declaration import shown
from asok_core.settings.redis_url import masked_url, parse_redis_url
from asok_core.settings.settings import Settings

if TYPE_CHECKING:
    from asok_core.backends.redis.operating.operator import RedisOperator
    from asok_core.backends.redis.reading.reader import RedisReader
    from asok_core.jobs.keyring import Keyring


def open_reader(
    settings: Settings, url: str | None = None, *, redacted: bool = True
) -> RedisReader:
    """A reader of the Redis in the settings, or of ``url``. It connects at its first reading.

    SECRET_KEY is not needed to look: without it signatures are not checked. Jobs come as they may be shown
    (``ASOK_REDACT``, ``@task(redact=...)``), unless ``redacted`` is False.

    Raises:
        SettingsError: The jobs are not on Redis (``ASOK_QUEUE_BACKEND``) and no ``url`` is given.
        UsageError: ``url`` is invalid.
    """
    settings = on_redis(settings, url)
    from asok_core.backends.redis.connection import Endpoint
    from asok_core.backends.redis.keys import Keys
    from asok_core.backends.redis.reading.reader import RedisReader
    from asok_core.inspection.redaction import NoRedaction, Redaction

    return RedisReader(
        Endpoint(settings.redis_url, namespace=settings.namespace, name="asok-reader"),
        Keys(settings.namespace),
        configured=tuple(dict.fromkeys((*settings.worker_queues, "default"))),
        keyring=_keyring(settings),
        redaction=Redaction(settings.redact) if redacted else NoRedaction(),
    )


def open_operator(settings: Settings, url: str | None = None) -> RedisOperator:
    """An operator of the same Redis. A session that only reads never calls this.

    Raises as ``open_reader`` does.
    """
    settings = on_redis(settings, url)
    from asok_core.backends.redis.connection import Endpoint
    from asok_core.backends.redis.keys import Keys
    from asok_core.backends.redis.operating.operator import RedisOperator
    from asok_core.inspection.redaction import Redaction

    return RedisOperator(
        Endpoint(settings.redis_url, namespace=settings.namespace, name="asok-operator"),
        Keys(settings.namespace),
        _keyring(settings),
        records=settings.records,
        redaction=Redaction(settings.redact),
        largest=settings.largest_envelope,
    )


def on_redis(settings: Settings, url: str | None = None) -> Settings:
    """The settings with ``url`` in them, if the jobs are on Redis. Raises as ``open_reader``."""
    if url is not None:
        try:
            parse_redis_url(url)
        except ValueError as error:
            raise UsageError(f"--url {shown(masked_url(url))} cannot be used: {error}") from None
        return replace(settings, queue_backend="redis", redis_url=url)
    if settings.queue_backend != "redis":
        raise SettingsError(
            f"ASOK_QUEUE_BACKEND is {settings.queue_backend!r}, which keeps its jobs in the "
            "application's own process; set ASOK_QUEUE_BACKEND=redis and REDIS_URL, or give --url"
        )
    return settings


def _keyring(settings: Settings) -> Keyring | None:
    from asok_core.jobs.keyring import keyring_of

    return None if settings.secret_key is None else keyring_of(settings)
