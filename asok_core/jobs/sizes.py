"""Sizes in sentences, errors and log lines: binary units with their right names, by humanize.

An exact number of bytes is written where it is compared with a setting, which takes bytes.
"""

from __future__ import annotations


def size_words(number: float) -> str:
    """Bytes in words: ``512 Bytes``, ``1.4 KiB``, ``85.8 MiB``."""
    import humanize  # most programs write no size

    return humanize.naturalsize(number, binary=True)
