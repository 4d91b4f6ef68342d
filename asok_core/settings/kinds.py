"""The kinds of values that settings have."""

from __future__ import annotations

import re
from typing import Literal, TypeVar, cast

from asok_core.settings import durations, redis_url
from asok_core.settings.declaration import SettingKind, shown
from asok_core.settings.durations import LONGEST_KEPT

T = TypeVar("T")
Backend = Literal["local", "redis", "eager"]
RecordForm = Literal["hash", "framework"]
EnvelopeForm = Literal["both", "v1", "v2"]

_SIZE = re.compile(r"(?P<number>[0-9]{1,12})\s*(?P<unit>[kmg]i?b?|b?)", re.ASCII | re.IGNORECASE)
_SIZE_SHIFTS = {"": 0, "b": 0, "k": 10, "m": 20, "g": 30}
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_FRACTION = re.compile(r"[01](?:\.[0-9]{1,9})?|\.[0-9]{1,9}", re.ASCII)
_TASK_PATTERN = re.compile(r"\*|[^\W\d]\w*(?:\.[^\W\d]\w*)*(?:\.\*|:[^\W\d]\w*)?")
_MODULE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_NAME_PATTERN = re.compile(r"[\w*?-]{1,100}")
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/+-]{0,63}", re.ASCII)
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*", re.ASCII)
_LONGEST_QUEUE_NAME = 200

FEWEST_EVENTS, SHORTEST_EVENTS_AGE = 200, 3_600
"""The least bounds of the events (entries, seconds): what changed lately is always among them."""


