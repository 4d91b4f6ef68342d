"""Weak secret keys: placeholders, which are refused, and short keys, which cause a warning.

Anyone who knows or guesses the key can sign a job, and so run code on every worker.
"""

from __future__ import annotations

import re

LEAST = 32
"""Random characters that a key should have at least, so that it cannot be guessed."""
HOW_TO_CREATE_A_KEY = 'python -c "import secrets; print(secrets.token_hex(32))"'

_SIGNS = re.compile(r"[\W_]+")
# From the source of the framework asok 0.8.0, which signs with them when it builds without a key
# and writes them into the files of `asok build` and `asok deploy`.
_PUBLISHED = ("staticbuildkeytemporary", "staticbuildkeytemporary32charslongkey")
# Typical parts of placeholders in templates and documentation; no random key contains one.
_TEMPLATES = re.compile(
    r"change(?:me|this|it)|replace(?:me|this|with)|your(?:own)?(?:secret|key)|(?:enter|put|insert)"
    r"(?:a|your|the)?(?:secret|key)|example(?:secret|key)|(?:insecure|default|dummy)(?:secret|key)"
)
_WORDS = re.compile(
    "(?:my|super|top|the)?(?:secret(?:key)?|password)|insecure|default|example|placeholder|todo"
)


def is_placeholder(key: str) -> bool:
    """Whether it is a placeholder that was never replaced, and so is publicly known."""
    plain = _SIGNS.sub("", key).lower()
    return bool(plain in _PUBLISHED or _WORDS.fullmatch(plain) or _TEMPLATES.search(plain))


def weakness(name: str, keys: tuple[str, ...]) -> str | None:
    """A warning about the shortest of the keys in ``name``, or None if all are long enough."""
    length = min(map(len, keys), default=LEAST)
    if length >= LEAST:
        return None
    return (
        f"{name} has {'a key of ' if len(keys) > 1 else ''}{length} characters; anyone who guesses "
        "it "
        f"can run code on every worker. Use at least {LEAST} random characters: {HOW_TO_CREATE_A_KEY}"
    )
