"""Programs of a test resolve one host name as a file says, which the test changes."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

_resolve = socket.getaddrinfo


def _getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    if host == "redis.test":
        host = Path(os.environ["RESOLVER_FILE"]).read_text()
    return _resolve(host, *args, **kwargs)


socket.getaddrinfo = _getaddrinfo
