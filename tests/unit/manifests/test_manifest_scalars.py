"""Plain scalars mean what they mean to kubectl."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponte.manifests.scalars import resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", False), ("no", False), ("n", False), ("N", False), ("off", False), ("Off", False),
        ("yes", True), ("Y", True), ("on", True), ("TRUE", True),
        ("", None), ("~", None), ("null", None), ("NULL", None),
        ("12", 12), ("-7", -7), ("+7", 7), ("0", 0), ("1_000", 1000),
        ("0012", 10), ("0o14", 12), ("0x1F", 31), ("0b101", 5), ("-010", -8),
        ("0089", Decimal(89)), ("12.50", Decimal("12.50")), (".5", Decimal("0.5")), ("1e3", Decimal("1E+3")),
        ("12345678901234567.89", Decimal("12345678901234567.89")),
    ],
)  # fmt: skip
def test_a_plain_word_is_what_kubectl_takes_it_for(text, value):
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    ["12:30:45", "190:20", "2026-11-23", "2026-11-23T10:00:00Z", "nO", "yEs", "tRue", "nUll", "0x", "1.2.3", "-", "+",
     ".", "1e", "=", "<<", "12 Mouse", "1,5", "+39 055", "_1"],
)  # fmt: skip
def test_what_other_readers_of_yaml_convert_stays_text(text):
    assert resolve(text) == text


@pytest.mark.parametrize("text", [".inf", "-.INF", "+.Inf", ".nan", ".NaN"])
def test_values_that_json_lacks_are_refused(text):
    with pytest.raises(ValueError, match="put it in quotes"):
        resolve(text)


@given(st.text(alphabet="0123456789+-._eExXoObBnulyNYtrfas~", max_size=12))
def test_no_scalar_breaks_the_reader_and_none_becomes_a_float(text):
    try:
        assert not isinstance(resolve(text), float)
    except ValueError as error:
        assert "put it in quotes" in str(error)  # noqa: PT017 - both outcomes are right
