"""The documented users of Redis (ACL): their creation, and the commands denied to them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    import redis

PASSWORD = "s3cret/pass:word@1"
PAGE = Path(__file__).parents[1] / "docs/pages/redis.md"
DOCUMENTED = {
    line.split()[2]: line.split()[3:]
    for line in re.findall(r"^ACL SETUSER \S+ reset .*$", PAGE.read_text(), re.MULTILINE)
}
TOLERATED = {
    # Optional commands: the documentation says what they are for.
    *("config|get", "client|kill", "config", "client", "select"),
    # A viewer may not run scripts. It tries once, and then reads with plain commands.
    *("script|load", "script", "evalsha"),
}


def make_user(client: redis.Redis, role: str, *more: str) -> None:
    """Create the user of a role with its documented permissions, and ``more``."""
    given = [each.replace("PASSWORD", PASSWORD) for each in DOCUMENTED[role]]
    client.execute_command("ACL", "SETUSER", role, *given, *more)


def user_url(client: redis.Redis, role: str, url: str) -> str:
    """Create the user of a role; return ``url`` with its name and password."""
    make_user(client, role)
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{role}:{quote(PASSWORD, '')}@{rest}"


def denied(client: redis.Redis, role: str) -> set[str]:
    """The commands and keys denied to the user of a role since the log was cleared."""
    entries: list[Any] = client.execute_command("ACL", "LOG", 128)
    found = [{_text(k): _text(v) for k, v in _pairs(each)} for each in entries]
    return {f"{each['reason']} {each['object']}" for each in found if each["username"] == role}


def assert_all_allowed(client: redis.Redis, role: str) -> None:
    """Assert that no command was denied to the user of a role."""
    needed = denied(client, role) - {f"command {each}" for each in TOLERATED}
    assert not needed, f"the documented permissions of {role} lack: {sorted(needed)}"


def _pairs(entry: Any) -> Any:
    return entry.items() if isinstance(entry, dict) else zip(entry[::2], entry[1::2], strict=True)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
