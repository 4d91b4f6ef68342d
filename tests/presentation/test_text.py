import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_console.presentation.text import arguments_text, call_text, plain_json, safe, safe_block

HOSTILE = {
    "escape": "\x1b[31mred\x1b[0m",
    "title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "c1": "\x9b31m",
    "nul": "a\x00b",
    "bidi": "user\u202etxt.exe",
    "isolate": "\u2066x\u2069",
    "zero width": "pay\u200bpal",
    "soft hyphen": "a\u00adb",
    "tags": "a\U000e0041b",
    "bom": "\ufeffx",
    "surrogate": "\udcff",
    "variation": "x\ufe0f",
    "skin tone": "\U0001f44d\U0001f3fd",
    "flag": "\U0001f1e9\U0001f1ea",
    "vowel sign": "\u0915\u093f",
    "backspace": "abc\b\b\bxyz",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_hidden_reaches_the_terminal(text: str) -> None:
    shown = safe(text)
    assert shown != text
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown)


@given(st.text(st.characters(codec=None)))
def test_no_control_or_format_character_remains(text: str) -> None:
    for shown in (safe(text), safe_block(text).replace("\n", "")):
        bad = [c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
        assert not bad
        assert not set(shown) & set("\u200b\u200e\u200f\u202a\u202e\u2066\u2069\ufeff\u00ad")


@given(st.text())
def test_safe_text_is_unchanged(text: str) -> None:
    assert safe(safe(text)) == safe(text)


def test_ordinary_text_of_any_language_is_unchanged() -> None:
    for text in ("billing.charge(17)", "größe", "日本語", "مرحبا", "naïve café 🙂"):
        assert safe(text) == text


def test_one_line_shows_where_lines_broke() -> None:
    assert safe("a\nb\r\nc\td") == "a↵b↵c d"


def test_a_block_keeps_its_lines_and_no_carriage_return() -> None:
    assert safe_block("a\r\nb\rc\u2028d\n\x1be") == "a\nb\nc\nd\n␛e"


def test_a_long_text_is_cut_before_it_is_made_safe() -> None:
    assert safe("x" * 5_000_000, 10) == "x" * 9 + "…"


def test_a_call_is_shown_as_python() -> None:
    assert (
        call_text("shop.mail.send", ["ada@example.org", 3], {"cc": None})
        == 'shop.mail.send("ada@example.org", 3, cc=null)'
    )


def test_large_arguments_are_shortened() -> None:
    assert len(arguments_text(["x" * 5_000_000, list(range(100_000))], {}, limit=80)) <= 80


def test_values_that_json_cannot_encode_are_still_shown() -> None:
    deep: list[object] = []
    deep.append(deep)
    assert plain_json(deep) == "[[...]]"
    assert plain_json({"at": {1, 2}}) == '{"at": "{1, 2}"}'
