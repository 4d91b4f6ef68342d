"""The keys that sign and verify envelopes: derived from SECRET_KEY, one for each version.

Version 2 (ours) signs with a key that has no other purpose: HKDF-SHA256 (RFC 5869) of SECRET_KEY.
The signed message is the version, the namespace and the job's text, separated by NUL bytes: the
signatures of jobs of another namespace, and of other data that an application signs with
SECRET_KEY, are invalid here. Version 1 (the framework ``asok``) is HMAC-SHA256 of the job's text
under SECRET_KEY itself.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final, Literal

from asok_core.settings.settings import Settings

Version = Literal[1, 2]
V1: Final = 1
V2: Final = 2
PURPOSE = b"asok-console job envelope 2"
"""The ``info`` of HKDF, unique to this key."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """SECRET_KEY signs and verifies; the fallbacks only verify, during a rotation.

    ``writes`` is the version of new envelopes. If ``accepts_v1`` is false, version 1 is neither run
    nor written.
    """

    secret: bytes = field(repr=False)
    fallbacks: tuple[bytes, ...] = field(default=(), repr=False)
    namespace: str = "asok"
    writes: Version = V1
    accepts_v1: bool = True
    _begun: dict[Version, tuple[hmac.HMAC, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Key and prefix are hashed once: a copy is cheaper than hashing them for each job.
        secrets = (self.secret, *self.fallbacks)
        prefix = b"2\0" + self.namespace.encode() + b"\0"
        v1 = tuple(hmac.new(each, digestmod="sha256") for each in secrets)
        v2 = tuple(hmac.new(derived_key(each), prefix, "sha256") for each in secrets)
        object.__setattr__(self, "_begun", {V1: v1, V2: v2})

    def sign(self, text: str, version: Version | None = None) -> str:
        """The hexadecimal signature of a job's text under SECRET_KEY, of ``writes`` by default."""
        mac = self._begun[version or self.writes][0].copy()
        mac.update(text.encode())
        return mac.hexdigest()

    def verifies(self, text: str, signature: str, version: Version) -> bool:
        """Whether ``signature`` is valid under any of the keys; compared in constant time."""
        try:
            given = bytes.fromhex(signature)
            message = text.encode()
        except ValueError:
            return False
        for begun in self._begun[version]:
            mac = begun.copy()
            mac.update(message)
            if hmac.compare_digest(mac.digest(), given):
                return True
        return False

    def again(self, version: Version | None) -> Version:
        """The version in which to sign a job again that was in ``version`` (None: unsigned).

        It stays the same while version 1 is accepted, whatever the version of new jobs: the
        producer chose a version that the workers of the queue support. Unsigned jobs become version
        1: they are the framework's, whose worker loses a job that it cannot verify.
        """
        return version or V1 if self.accepts_v1 else V2


def derived_key(secret: bytes) -> bytes:
    """HKDF-SHA256 without salt: the key of version 2."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, PURPOSE + b"\1", "sha256")


def keyring_of(settings: Settings) -> Keyring:
    """SECRET_KEY and its fallbacks. Raises SettingsError if there is no key."""
    return Keyring(
        settings.require_secret_key().encode(),
        tuple(key.encode() for key in settings.secret_key_fallbacks),
        settings.namespace,
        settings.writes_envelope,
        settings.accepts_v1,
    )
