"""Numbers, durations, columns, and data that must not harm whoever looks at it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponte.cli.render import text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.04, "0.0 s"),
        (0.6, "0.6 s"),
        (9.96, "10 s"),
        (41, "41 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_are_said_as_people_say_them(value: float, shown: str) -> None:
    assert text.seconds(value) == shown


def test_a_clock_shows_hours_minutes_and_seconds() -> None:
    assert text.clock(1) == "0:00:01"
    assert text.clock(3725.4) == "1:02:05"


def test_one_fault_is_singular() -> None:
    assert text.counted(1, "fault") == "1 fault"
    assert text.counted(1200, "fault") == "1,200 faults"


@pytest.mark.parametrize(
    "harmful",
    ["\x1b[2J", "\x07", "a\rb", "a\nb", "\x9b31m", "\u202egnp.exe", "\u2066x", "\u2028", "\x7f", "\x00"],
)
def test_escaped_text_holds_no_character_that_controls_a_terminal(harmful: str) -> None:
    shown = text.escape(harmful)

    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} for character in shown)
    assert "\\" in shown


def test_ordinary_words_of_any_language_stay_as_they_are() -> None:
    words = "Caffè, Größe, Ø 12 mm, 日本語, עברית, क्षि"

    assert text.escape(words) == words


@given(st.text())
def test_nothing_that_is_escaped_moves_the_cursor(data: str) -> None:
    assert not any(unicodedata.category(character) == "Cc" for character in text.escape(data))


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "M"])), st.integers(1, 60))
def test_fitted_text_is_never_wider_than_asked(data: str, width: int) -> None:
    assert text.width_of(text.fit(data, width)) <= width


def test_wide_characters_take_two_columns_and_accents_none() -> None:
    assert text.width_of("日本") == 4
    assert text.width_of("e\u0301") == 1


def test_columns_of_a_table_are_aligned_and_numbers_stand_right() -> None:
    lines = text.table([["KEY", "N"], ["0000042", "7"], ["日本", "1,200"]], right=frozenset({1}))

    assert lines == ["KEY          N", "0000042      7", "日本     1,200"]


def test_parts_that_do_not_fit_flow_to_a_new_line() -> None:
    assert text.flow(["one", "two", "three"], indent="  ", width=9) == ["one · two", "  three"]
    assert text.flow(["one", "two", "three"]) == ["one · two · three"]


def test_a_statement_goes_on_indented_and_only_between_words() -> None:
    assert text.hanging("integration/a.yaml:3  no such field", width=24) == [
        "integration/a.yaml:3",
        "  no such field",
    ]
    assert text.hanging("short", width=24) == ["short"]
    assert text.hanging("without a terminal nothing is broken", width=None) == ["without a terminal nothing is broken"]


def test_no_word_of_a_told_table_is_lost_at_any_width() -> None:
    why = "erp: user PONTE cannot log in: password expired. Renew it."
    rows = [("JOB", "READ", "WHY"), ("stock", "0", why), ("prices", "12", "")]

    for width in (30, 40, 60, 200):
        lines = text.told_table(rows, right=frozenset({1}), width=width)
        assert max(map(len, lines)) <= width
        assert set(why.split()) <= set(" ".join(lines).split())
    assert text.told_table(rows, width=30)[:3] == [
        "JOB     READ",
        "stock   0",
        "    erp: user PONTE cannot log",
    ]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (60, ["One record could not be: ponte rejects list products"]),
        (40, ["One record could not be:", "ponte rejects list products"]),
        (20, ["One record could not", "be: ponte rejects", "list products"]),
    ],
)
def test_a_command_at_the_end_is_not_broken_where_it_fits_a_line(width: int, expected: list[str]) -> None:
    assert text.wrapped("One record could not be: ponte rejects list products", width=width) == expected
