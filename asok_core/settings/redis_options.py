"""The options of a Redis URL (``?name=value``): what values each may have, and for which URLs.

Names and meanings are those of redis-py, Celery, Kombu and Django. Options of redis-py's own client
and pool, which are not used here, are checked and have no effect, so that one URL can serve a cache
and the queues.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple
from urllib.parse import parse_qsl

from asok_core.suggestions import did_you_mean

Value = str | int | float | bool | list[int]

LONGEST_SHOWN = 200
MOST_DB = 2_147_483_647
_WHOLE = re.compile(r"[0-9]{1,10}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,6})?", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}", re.ASCII)


class UrlKind(Enum):
    """The kinds of URL that an option applies to."""

    ALL = "any URL"
    TCP = "a URL with hosts"
    TLS = "a URL of TLS (rediss)"
    SENTINEL = "a URL of sentinels"


class Option(NamedTuple):
    """One option. ``parse`` raises ValueError; its message, if it has one, replaces ``allowed``."""

    parse: Callable[[str], Value]
    allowed: str
    where: UrlKind = UrlKind.ALL
    used: bool = True
    """Whether it has an effect here. An option without effect is checked and dropped."""
    secret: bool = False


def _flag(text: str) -> bool:
    word = text.lower()
    if word in {"1", "true", "t", "yes", "y", "on"}:
        return True
    if word in {"0", "false", "f", "no", "n", "off"}:
        return False
    raise ValueError


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError
        return int(text)

    return parse


def _seconds(text: str) -> float:
    if not _SECONDS.fullmatch(text) or not 0 < float(text) <= 3600:
        raise ValueError
    return float(text)


def _text(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueError
    return text


def _secret(text: str) -> str:
    if "\0" in text:
        raise ValueError
    return text


def _certificates(text: str) -> str:
    if not text.isascii() or "BEGIN CERTIFICATE" not in text:
        raise ValueError
    return text


def _requirement(text: str) -> str:
    word = text.lower().removeprefix("cert_")
    if word not in {"none", "optional", "required"}:
        raise ValueError
    return word


def _tls_version(text: str) -> int:
    versions = {"tlsv1.2": 771, "tlsv1_2": 771, "771": 771}
    versions |= {"tlsv1.3": 772, "tlsv1_3": 772, "772": 772}
    if text.lower() not in versions:
        raise ValueError
    return versions[text.lower()]


def _verify_flags(text: str) -> list[int]:
    from ssl import VerifyFlags

    names = [name.strip() for name in text.strip("[]").split(",")]
    if not all(name in VerifyFlags.__members__ for name in names):
        raise ValueError
    return [VerifyFlags[name] for name in names]


def _file(text: str) -> str:
    try:
        with open(text, "rb") as file:  # noqa: PTH123 - a Path drops what a text may hold
            file.read(1)
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    return text


def _folder(text: str) -> str:
    try:
        os.listdir(text)  # noqa: PTH208 - as above
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    return text


_FLAG = "1, 0, true, false, yes, no, on or off"
_NUMBER = "a whole number from {} to {}"
_DURATION = "a number of seconds above 0, up to 3600"

OPTIONS = {
    "db": Option(_whole_number(0, MOST_DB), _NUMBER.format(0, MOST_DB)),
    "username": Option(_secret, "text", secret=True),
    "password": Option(_secret, "text", secret=True),
    "socket_connect_timeout": Option(_seconds, _DURATION),
    "socket_keepalive": Option(_flag, _FLAG, UrlKind.TCP),
    "sentinel_username": Option(_secret, "text", UrlKind.SENTINEL, secret=True),
    "sentinel_password": Option(_secret, "text", UrlKind.SENTINEL, secret=True),
    "ssl_cert_reqs": Option(_requirement, "none, optional or required", UrlKind.TLS),
    "ssl_check_hostname": Option(_flag, _FLAG, UrlKind.TLS),
    "ssl_ca_certs": Option(_file, "a file of certificates", UrlKind.TLS),
    "ssl_ca_path": Option(_folder, "a folder of certificates", UrlKind.TLS),
    "ssl_ca_data": Option(_certificates, "certificates as PEM text", UrlKind.TLS),
    "ssl_certfile": Option(_file, "a file with a certificate", UrlKind.TLS),
    "ssl_keyfile": Option(_file, "a file with a key", UrlKind.TLS),
    "ssl_password": Option(_secret, "text", UrlKind.TLS, secret=True),
    "ssl_min_version": Option(_tls_version, "TLSv1.2 or TLSv1.3", UrlKind.TLS),
    "ssl_ciphers": Option(_text, "a list of ciphers as OpenSSL writes it", UrlKind.TLS),
    "ssl_include_verify_flags": Option(
        _verify_flags, "comma-separated names of ssl.VerifyFlags", UrlKind.TLS
    ),
    "ssl_exclude_verify_flags": Option(
        _verify_flags, "comma-separated names of ssl.VerifyFlags", UrlKind.TLS
    ),
    "socket_timeout": Option(_seconds, _DURATION, used=False),
    "timeout": Option(_seconds, _DURATION, used=False),
    "max_connections": Option(_whole_number(1, MOST_DB), _NUMBER.format(1, MOST_DB), used=False),
    "health_check_interval": Option(
        _whole_number(0, 86_400), _NUMBER.format(0, 86_400), used=False
    ),
    "retry_on_timeout": Option(_flag, _FLAG, used=False),
    "socket_read_size": Option(_whole_number(1, MOST_DB), _NUMBER.format(1, MOST_DB), used=False),
    "decode_responses": Option(_flag, _FLAG, used=False),
    "encoding": Option(_text, "text", used=False),
    "encoding_errors": Option(_text, "text", used=False),
    "protocol": Option(_whole_number(2, 3), "2 or 3", used=False),
    "legacy_responses": Option(_flag, _FLAG, used=False),
    "client_name": Option(_text, "text", used=False),
    "lib_name": Option(_text, "text", used=False),
    "lib_version": Option(_text, "text", used=False),
}


def parse_options(scheme: str, query: str) -> dict[str, Value]:
    """The options in ``query`` that have an effect, by name.

    Raises:
        ValueError: One is unknown, does not apply to this scheme, is given twice or has an invalid
            value. The line names it, and shows no secret.
    """
    given: dict[str, str] = {}
    used: dict[str, Value] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        option = OPTIONS.get(name)
        if option is None:
            raise ValueError(_unknown(scheme, query, name))
        _check_applies(scheme, name, option)
        if name in given:
            raise ValueError(f"its option {name} is given twice")
        given[name] = text
        value = _value(name, option, text)
        if option.used:
            used[name] = value
    if "ssl_keyfile" in used and "ssl_certfile" not in used:
        raise ValueError("its option ssl_keyfile requires ssl_certfile")
    if scheme.endswith("cluster") and used.get("db"):
        raise ValueError("its option db must be 0: a cluster has no other database")
    return used


def names_for(scheme: str) -> list[str]:
    """The names of the options that a URL of this scheme may have."""
    return [name for name, option in OPTIONS.items() if _applies(scheme, option.where)]


def _value(name: str, option: Option, text: str) -> Value:
    try:
        return option.parse(text)
    except ValueError as error:
        # The message of open() for a NUL in a path does not name anything.
        own = str(error).startswith("it cannot be read")
        why = str(error) if own else f"it must be {option.allowed}"
        what = "set to a value that is not shown here" if option.secret else shown(text)
        raise ValueError(f"its option {name} is {what}; {why}") from None


def shown(text: str) -> str:
    """``text`` quoted, escaped and bounded, for use in an error message."""
    return ascii(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "...")


def _applies(scheme: str, where: UrlKind) -> bool:
    return {
        UrlKind.ALL: True,
        UrlKind.TCP: scheme != "unix",
        UrlKind.TLS: scheme.startswith("rediss"),
        UrlKind.SENTINEL: scheme.endswith("sentinel"),
    }[where]


def _check_applies(scheme: str, name: str, option: Option) -> None:
    if _applies(scheme, option.where):
        return
    if option.where is UrlKind.SENTINEL:
        raise ValueError(f"its option {name} is for redis+sentinel:// URLs")
    if scheme == "unix":
        raise ValueError(f"its option {name} is not for a unix socket")
    tls = scheme.replace("redis", "rediss", 1)
    raise ValueError(f"its option {name} is for TLS: write {tls}:// in place of {scheme}://")


def _unknown(scheme: str, query: str, name: str) -> str:
    if "@" in query or not _NAME.fullmatch(name):
        # It may be the rest of a password.
        return "its part after the ? is not NAME=VALUE; percent-encode / # ? and @ in a password"
    names = names_for(scheme)
    return f"{name} is not one of its options ({', '.join(names)}){did_you_mean(name, names)}"
