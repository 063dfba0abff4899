"""A number of a workbook is the text that people see, or a flaw; never another number."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponte.connectors.files.excel_cells import column_letters, column_number
from ponte.connectors.files.excel_numbers import NoValueError, number_text
from ponte.connectors.files.excel_styles import Style, parse_format


@pytest.mark.parametrize(
    ("code", "style"),
    [
        ("General", Style("number")),
        ("0", Style("number")),
        ("#,##0.00", Style("number")),
        ("0.00E+00", Style("number")),
        ("# ?/?", Style("number")),
        ("@", Style("number")),
        ('0 "days"', Style("number")),
        ("[Red]-0.00;0.00", Style("number")),
        ('_-* #,##0.00 "€"_-', Style("number")),
        ("00000", Style("zeros", 5)),
        ("[$-410]00000", Style("zeros", 5)),
        ("000;-000", Style("zeros", 3)),
        ('"ART"000', Style("number")),
        ("dd/mm/yyyy", Style("date")),
        ("[$-410]d mmmm yyyy;@", Style("date")),
        (r"yyyy\-mm\-dd", Style("date")),
        ("mmm", Style("date")),
        ("dd/mm/yyyy hh:mm:ss.000", Style("datetime")),
        ("m/d/yy h:mm AM/PM", Style("datetime")),
        ("hh:mm:ss", Style("time")),
        ("mm:ss.0", Style("time")),
        ("[h]:mm:ss", Style("duration")),
        ("[mm]:ss", Style("duration")),
        ('"h" 0', Style("number")),
    ],
)
def test_a_format_tells_what_people_see(code: str, style: Style) -> None:
    assert parse_format(code) == style


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("123", "123"),
        ("123.0", "123"),
        ("19.989999999999998", "19.99"),  # what Excel saves for 19.99
        ("1E+21", "1000000000000000000000"),
        ("1.5E-07", "0.00000015"),
        ("-0", "0"),
        ("12345678901234567890", "12345678901234567890"),  # in full: it is there, so it stays
        ("-0.5", "-0.5"),
    ],
)
def test_a_number_is_its_shortest_text_without_exponent(number: str, text: str) -> None:
    assert number_text(number, Style("number"), is_1904=False) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_number_becomes_another_number(number: float) -> None:
    text = number_text(repr(number), Style("number"), is_1904=False)

    assert float(text) == number
    assert "e" not in text.lower()


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4))
def test_decimals_of_fifteen_digits_stay_what_they_are(number: Decimal) -> None:
    assert Decimal(number_text(str(float(number)), Style("number"), is_1904=False)) == number


@pytest.mark.parametrize(
    ("serial", "sight", "text"),
    [
        ("1", "date", "1900-01-01"),
        ("59", "date", "1900-02-28"),
        ("61", "date", "1900-03-01"),
        ("46096", "date", "2026-03-15"),
        ("46096", "datetime", "2026-03-15T00:00:00"),
        ("46096.770833333336", "date", "2026-03-15T18:30:00"),  # the time is there although it is not shown
        ("46096.000005787036", "datetime", "2026-03-15T00:00:00.500"),
        ("0.5", "time", "12:00:00"),
        ("0.999999999", "time", "23:59:59.999"),
        ("1.5", "duration", "36:00:00"),
        ("-0.25", "duration", "-06:00:00"),
        ("2958465", "date", "9999-12-31"),
    ],
)
def test_days_are_counted_as_excel_counts_them(serial: str, sight: str, text: str) -> None:
    assert number_text(serial, Style(sight), is_1904=False) == text


@pytest.mark.parametrize(("serial", "text"), [("0", "1904-01-01"), ("60", "1904-03-01"), ("44634", "2026-03-15")])
def test_workbooks_of_1904_have_days_of_their_own(serial: str, text: str) -> None:
    assert number_text(serial, Style("date"), is_1904=True) == text


@pytest.mark.parametrize(
    ("serial", "is_1904"),
    [("60", False), ("60.5", False), ("0", False), ("-1", False), ("2958466", False), ("-1", True)],
)
def test_what_is_no_day_is_a_flaw(serial: str, is_1904: bool) -> None:
    with pytest.raises(NoValueError) as flaw:
        number_text(serial, Style("date"), is_1904=is_1904)

    assert flaw.value.reason == "InvalidDate"


@given(st.dates(min_value=date(1900, 3, 1)))
def test_each_day_since_march_1900_is_read_as_it_is(day: date) -> None:
    assert number_text(str((day - date(1899, 12, 30)) // timedelta(days=1)), Style("date"), is_1904=False) == str(day)


@pytest.mark.parametrize("text", ["nan", "inf", "1_000", "abc", "1e999"])
def test_what_is_no_number_is_a_flaw(text: str) -> None:
    with pytest.raises(NoValueError) as flaw:
        number_text(text, Style("number"), is_1904=False)

    assert flaw.value.reason == "NotANumber"


@pytest.mark.parametrize(("number", "text"), [("123", "00123"), ("-7", "-00007"), ("123456", "123456"), ("1.5", "1.5")])
def test_leading_zeros_that_the_format_shows_are_read(number: str, text: str) -> None:
    assert number_text(number, Style("zeros", 5), is_1904=False) == text


@given(st.integers(min_value=1, max_value=16384))
def test_letters_and_numbers_of_columns_are_the_same_columns(number: int) -> None:
    assert column_number(column_letters(number)) == number
