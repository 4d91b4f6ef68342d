"""The modules of `make mutants`, their tests, and mutants without an effect."""

from __future__ import annotations

from typing import NamedTuple

SUBJECTS: dict[str, tuple[str, ...]] = {
    "asok_core/jobs/retry.py": ("tests/jobs/test_retry.py",),
    "asok_core/inspection/filters.py": ("tests/inspection/test_filters.py",),
    "asok_core/jobs/codec.py": ("tests/jobs/test_codec.py",),
    "asok_core/jobs/envelope.py": ("tests/jobs/test_envelope.py",),
    "asok_core/settings/settings.py": ("tests/settings/test_config.py",),
    "asok_core/settings/kinds.py": (
        "tests/settings/test_config.py",
        "tests/settings/test_kinds.py",
    ),
    "asok_core/settings/durations.py": ("tests/settings/test_durations.py",),
    "asok_core/backends/redis/operating/scopes.py": ("tests/operator/test_scopes.py",),
    "asok_core/backends/redis/operating/verdicts.py": ("tests/operator/test_verdicts.py",),
}
"""Each module with its tests. Running more tests would kill more mutants, and take hours."""


class Change(NamedTuple):
    """One line of a mutant, before and after the change."""

    removed: str
    added: str


EXPLAINED: dict[Change, str] = {
    Change(
        'assert job is not None, "only what can be read is requeued"',
        'assert job is not None, "XXonly what can be read is requeuedXX"',
    ): "the assertion always holds, so nothing shows its text",
    Change(
        'assert job is not None, "only what can be read is requeued"',
        'assert job is not None, "ONLY WHAT CAN BE READ IS REQUEUED"',
    ): "the assertion always holds, so nothing shows its text",
    Change('edited = ""', "edited = None"): "empty parts are left out of the detail, None as well",
    **{
        Change(
            "return sha1(raw, usedforsecurity=False).hexdigest()",
            f"return sha1(raw, {changed}).hexdigest()",
        ): "the digest is the same; the argument matters only where a system forbids SHA-1"
        for changed in ("usedforsecurity=None", "usedforsecurity=True", "")
    },
    Change(
        'return text.encode("utf-8", "surrogatepass")',
        'return text.encode("UTF-8", "surrogatepass")',
    ): "names of encodings are compared without case",
    Change('length = value.lstrip("<>=")', 'length = value.lstrip("XX<>=XX")'): (
        "values are casefolded before, so none begins with an X"
    ),
    Change("seconds = -1", "seconds = -2"): "any negative length is refused",
    Change(
        'return row.record.function.casefold() if row.record else ""',
        'return row.record.function.casefold() if row.record else "XXXX"',
    ): "search texts are casefolded, and none is in XXXX",
}
"""Mutants that no test can kill, with the reason."""