def is_text(value: str) -> bool:
    """Whether ``value`` can be encoded as UTF-8: it may have lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def whole_number(least: int, most: int) -> SettingKind[int]:
    """Return the kind of whole numbers from ``least`` to ``most``."""

    def parse(text: str) -> int:
        if not _WHOLE_NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError
        return int(text)

    return SettingKind(parse, f"a whole number from {least} to {most}")


def parse_queue_name(text: str) -> str:
    """Return ``text`` if it is a valid queue name: 1 to 200 printable characters, no comma.

    Raises:
        ValueError: It is not; the message is one line.
    """
    if not text or text != text.strip():
        raise ValueError(f"queue name {shown(text)} is empty, or begins or ends with a space")
    if len(text) > _LONGEST_QUEUE_NAME:
        raise ValueError(
            f"queue name {shown(text)} is longer than {_LONGEST_QUEUE_NAME} characters"
        )
    if "," in text or not text.isprintable():
        raise ValueError(f"queue name {shown(text)} contains a comma or a control character")
    return text


def _parse_backend(text: str) -> Backend:
    name = text.lower()
    if name not in {"local", "redis", "eager"}:
        raise ValueError
    return cast("Backend", name)


def _parse_record_form(text: str) -> RecordForm:
    name = text.lower()
    if name not in {"hash", "framework"}:
        raise ValueError
    return cast("RecordForm", name)


def _parse_envelope_form(text: str) -> EnvelopeForm:
    name = text.lower()
    if name not in {"both", "v1", "v2"}:
        raise ValueError
    return cast("EnvelopeForm", name)


def _parse_fraction(text: str) -> float:
    if not _FRACTION.fullmatch(text) or float(text) > 1:
        raise ValueError
    return float(text)


def _parse_flag(text: str) -> bool:
    word = text.lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ValueError


def _parse_size(text: str) -> int:
    found = _SIZE.fullmatch(text)
    if found is None or not int(found["number"]):
        raise ValueError
    return int(found["number"]) << _SIZE_SHIFTS[found["unit"][:1].lower()]


def _parse_duration(text: str) -> float:
    try:
        return durations.parse_duration(text)
    except ValueError:
        raise ValueError from None


def _parse_lease(text: str) -> float:
    seconds = _parse_duration(text)
    if not 1 <= seconds <= 86_400:
        raise ValueError
    return seconds


def _parse_hang_limit(text: str) -> float | None:
    seconds = _parse_duration(text)
    if seconds and seconds < 10:
        raise ValueError
    return seconds or None


def _parse_kept(text: str) -> float:
    seconds = _parse_duration(text)
    if not 1 <= seconds <= LONGEST_KEPT:
        raise ValueError
    return seconds


def _parse_events_age(text: str) -> float:
    seconds = _parse_kept(text)
    if seconds < SHORTEST_EVENTS_AGE:
        raise ValueError
    return seconds


def _parse_redis_url(text: str) -> str:
    redis_url.parse_redis_url(text)
    return text


def _parse_namespace(text: str) -> str:
    bare = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    if not _NAMESPACE.fullmatch(bare):
        raise ValueError
    return text


def _parse_release(text: str) -> str:
    if not _RELEASE.fullmatch(text):
        raise ValueError
    return text


def _parse_list(text: str) -> tuple[str, ...]:
    parts = (part.strip() for part in text.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def _parse_queues(text: str) -> tuple[str, ...]:
    names = _parse_list(text)
    if not names:
        raise ValueError
    return tuple(parse_queue_name(name) for name in names)


def parse_name_pattern(text: str) -> str:
    """Return ``text`` if it is a valid pattern of names. Raises ValueError."""
    if not _NAME_PATTERN.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a name or a pattern with * and ?")
    return text


def _parse_name_patterns(text: str) -> tuple[str, ...]:
    return tuple(map(parse_name_pattern, _parse_list(text)))


def _parse_task_modules(text: str) -> tuple[str, ...]:
    patterns = _parse_list(text)
    for each in patterns:
        if not _TASK_PATTERN.fullmatch(each):
            raise ValueError(f"{shown(each)} is not a pattern of tasks")
    if not patterns:
        raise ValueError
    return patterns


def _parse_modules(text: str) -> tuple[str, ...]:
    names = _parse_list(text)
    for each in names:
        if not _MODULE.fullmatch(each):
            raise ValueError(f"{shown(each)} is not the name of a module")
    if not names:
        raise ValueError
    return names


def _parse_folder(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError
    return text


def _parse_secret(text: str) -> str:
    # Bytes of the environment that are not UTF-8 arrive as lone surrogates.
    if not is_text(text):
        raise ValueError
    return text


def _parse_secrets(text: str) -> tuple[str, ...]:
    return tuple(_parse_secret(key) for key in _parse_list(text))


def _hidden(_text: str) -> str:
    return "set to a value that is not shown here"


def _shown_url(text: str) -> str:
    return shown(redis_url.masked_url(text))


BACKEND: SettingKind[Backend] = SettingKind(
    _parse_backend, "local, redis or eager", blank_is_unset=True
)
EVENTS_AGE = SettingKind(_parse_events_age, "from 1h to 3650d, as in 2h or 7d")
DURATION = SettingKind(_parse_duration, durations.ALLOWED)
ENVELOPE_FORM: SettingKind[EnvelopeForm] = SettingKind(
    _parse_envelope_form, "both, v1 or v2", blank_is_unset=True
)
FLAG = SettingKind(_parse_flag, "1, 0, true, false, yes, no, on or off")
FRACTION = SettingKind(_parse_fraction, "a fraction from 0 to 1")
FOLDER = SettingKind(_parse_folder, "a directory, as in src", blank_is_unset=True)
HANG_LIMIT = SettingKind(_parse_hang_limit, "0, or at least 10s, as in 90, 90s or 5m")
LEASE = SettingKind(_parse_lease, "from 1s to 1d, as in 90, 90s or 5m")
KEPT = SettingKind(_parse_kept, "from 1s to 3650d, as in 90, 90s, 2h or 7d")
MODULES: SettingKind[tuple[str, ...]] = SettingKind(
    _parse_modules,
    "comma-separated names of modules, as in shop.setup,shop.tasks",
    blank_is_unset=True,
)
NAMESPACE = SettingKind(
    _parse_namespace,
    "made of letters, digits and . _ : - (in braces for Redis Cluster, as in {asok})",
)
QUEUES = SettingKind(_parse_queues, "comma-separated queue names, at least one")
RECORD_FORM: SettingKind[RecordForm] = SettingKind(
    _parse_record_form, "hash or framework", blank_is_unset=True
)
RELEASE = SettingKind(
    _parse_release,
    "up to 64 letters, digits and . _ : / + - such as 4f2a1c or v1.8.2",
    blank_is_unset=True,
)
REDIS_URL = SettingKind(_parse_redis_url, redis_url.ALLOWED, _shown_url, blank_is_unset=True)
SECRET = SettingKind(_parse_secret, "UTF-8 text", _hidden, verbatim=True)
SECRETS = SettingKind(_parse_secrets, "comma-separated keys", _hidden)
SIZE = SettingKind(_parse_size, "a size in bytes such as 65536, 64KiB or 1MiB")
TASK_MODULES = SettingKind(
    _parse_task_modules,
    "comma-separated patterns, as in shop.*,billing.tasks,os:getpid, or *",
    blank_is_unset=True,
)
NAME_PATTERNS = SettingKind(
    _parse_name_patterns, "comma-separated names, with * and ?, as in password,token,card*"
)
PROCESSES = whole_number(1, 256)
THREADS = whole_number(1, 1024)
