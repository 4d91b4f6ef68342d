"""Keys that are no secret: placeholders that are refused, and short ones that are warned of.

Whoever knows or guesses the key can sign a job, and so run code on every worker.
"""

from __future__ import annotations

import re

LEAST = 32
"""Characters of a key that nobody can guess, if they are random."""
HOW_TO_MAKE_A_KEY = 'python -c "import secrets; print(secrets.token_hex(32))"'

_SIGNS = re.compile(r"[\W_]+")
# The framework asok 0.8.0 has these in its source: it signs with them while it builds without a key, and
# writes them into the files that `asok build` and `asok deploy` make.
_PUBLISHED = ("staticbuildkeytemporary", "staticbuildkeytemporary32charslongkey")
# Parts that templates and documentation write where a key belongs; no random key contains one.
_TEMPLATES = re.compile(
    r"change(?:me|this|it)|replace(?:me|this|with)|your(?:own)?(?:secret|key)|(?:enter|put|insert)"
    r"(?:a|your|the)?(?:secret|key)|example(?:secret|key)|(?:insecure|default|dummy)(?:secret|key)"
)
_WORDS = re.compile(
    "(?:my|super|top|the)?(?:secret(?:key)?|password)|insecure|default|example|placeholder|todo"
)


def is_placeholder(key: str) -> bool:
    """Whether it stands for a key that was never put in: everybody knows it."""
    plain = _SIGNS.sub("", key).lower()
    return bool(plain in _PUBLISHED or _WORDS.fullmatch(plain) or _TEMPLATES.search(plain))


def weakness(name: str, keys: tuple[str, ...]) -> str | None:
    """One line on the shortest of the keys that are in ``name``, or None if all are long enough."""
    length = min(map(len, keys), default=LEAST)
    if length >= LEAST:
        return None
    return (
        f"{name} has {'a key of ' if len(keys) > 1 else ''}{length} characters, and who guesses it "
        f"can run code on every worker. Use at least {LEAST} random ones: {HOW_TO_MAKE_A_KEY}"
    )
