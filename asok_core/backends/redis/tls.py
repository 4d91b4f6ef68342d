"""What the TLS options of a Redis URL refer to: certificates and keys that can be used."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping

from asok_core.errors import SettingsError
from asok_core.settings.redis_options import Value, shown


def check_tls(url: str, options: Mapping[str, Value]) -> None:
    """Raise SettingsError, which names the option, for a certificate, key or cipher list of no use.

    ``url`` is how the URL may be shown. Otherwise each connection would fail with OpenSSL's words, or
    OpenSSL would ask on the terminal for the password of a key.
    """
    context = ssl.create_default_context()

    def text(name: str) -> str | None:
        return str(options[name]) if name in options else None

    checks: dict[str, tuple[str, Callable[[], object]]] = {
        "ssl_ca_certs": (
            "no certificate can be read from it",
            lambda: context.load_verify_locations(cafile=text("ssl_ca_certs")),
        ),
        "ssl_ca_path": (
            "no certificate can be read from it",
            lambda: context.load_verify_locations(capath=text("ssl_ca_path")),
        ),
        "ssl_ca_data": (
            "it holds no certificate",
            lambda: context.load_verify_locations(cadata=text("ssl_ca_data")),
        ),
        "ssl_certfile": (
            "it must hold a certificate, and it or ssl_keyfile the key (ssl_password decrypts it)",
            lambda: context.load_cert_chain(
                text("ssl_certfile") or "", text("ssl_keyfile"), text("ssl_password") or ""
            ),
        ),
        "ssl_ciphers": (
            "OpenSSL knows none of them",
            lambda: context.set_ciphers(text("ssl_ciphers") or ""),
        ),
    }
    for name, (why, check) in checks.items():
        if name not in options:
            continue
        try:
            check()
        except (OSError, ValueError):  # ssl.SSLError is an OSError
            value = shown(str(options[name]))
            raise SettingsError(
                f"the Redis URL {url!r} is invalid: its option {name} is {value}; {why}"
            ) from None
