"""Names of a column that are too long for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from asok_console.presentation.fitting import fit, fit_middle, wrap_cells
from asok_console.presentation.names import shortened

WORDS = st.text("ab-世\u0301", max_size=24)


@pytest.mark.parametrize(
    ("texts", "width", "tail", "forms"),
    [
        # All lose the same part, the middle if that is enough.
        (("charge-of-europe", "refund-of-europe"), 12, False, ("charg…europe", "refun…europe")),
        (("shard-280-of-eu", "shard-281-of-eu"), 12, False, ("shar…0-of-eu", "shar…1-of-eu")),
        (("asok.tasks.charge", "asok.tasks.refund"), 12, True, ("…asks.charge", "…asks.refund")),
        # From where they first differ, as no single cut is enough.
        (
            [f"{'a' * 20}{middle}{'b' * 20}" for middle in ("xx", "xy", "yx")],
            12,
            False,
            ("…aaaaxxbbbb…", "…aaaaxybbbb…", "…aaaayxbbbb…"),
        ),
        (("short", "short too"), 12, False, ()),
        (("too long for it", "too long for us"), 4, False, ()),
    ],
)
def test_long_names(texts: list[str], width: int, tail: bool, forms: tuple[str, ...]) -> None:
    assert tuple(shortened(texts, width, tail=tail).values()) == forms


def test_names_that_look_alike_in_any_form_are_numbered() -> None:
    texts = [f"{'a' * 9}{first}{'b' * 9}{second}{'c' * 9}" for first in "xyz" for second in "xyz"]
    forms = shortened(texts, 5).values()
    assert len(set(forms)) == len(texts)
    assert any("#" in form for form in forms)


@given(st.sets(WORDS, max_size=12), st.integers(5, 20), st.booleans())
def test_names_stay_distinct_and_fit_their_column(texts: set[str], width: int, tail: bool) -> None:
    forms = shortened(texts, width, tail=tail)
    assert set(forms) == {text for text in texts if cell_len(text) > width}
    assert {cell_len(form) for form in forms.values()} <= {width}
    assert len(set(forms.values())) == len(forms)
    assert not set(forms.values()) & {fit(text, width) for text in texts.difference(forms)}


@given(WORDS, st.integers(0, 20), st.booleans(), st.booleans())
def test_a_text_takes_exactly_its_cells(text: str, width: int, right: bool, tail: bool) -> None:
    assert cell_len(fit(text, width, right=right, tail=tail)) == width
    assert cell_len(fit_middle(text, width)) == width


def test_what_is_cut_off_in_front_leaves_the_end() -> None:
    assert fit("asok_tasks.mail.send", 10, tail=True) == "…mail.send"
    assert fit("世界世界世界", 6, tail=True) == "…世界 "


@given(WORDS, st.integers(8, 20))
def test_lines_have_at_most_their_width_and_all_of_the_text(text: str, width: int) -> None:
    lines = wrap_cells(text, width, hanging="  ")
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_wide_characters_fill_a_line() -> None:
    assert wrap_cells("世界世界世界 ab", 9) == ["世界世界", "世界 ab"]
