"""Each concept has one name, and words that the field does not use are not used."""

from __future__ import annotations

import pytest

from tests.package import words


def test_all_files_use_the_words_of_the_field() -> None:
    found = list(words.find(words.project()))
    assert not found, "\n" + "\n".join(map(str, found))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("class DeadLetter:", "Dead Letter"),
        ("for dead_letter in rows:", "dead letter"),
        ("# A dead-letter that is kept.", "dead letter"),
        ("def tell(self) -> None:", "tell"),
        ("# It begins anew.", "anew"),
        ("    meanwhile: Callable[[], object]", "meanwhile"),
        ("# Each worker gives a sign.", "gives a sign"),
        ("last_beat = 1", "beat"),
        ("# That is no queue.", "That is no"),
        ("class Cause:", "Cause"),
        ("# Whoever reads it takes a lock.", "Whoever"),
        ("in_hand = len(jobs)", "in hand"),
        ("# It is mended by a restart.", "mended"),
    ],
)
def test_a_word_is_found_in_names_and_in_prose(line: str, found: str) -> None:
    assert [each.found for each in words.find_in(line, "asok_core/example.py")] == [found]


@pytest.mark.parametrize(
    "line",
    [
        "DEAD_LETTER_QUEUE = 'dlq'  # the dead-letter queue (DLQ)",
        "# Letters, digits and dots are allowed.",
        "# A string in its place is one round trip.",
        "@dataclass(frozen=True)",
        "last_heartbeat = 1",
        "raise error from error.__cause__",
        "self.beat_at = at",
        "# It causes a restart, which is no longer needed.",
        "# It stands for a job, and nobody else may change it.",
    ],
)
def test_ordinary_uses_are_not_findings(line: str) -> None:
    assert not list(words.find_in(line, "asok_core/example.py"))


def test_a_finding_names_the_file_the_line_and_the_replacement() -> None:
    [found] = words.find_in("x = 1\n# It begins anew.\n", "asok_core/example.py")
    assert str(found) == ("asok_core/example.py:2: 'anew' (use: again): # It begins anew.")
