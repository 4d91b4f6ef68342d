"""Redis URLs: how they are parsed, and how they are shown without their passwords.

This module neither opens connections nor imports redis-py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from asok_core.settings.redis_options import OPTIONS, Value, parse_options

DEFAULT = "redis://localhost:6379/0"
ALLOWED = (
    "redis://, rediss://, unix://, redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB "
    "or redis+cluster://HOST:PORT,HOST:PORT"
)

_SCHEMES = frozenset({"redis", "rediss", "unix"})
_SENTINEL = frozenset({"redis+sentinel", "rediss+sentinel"})
_CLUSTER = frozenset({"redis+cluster", "rediss+cluster"})
_NO_HOST = "its host is missing or invalid"
_HOST = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<name>[^\s:,\[\]@/]+)")
_LONGEST_DATABASE = 9
_USERINFO = re.compile(r"^(?P<scheme>[^@]*?://)?(?P<userinfo>.*)@", re.DOTALL)
_OPTION = re.compile(r"(?P<name>[?&][^=&#]*=)(?P<value>[^&#]*)")
_LOCATION = re.compile(
    r"([a-z+]+://)?((?:[\w.-]*:)?\*\*\*@)?([^/#]*)([^#]*)(#.*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_SHOWN_HOST = re.compile(
    r"(?P<name>\[[0-9a-f:.%]+\]|[^\s:,\[\]@/=;&%]*)(?P<port>:.*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_ASSIGNED = re.compile(r"=|%3[dD]")
_SHOWN_OPTIONS = {name for name, option in OPTIONS.items() if not option.secret}


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """The parts of a Redis URL, decoded.

    ``hosts`` is empty for a unix socket, whose file is ``path``. ``service`` is the name of the
    master that the sentinels monitor. ``options`` are those after the ``?`` that have an effect,
    except the database, the user and the password.
    """

    scheme: str
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    service: str = ""
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, Value] = field(default_factory=dict, repr=False)

    @property
    def is_sentinel(self) -> bool:
        """Whether ``hosts`` are sentinels, which name the master of ``service``."""
        return self.scheme in _SENTINEL

    @property
    def is_cluster(self) -> bool:
        """Whether ``hosts`` are nodes of a Redis Cluster."""
        return self.scheme in _CLUSTER

    @property
    def is_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.scheme.startswith("rediss")


def parse_redis_url(url: str) -> RedisAddress:
    """Parse a Redis URL.

    Raises:
        ValueError: The URL is invalid; the message says why and never contains a password.
    """
    if not url.isprintable() or " " in url:
        raise ValueError("it contains a space or a control character")
    try:
        parts = urlsplit(url)
    except ValueError:
        # Its message repeats the password.
        raise ValueError(_NO_HOST) from None
    scheme = parts.scheme.lower()
    if scheme not in _SCHEMES | _SENTINEL | _CLUSTER or not url[len(scheme) :].startswith("://"):
        raise ValueError("its scheme is not one of a Redis URL")
    if "@" in parts.path + parts.fragment and scheme != "unix":
        raise ValueError("percent-encode the characters / # and ? in its password")
    if parts.fragment:
        raise ValueError("it has a fragment after a #; percent-encode a # in a value")
    userinfo, _, hosts_part = parts.netloc.rpartition("@")
    username, _, password = userinfo.partition(":")
    hosts: tuple[tuple[str, int], ...] = ()
    path = service = database = ""
    if scheme == "unix":
        path = _socket_path(hosts_part, parts.path)
    else:
        service, database = _service_and_database(scheme, parts.path)
        hosts = _hosts(scheme, hosts_part)
    options = parse_options(scheme, parts.query)
    in_options = {name: options.pop(name, None) for name in ("db", "username", "password")}
    return RedisAddress(
        scheme,
        hosts=hosts,
        path=path,
        service=service,
        db=_database(scheme, database, in_options["db"]),
        username=unquote(username) or _text(in_options["username"]),
        password=unquote(password) or _text(in_options["password"]),
        options=options,
    )


def masked_url(url: str) -> str:
    """Return ``url`` with ``***`` in place of every password.

    Works on any text, also on a URL that does not parse: where it is unclear what is a password,
    more is hidden rather than less. A part is shown only if it has the expected form.
    """
    shown = _OPTION.sub(_mask_option, url)
    before, question, after = shown.partition("?")
    if "@" in after and not _is_local(shown):
        before, question, after = shown, "", ""
    if not _is_local(before):
        before = _USERINFO.sub(_mask_userinfo, before)
    after, fragment, _ = after.partition("#")
    # A part without a name may be the rest of a password.
    options = "&".join(each if "=" in each else "***" for each in after.split("&") if after)
    return _mask_location(before) + question + options + ("#***" if fragment else "")


def _is_local(url: str) -> bool:
    """Whether it is the URL of a unix socket without user and password, whose path may hold an @."""
    return url.lower().startswith("unix:///")


def _mask_option(found: re.Match[str]) -> str:
    # An unknown one may be a password whose name is misspelt.
    known = found["name"][1:-1] in _SHOWN_OPTIONS
    return found[0] if known and not _ASSIGNED.search(found["value"]) else f"{found['name']}***"


def _mask_userinfo(found: re.Match[str]) -> str:
    username, _, password = found["userinfo"].partition(":")
    scheme = found["scheme"] or ""
    if scheme and not username:
        return f"{scheme}:***@"
    # A single part before the @ is more often a password than a user without one.
    if not scheme or not password or not re.fullmatch(r"[\w.-]*", username):
        return f"{scheme}***@"
    return f"{scheme}{username}:***@"


def _mask_location(text: str) -> str:
    """Hide what is neither a host nor a path: part of a password with a / or @ that was not encoded."""
    found = _LOCATION.fullmatch(text)
    if found is None:
        return "***"
    scheme, userinfo, hosts, path, fragment = (each or "" for each in found.groups())
    if scheme.lower() == "unix://":
        cut = _ASSIGNED.search(path)
        path = f"{path[: cut.end()]}***" if cut else path
    else:
        hosts = ",".join(_mask_host(each) for each in hosts.split(","))
        path = path if _shown_path(scheme, path) else "/***"
    return scheme + userinfo + hosts + path + ("#***" if fragment else "")


def _mask_host(text: str) -> str:
    found = _SHOWN_HOST.fullmatch(text)
    if found is None:
        return "***"
    # If no @ follows, what looks like a port may be a password.
    port = found["port"] or ""
    return found["name"] + (port if re.fullmatch("(:[0-9]{1,5})?", port, re.ASCII) else ":***")


def _shown_path(scheme: str, path: str) -> bool:
    """Whether a path is a database, after the name of a service for sentinels."""
    named = r"(?:/[\w.-]*)?" if scheme[:-3].lower() in _SENTINEL else ""
    return re.fullmatch(named + r"(?:/[0-9]{0,9})?/?", path, re.ASCII) is not None


def _socket_path(host: str, path: str) -> str:
    if host or not path.strip("/"):
        raise ValueError(
            "a unix socket is written with three slashes, as in unix:///run/redis.sock"
        )
    return unquote(path)


def _service_and_database(scheme: str, path: str) -> tuple[str, str]:
    steps = [unquote(step) for step in path.split("/")[1:]]
    if steps and not steps[-1]:
        steps.pop()
    service = ""
    if scheme in _SENTINEL:
        if not steps:
            raise ValueError("the name of the sentinels' service is missing after the hosts")
        service = steps.pop(0)
    if len(steps) > 1:
        raise ValueError("its path has too many parts")
    return service, steps[0] if steps else ""


def _database(scheme: str, text: str, option: Value | None) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_DATABASE):
        raise ValueError("its database is not a whole number of up to 9 digits")
    if text and option is not None and int(text) != option:
        raise ValueError("its path and its option db name two databases")
    database = int(text or str(option or 0))
    if database and scheme in _CLUSTER:
        raise ValueError("its database must be 0: a cluster has no other")
    return database


def _text(value: Value | None) -> str | None:
    return str(value) if value else None


def _hosts(scheme: str, netloc: str) -> tuple[tuple[str, int], ...]:
    default_port = 26379 if scheme in _SENTINEL else 6379
    several = scheme in _SENTINEL | _CLUSTER
    return tuple(_host(text, default_port) for text in (netloc.split(",") if several else [netloc]))


def _host(text: str, default_port: int) -> tuple[str, int]:
    found = _HOST.match(text)
    rest = text[found.end() :] if found else ""
    if found is None or rest[:1] not in {"", ":"}:
        raise ValueError(_NO_HOST)
    if not rest:
        return found["v6"] or found["name"], default_port
    port = rest[1:]
    if not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise ValueError("its port is not a number from 1 to 65535")
    return found["v6"] or found["name"], int(port)
