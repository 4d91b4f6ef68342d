"""Arguments as text that a person edits, and the lines that an edit changes."""

from __future__ import annotations

import json

import pytest

from asok_core.inspection.edits import diff, editable, typed


def test_text_is_text_and_what_is_hidden_is_an_escape() -> None:
    arguments = (["Grüße 日本", "a\u202eb\x1b[2J\x7f\x9b\ud800"], {"naïve": 1})
    text = editable(arguments)
    assert '"Grüße 日本"' in text
    assert '"naïve": 1' in text
    assert r"a\u202eb\u001b[2J\u007f\u009b\ud800" in text
    assert json.loads(text) == {"args": arguments[0], "kwargs": arguments[1]}


@pytest.mark.parametrize("text", ['{\r\n\t"args": []\r\n}\r\n', '{\n    "args": []\n}'])
def test_what_another_editor_saved_is_shown_alike(text: str) -> None:
    assert typed(text) == '{\n    "args": []\n}'


def test_a_diff_has_the_changed_lines_and_some_around_them() -> None:
    before = ([1, 2, 3, 4, 5, 6, 7, 8, 9, "--x"], {"a": 1})
    after = ([0, 2, 3, 4, 5, 6, 7, 8, 9, "--y"], {"a": 1})
    assert diff(before, before) == []
    assert diff(before, after) == [
        " {", '   "args": [', "-    1,", "+    0,", "     2,", "     3,", " …",
        "     8,", "     9,", '-    "--x"', '+    "--y"', "   ],", '   "kwargs": {',
    ]  # fmt: skip
